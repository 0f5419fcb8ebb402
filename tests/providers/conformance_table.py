"""Runs the conformance suite and shows supplier by check: ok, exempt with its reason, or FAILED.

`python -m tests.providers.conformance_table [--json]`; ends with 1 when something failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import pytest

from providers import registry
from tests.providers.counterpart import counterpart

SUITE: Final = Path(__file__).with_name("test_conformance.py")

CHECKS: Final[Mapping[str, tuple[str, ...]]] = {
    "declared": (
        "test_it_declares_what_a_reviewer_needs_to_know",
        "test_it_only_says_what_it_declares",
        "test_without_credentials_it_is_not_configured_or_public",
        "test_an_exemption_has_a_reason",
    ),
    "recorded": (
        "test_the_recorded_answers_give_the_expected_offers",
        "test_what_becomes_no_offer_says_why",
        "test_the_recorded_answers_give_the_expected_holdings",
        "test_recorded_refusals_mean_what_they_should",
    ),
    "identity": (
        "test_every_offer_says_what_it_is_whose_and_where_it_was_read",
        "test_every_region_is_a_place_that_was_read",
        "test_a_reseller_names_the_cloud_behind_each_offer",
        "test_no_offer_comes_twice",
        "test_asking_twice_gives_the_same_keys",
        "test_every_time_is_aware_and_is_when_the_page_came",
    ),
    "prices": (
        "test_each_unit_is_declared_and_proven_by_a_figure",
        "test_every_price_is_in_a_declared_unit_and_adds_up",
        "test_a_price_lies_between_what_its_gpu_can_cost",
        "test_its_own_prices_in_another_unit_are_seen_and_a_market_that_rises_is_not",
        "test_spot_is_no_dearer_than_on_demand_or_flagged",
        "test_what_cannot_be_left_out_is_never_cheaper_than_the_price",
    ),
    "holdings": (
        "test_no_more_is_used_than_is_held_and_nothing_ends_before_it_starts",
        "test_what_is_over_is_neither_offered_nor_held",
    ),
    "pure": (
        "test_the_same_pages_give_the_same_answer_in_the_same_order",
        "test_stored_pages_read_later_and_elsewhere_give_the_same_answer",
    ),
    "unknown gpu": ("test_a_gpu_that_nobody_knows_is_reported_and_never_guessed",),
    "second page": (
        "test_a_list_is_read_to_its_end",
        "test_a_missing_page_makes_the_answer_partial",
    ),
    "rate limit": (
        "test_it_waits_as_long_as_it_is_told_and_then_asks_again",
        "test_it_gives_up_on_a_supplier_that_keeps_refusing",
    ),
    "refusal": ("test_a_refusal_is_not_asked_again",),
    "time out": ("test_a_supplier_that_hangs_is_given_up_at_the_deadline",),
    "malformed": ("test_an_answer_that_cannot_be_read_is_reported_as_changed",),
    "renamed field": ("test_a_renamed_field_is_named",),
    "redirect": ("test_a_redirect_to_another_host_is_refused",),
    "safety": ("test_credentials_never_show", "test_it_only_reads"),
}
"""The columns: a name, and the tests behind it. From the seventh to the last but one, the names
are those by which a counterpart may be exempt."""

OK, EXEMPT, FAILED, NOT_RUN = "ok", "exempt", "FAILED", "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How one supplier fared in one check."""

    supplier: str
    check: str
    state: str
    reason: str | None = None


@dataclass(slots=True)
class Results:
    """Whether each test of each supplier passed; pytest fills it while it runs."""

    passed: dict[tuple[str, str], bool] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test: its supplier is the one of its parameters that is a key."""
        test, _, parameters = report.nodeid.rsplit("::", 1)[1].partition("[")
        for key in set(parameters.removesuffix("]").split("-")) & set(registry.SUPPLIERS):
            is_fine = not report.failed
            self.passed[key, test] = self.passed.get((key, test), True) and is_fine


def cells(
    passed: Mapping[tuple[str, str], bool], exempt: Mapping[str, Mapping[str, str]]
) -> list[Cell]:
    """Return how each supplier fared in each check; `exempt` holds reasons by supplier and check."""
    return [
        _cell(supplier, check, [passed[each] for each in _ran(passed, supplier, check)], reasons)
        for supplier, reasons in exempt.items()
        for check in CHECKS
    ]


def _ran(
    passed: Mapping[tuple[str, str], bool], supplier: str, check: str
) -> list[tuple[str, str]]:
    return [(supplier, test) for test in CHECKS[check] if (supplier, test) in passed]


def _cell(supplier: str, check: str, ran: Sequence[bool], reasons: Mapping[str, str]) -> Cell:
    if check in reasons:
        return Cell(supplier=supplier, check=check, state=EXEMPT, reason=reasons[check])
    state = (OK if all(ran) else FAILED) if ran else NOT_RUN
    return Cell(supplier=supplier, check=check, state=state)


def table(found: Sequence[Cell]) -> str:
    """Return the cells as aligned columns, and under them each reason once."""
    states = {(cell.supplier, cell.check): cell.state for cell in found}
    suppliers = list(dict.fromkeys(cell.supplier for cell in found))
    heads = [name.split() for name in CHECKS]
    rows = [["", *(words[0] for words in heads)], ["", *(" ".join(words[1:]) for words in heads)]]
    rows += [[key, *(states[key, check] for check in CHECKS)] for key in suppliers]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in found:
        if cell.reason is not None:
            reasons.setdefault((cell.supplier, cell.reason), []).append(cell.check)
    told = [f"{key}: {', '.join(which)}: {why}" for (key, why), which in reasons.items()]
    return "\n".join([*lines, "", *told]).rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Run the suite and show what came of it."""
    results = Results()
    quiet = ("-p", "no:terminal", "-o", "addopts=--import-mode=importlib -p no:playwright")
    pytest.main([*quiet, str(SUITE)], plugins=[results])
    found = cells(results.passed, {key: counterpart(key).exempt for key in registry.SUPPLIERS})
    shown = json.dumps([asdict(cell) for cell in found], indent=1) + "\n"
    sys.stdout.write(shown if "--json" in arguments else table(found))
    is_fine = all(cell.state in (OK, EXEMPT) for cell in found)
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
