"""Beginning an adapter: what is written is green at once, and what is refused writes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.scaffold import ScaffoldError, Wish, scaffold

ROOT = Path(__file__).parents[2]
URL = "https://api.acme.example/v1"
ACME = Wish(key="acme_cloud", url=URL)
LISTS = ("providers/registry.py", "pricing/gpu_aliases.csv")
FOR_THE_SUITE = (
    "pyproject.toml",
    "tests/__init__.py",
    "tests/providers/__init__.py",
    "tests/providers/counterpart.py",
    "tests/providers/exchanges.py",
    "tests/providers/faults.py",
    "tests/providers/test_conformance.py",
    "tests/providers/counterparts/__init__.py",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what makes one a checkout: the list of suppliers and the GPU names."""
    folder = tmp_path / "checkout"  # what lies beside it is looked at too, and is ours alone
    for name in LISTS:
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_three_files_and_two_lines_are_written_and_named(checkout: Path) -> None:
    before = contents(checkout)

    written = scaffold(ACME, checkout)

    after = contents(checkout)
    assert {checkout / path for path in written} == {
        path for path, content in after.items() if before.get(path) != content
    }
    assert [str(path) for path in written] == [
        "providers/acme_cloud.py",
        "fixtures/suppliers/acme_cloud/exchanges.json",
        "tests/providers/counterparts/acme_cloud.py",
        *LISTS,
    ]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_gets_one_line_more_and_loses_none(checkout: Path, name: str) -> None:
    before = (checkout / name).read_text(encoding="utf-8").splitlines()

    scaffold(ACME, checkout)

    after = (checkout / name).read_text(encoding="utf-8").splitlines()
    (added,) = (line for line in after if "acme_cloud" in line)
    assert [line for line in after if line != added] == before


def test_a_list_of_gpu_names_without_a_last_line_end_is_not_torn(checkout: Path) -> None:
    aliases = checkout / "pricing/gpu_aliases.csv"
    rows = aliases.read_text(encoding="utf-8").rstrip("\n")
    aliases.write_text(rows, encoding="utf-8")

    scaffold(ACME, checkout)

    *before, added = aliases.read_text(encoding="utf-8").splitlines()
    assert before == rows.splitlines()
    assert added.startswith("acme_cloud,")


@pytest.mark.parametrize(
    "key",
    ["", "a", "Acme", "acme-cloud", "acme cloud", "1acme", "_acme", "../acme", "class", "a" * 32],
)
def test_a_key_that_cannot_name_a_module_is_refused(checkout: Path, key: str) -> None:
    is_refused(Wish(key=key, url=URL), checkout, because="is no key")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.example",
        "http://api.acme.example/v1",
        "ftp://acme.example",
        "https://",
        "https:///v1",
        "https://user:secret@acme.example",
        "https://acme.example/?key=secret",
        'https://acme.example/"',
        "https://acme.example/v 1",
    ],
)
def test_an_address_that_is_none_or_would_put_a_secret_into_code_is_refused(
    checkout: Path, url: str
) -> None:
    is_refused(Wish(key="acme_cloud", url=url), checkout, because="is not an address")


@pytest.mark.parametrize("key", ["vast", "price_sheet", "lambda_cloud", "http", "supplier"])
def test_what_exists_already_is_never_overwritten(checkout: Path, key: str) -> None:
    if not (taken := checkout / f"providers/{key}.py").exists():
        taken.write_text("# somebody's work\n", encoding="utf-8")

    is_refused(Wish(key=key, url=URL), checkout, because="exists already")


def test_a_supplier_whose_file_has_another_name_is_known_by_its_key(checkout: Path) -> None:
    registry = checkout / "providers/registry.py"
    listing = registry.read_text(encoding="utf-8")
    registry.write_text(
        listing.replace('"providers.vast"', '"providers.market"').replace('"vast"', '"acme_cloud"'),
        encoding="utf-8",
    )

    is_refused(ACME, checkout, because="exists already: providers/registry.py")


def test_a_second_try_is_refused_and_changes_nothing(checkout: Path) -> None:
    scaffold(ACME, checkout)

    is_refused(ACME, checkout, because="remove what an earlier try has left")


@pytest.mark.parametrize("missing", LISTS)
def test_a_folder_that_is_no_checkout_is_refused_with_the_way_out(
    checkout: Path, missing: str
) -> None:
    (checkout / missing).unlink()

    is_refused(ACME, checkout, because="--in")


def test_a_folder_inside_a_checkout_is_not_its_root(checkout: Path) -> None:
    is_refused(ACME, checkout / "providers", because="is not the root")


def test_a_list_that_is_written_otherwise_is_refused_before_anything_is_written(
    checkout: Path,
) -> None:
    (checkout / "providers/registry.py").write_text("SUPPLIERS = {}", encoding="utf-8")

    is_refused(ACME, checkout, because="has no list SUPPLIERS")


def is_refused(wish: Wish, checkout: Path, *, because: str) -> None:
    root = checkout.parent
    before = contents(root)

    with pytest.raises(ScaffoldError, match=re.escape(because)):
        scaffold(wish, checkout)

    assert contents(root) == before


@given(parts=st.lists(st.text("abcxyz019", min_size=1, max_size=6), min_size=1, max_size=4))
def test_a_class_is_named_after_its_key(parts: list[str]) -> None:
    name = Wish(key="_".join(parts), url=URL).class_name

    assert name.lower() == "".join(parts)
    assert "_" not in name


def test_what_is_written_passes_the_conformance_suite_and_the_linter(tmp_path: Path) -> None:
    copy_of_the_checkout(tmp_path)
    written = [path for path in scaffold(ACME, tmp_path) if path.suffix == ".py"]

    suite = in_folder(tmp_path, "pytest", "-q", "-k", ACME.key, "-p", "no:cacheprovider")
    checked = in_folder(tmp_path, "ruff", "check", "--no-cache", *map(str, written))
    formatted = in_folder(tmp_path, "ruff", "format", "--check", "--no-cache", *map(str, written))

    assert suite.returncode == 0, suite.stdout
    assert int(re.findall(r"(\d+) passed", suite.stdout)[0]) > 20
    assert checked.returncode == 0, checked.stdout
    assert formatted.returncode == 0, formatted.stdout


def copy_of_the_checkout(folder: Path) -> None:
    """Copy what the suite needs, with one other supplier: loading all would take seconds."""
    for package in ("providers", "pricing"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in FOR_THE_SUITE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(
        ROOT / "tests/providers/counterparts/vast.py", folder / "tests/providers/counterparts"
    )
    shutil.copytree(ROOT / "fixtures/suppliers/vast", folder / "fixtures/suppliers/vast")
    registry = folder / "providers/registry.py"
    listing = registry.read_text(encoding="utf-8")
    others = r'^    "(?!vast")\w+": "providers\.\w+",\n'
    registry.write_text(re.sub(others, "", listing, flags=re.MULTILINE), encoding="utf-8")


def in_folder(folder: Path, tool: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run(
        [sys.executable, "-m", tool, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
