"""Which dates of which lines matter: open notices, last days, and how much of the fleet."""

from datetime import date
from decimal import Decimal

import pytest

from broker.alerts.contract_ends import contract_ends, fleet_shares
from broker.alerts.deadlines import ContractEnd
from broker.contracts.contract import Contract
from broker.contracts.event import EventDraft, EventKind
from broker.contracts.fold import fold
from broker.contracts.line import Line
from broker.contracts.line_terms import RenewalType
from tests.builders import (
    a_draft,
    a_quote,
    chained,
    contract_recorded,
    line_recorded,
    quote_recorded,
    some_terms,
    state_changed,
)

LAST_DAY = date(2026, 9, 30)


def a_contract(*more: EventDraft, **terms: object) -> Contract:
    return fold(chained(contract_recorded(), line_recorded(some_terms(**terms)), *more))


def the_end(contract: Contract) -> ContractEnd:
    (end,) = contract_ends([contract], countries={}, b200_factors={})
    return end


def lines_of(*models_and_counts: tuple[str, int]) -> list[Line]:
    drafts = [
        line_recorded(some_terms(gpu_model=model, gpu_count=count), line_no=number)
        for number, (model, count) in enumerate(models_and_counts, start=1)
    ]
    return list(fold(chained(contract_recorded(), *drafts)).lines)


def test_a_line_in_force_has_its_notice_and_its_last_day() -> None:
    end = the_end(a_contract())

    assert end.subject == "harbor-compute HC-2025-B200-01/1 (1,024 \N{MULTIPLICATION SIGN} B200)"
    # Ninety days before 30 September is Thursday 2 July.
    assert (end.notice_due_on, end.last_service_on) == (date(2026, 7, 2), LAST_DAY)
    assert end.reach.contract == "harbor-compute:HC-2025-B200-01"


def test_the_suppliers_holidays_move_the_notice() -> None:
    contract = a_contract(end_date=date(2026, 10, 1))

    (abroad,) = contract_ends([contract], countries={}, b200_factors={})
    (home,) = contract_ends([contract], countries={"harbor-compute": "US"}, b200_factors={})

    assert (abroad.notice_due_on, home.notice_due_on) == (date(2026, 7, 3), date(2026, 7, 2))


def test_a_notice_that_was_given_is_no_deadline_any_more() -> None:
    end = the_end(a_contract(state_changed("in_notice", evidence="letter of 1 June")))

    assert (end.notice_due_on, end.last_service_on) == (None, LAST_DAY)


@pytest.mark.parametrize("state", ["draft", "quoted", "expired", "terminated"])
def test_a_contract_that_is_not_in_force_has_no_ends(state: str) -> None:
    contract = fold(chained(contract_recorded(state=state), line_recorded()))

    assert contract_ends([contract], countries={}, b200_factors={}) == []


def test_a_line_that_renews_itself_ends_only_once_notice_was_given() -> None:
    rolling = a_contract(renewal_type=RenewalType.AUTO, renewal_term_months=12)
    leaving = a_contract(
        state_changed("in_notice", evidence="letter"),
        renewal_type=RenewalType.AUTO,
        renewal_term_months=12,
    )

    assert (the_end(rolling).notice_due_on, the_end(rolling).last_service_on) == (
        date(2026, 7, 2),
        None,
    )
    assert the_end(leaving).last_service_on == LAST_DAY


def test_an_accepted_renewal_silences_the_line() -> None:
    quote = a_quote()
    accepted = a_draft(EventKind.QUOTE_MOVED, {"quote_id": quote.id, "to": "accepted"})

    assert the_end(a_contract(quote_recorded(quote), accepted)).deadlines() == ()


@pytest.mark.parametrize(("state", "is_succeeded"), [("signed", True), ("terminated", False)])
def test_a_successor_counts_while_it_is_in_force(state: str, is_succeeded: bool) -> None:
    later = some_terms(end_date=date(2027, 9, 30))
    successor = fold(chained(contract_recorded("c2", state=state), line_recorded(later)))
    contract = a_contract(a_draft(EventKind.SUCCESSOR_NAMED, {"contract_id": "c2"}))
    first, *_ = contract_ends([contract, successor], countries={}, b200_factors={})

    assert first.has_signed_successor is is_succeeded


def test_gpus_of_one_model_are_counted() -> None:
    lines = lines_of(("H100", 300), ("H100", 100))

    assert list(fleet_shares(lines, {}).values()) == [Decimal("0.75"), Decimal("0.25")]


def test_gpus_of_several_models_are_weighed_in_b200() -> None:
    lines = lines_of(("B200", 100), ("H100", 200))

    shares = fleet_shares(lines, {"H100": Decimal("0.5")})

    assert list(shares.values()) == [Decimal("0.5"), Decimal("0.5")]


def test_without_a_factor_no_share_is_known() -> None:
    lines = lines_of(("B200", 100), ("H100", 200), ("A100", 1))

    shares = fleet_shares(lines, {"H100": Decimal("0.5")})

    assert list(shares.values()) == [None, None, None]


def test_no_fleet_has_no_shares() -> None:
    assert fleet_shares([], {}) == {}
