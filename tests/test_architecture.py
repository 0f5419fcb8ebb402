"""The shape of the tree: import contracts hold, and every module that they name exists."""

import importlib
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pricing", "providers", "broker", "dashboards")


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


def test_the_import_contracts_hold() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


def named_modules() -> set[str]:
    names: set[str] = set()
    for contract in contracts():
        names |= set(contract.get("source_modules", [])) | set(
            contract.get("forbidden_modules", [])
        )
        for container in contract.get("containers", []):
            layers = " | ".join(contract["layers"]).split(" | ")
            names |= {f"{container}.{layer.strip()}" for layer in layers}
    return names


@pytest.mark.parametrize("name", sorted(named_modules()))
def test_every_module_a_contract_names_can_be_found(name: str) -> None:
    assert importlib.util.find_spec(name) is not None, f"{name} is misspelt or gone"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_four_packages_are_ours(package: str) -> None:
    found = importlib.import_module(package)

    assert Path(str(found.__file__)).is_relative_to(ROOT)


def test_no_dashboard_file_bears_a_top_level_name() -> None:
    # Streamlit puts the folder of its script first on the path: such a file would replace a package.
    clashes = [name for name in PACKAGES if (ROOT / "dashboards" / f"{name}.py").exists()]

    assert clashes == []


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    missing = [folder for folder in folders if not (folder / "__init__.py").exists()]

    assert missing == []
