"""`tonnage providers new` from where people stand: in the root of a checkout, inside one, elsewhere."""

from pathlib import Path

import pytest

from tests.broker.cli.commands import run

URL = "https://api.acme.example/v1"
LISTS = {
    "providers/registry.py": 'SUPPLIERS: dict[str, str] = {\n    "vast": "providers.vast",\n}\n',
    "pricing/gpu_aliases.csv": "provider,alias\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, content in LISTS.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_the_root_of_a_checkout_gets_an_adapter_and_the_page_to_read_next(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)

    begun = run("providers", "new", "acme", "--url", URL, database_url="")

    assert begun.exit_code == 0, begun.output
    assert all((checkout / name).is_file() for name in begun.stdout.split())
    assert "providers/acme.py" in begun.stdout.split()
    assert "docs/adding-a-provider.md" in begun.stderr


def test_a_checkout_elsewhere_is_named(checkout: Path) -> None:
    begun = run("providers", "new", "acme", "--url", URL, "--in", str(checkout), database_url="")

    assert begun.exit_code == 0, begun.output
    assert (checkout / "providers/acme.py").is_file()


def test_a_folder_inside_a_checkout_is_told_where_to_go(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "providers")

    refused = run("providers", "new", "acme", "--url", URL, database_url="")

    assert refused.exit_code == 2
    assert "is not the root of a checkout" in refused.stderr
    assert "--in" in refused.stderr
    assert not list(checkout.rglob("acme*"))
