"""The conformance table leaves nothing out, and the page on conformance names what there is."""

import ast
import re
from pathlib import Path

from providers import registry
from tests.providers.conformance_table import (
    CHECKS,
    EXEMPT,
    FAILED,
    NOT_RUN,
    OK,
    SUITE,
    Cell,
    cells,
    table,
)
from tests.providers.counterpart import counterpart

PAGE = Path("docs/conformance.md")


def names_in(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]
    return [name for name in names if name.startswith("test_")]


def checks_of_the_page() -> list[tuple[int, str]]:
    """Return number and the cell that says where it is held."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|[^|]+\| (.+) \|$", text, re.MULTILINE)
    return [(int(number), held) for number, held in rows]


def test_every_test_of_the_suite_is_in_one_check_of_the_table() -> None:
    named = [test for tests in CHECKS.values() for test in tests]

    assert sorted(named) == sorted(names_in(SUITE))


def test_every_exemption_is_from_a_check_of_the_table() -> None:
    exempt = {check for key in registry.SUPPLIERS for check in counterpart(key).exempt}

    assert exempt <= set(CHECKS)


def test_a_check_is_ok_when_all_of_it_passed_and_failed_when_one_did_not() -> None:
    declared, first = CHECKS["second page"]
    passed = {("north", declared): True, ("north", first): True}
    passed |= {("south", declared): True, ("south", first): False}

    found = cells(passed, {"north": {}, "south": {}, "paper": {"second page": "files have none"}})

    told = {cell.supplier: cell for cell in found if cell.check == "second page"}
    assert [told[key].state for key in ("north", "south", "paper")] == [OK, FAILED, EXEMPT]
    assert told["paper"].reason == "files have none"
    assert {cell.state for cell in found if cell.check == "redirect"} == {NOT_RUN}


def test_the_table_is_aligned_and_gives_each_reason_once() -> None:
    found = [
        Cell(supplier=key, check=check, state=EXEMPT, reason="files are read")
        if (key, check) in {("paper", "redirect"), ("paper", "time out")}
        else Cell(supplier=key, check=check, state=OK)
        for key in ("northwind", "paper")
        for check in CHECKS
    ]

    lines = table(found).splitlines()

    begins = [match.start() for match in re.finditer(r"\S+", lines[2])]
    assert [match.start() for match in re.finditer(r"\S+", lines[3])] == begins
    assert [match.start() for match in re.finditer(r"\S+", lines[0])] == begins[1:]
    assert lines[-1] == "paper: time out, redirect: files are read"


def test_the_page_says_of_all_42_checks_where_they_are_held_or_why_not() -> None:
    held = checks_of_the_page()

    assert [number for number, _ in held] == list(range(1, 43))
    assert [number for number, where in held if "`" not in where] == []


def test_every_test_that_the_page_names_exists() -> None:
    known = {name for path in Path("tests").rglob("test_*.py") for name in names_in(path)}
    named = re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8"))

    assert len(named) > 60
    assert [name for name in named if name not in known] == []
