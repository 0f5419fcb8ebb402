"""What a contract line supplies on a day, from its signature to its end."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from broker.capacity.supply import Supply, node_size_of, reliability_of, supply_of
from broker.contracts.contract import Contract
from broker.contracts.event import EventDraft, EventKind
from broker.contracts.fold import fold
from broker.contracts.line_terms import TrancheTerms, terms_to_json
from tests.builders import (
    MAY_15,
    a_draft,
    chained,
    contract_recorded,
    line_recorded,
    some_terms,
    state_changed,
)

LAST_DAY = date(2026, 9, 30)


def contract(*later: EventDraft, state: str = "active", **terms: Any) -> Contract:
    return fold(chained(contract_recorded(state=state), line_recorded(some_terms(**terms)), *later))


def supplied(told: Contract, on: date = MAY_15) -> Supply:
    return supply_of(told, told.lines[0], on=on)


def counts(supply: Supply) -> tuple[int, int, int]:
    return supply.undelivered, supply.delivered, supply.returned


def tranche(number: int, gpus: int, day: date) -> TrancheTerms:
    return TrancheTerms(
        tranche_no=number,
        gpu_count=gpus,
        delivery_date=day,
        accept_by_date=None,
        drop_dead_date=None,
        late_credit_pct_per_week=None,
        unit_price=Decimal("2.63"),
        price_per_gpu_hour=Decimal("2.63"),
        site=None,
    )


def in_two() -> dict[str, Any]:
    days = (date(2026, 5, 1), date(2026, 6, 1))
    parts = (tranche(1, 512, days[0]), tranche(2, 512, days[1]))
    return {"tranches": parts, "start_date": days[0], "unit_price": Decimal("2.63")}


def accepted(number: int, day: date) -> EventDraft:
    payload = {"line_no": 1, "tranche_no": number, "accepted_on": day.isoformat()}
    return a_draft(EventKind.TRANCHE_ACCEPTED, payload, valid_from=day)


def amended(since: date, **terms: Any) -> list[EventDraft]:
    payload = {
        "amendment_id": f"a-{since}",
        "line_no": 1,
        "terms": terms_to_json(some_terms(**terms)),
        "changes": {},
        "source": "contracts.csv:2",
    }
    decided = {"amendment_id": f"a-{since}"}
    return [
        a_draft(EventKind.AMENDMENT_PROPOSED, payload),
        a_draft(EventKind.AMENDMENT_APPROVED, decided, valid_from=since),
    ]


def test_an_active_line_without_tranches_is_there_in_full_from_its_first_day() -> None:
    told = contract()

    assert counts(supplied(told, date(2025, 9, 30))) == (1024, 0, 0)
    assert counts(supplied(told, date(2025, 10, 1))) == (0, 1024, 0)
    assert counts(supplied(told, LAST_DAY)) == (0, 1024, 0)


def test_the_day_after_its_last_day_everything_is_returned() -> None:
    ended = supplied(contract(), LAST_DAY + timedelta(days=1))

    assert counts(ended) == (0, 0, 1024)
    assert ended.has_ended


def test_a_signed_contract_promises_and_supplies_nothing_yet() -> None:
    assert counts(supplied(contract(state="signed"))) == (1024, 0, 0)


@pytest.mark.parametrize("state", ["draft", "quoted"])
def test_a_contract_that_nobody_signed_has_no_gpus(state: str) -> None:
    assert supplied(contract(state=state)).contracted == 0


def test_a_terminated_contract_supplies_nothing_whatever_its_term() -> None:
    assert counts(supplied(contract(state_changed("terminated")))) == (0, 0, 1024)


def test_a_tranche_is_capacity_once_it_is_accepted_and_not_on_its_promised_day() -> None:
    told = contract(accepted(1, date(2026, 5, 4)), state="signed", **in_two())

    assert counts(supplied(told, date(2026, 5, 3))) == (1024, 0, 0)
    assert counts(supplied(told, date(2026, 5, 4))) == (512, 512, 0)
    assert counts(supplied(told, date(2026, 6, 15))) == (512, 512, 0)


def test_what_an_amendment_gives_back_stays_until_that_day_and_then_counts_as_returned() -> None:
    told = contract(*amended(date(2026, 6, 1), gpu_count=512))

    assert counts(supplied(told, date(2026, 5, 31))) == (0, 1024, 0)
    assert counts(supplied(told, date(2026, 6, 1))) == (0, 512, 512)


def test_more_gpus_by_amendment_are_to_come_until_they_are_accepted() -> None:
    told = contract(*amended(date(2026, 6, 1), gpu_count=1280))

    assert counts(supplied(told, date(2026, 6, 2))) == (256, 1024, 0)


def test_opening_and_closing_are_midnights_of_the_contract_days() -> None:
    supply = supplied(contract())

    assert supply.opens_at == datetime(2025, 10, 1, tzinfo=UTC)
    assert supply.closes_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert supplied(contract(end_date=None)).closes_at is None


def test_midnight_is_that_of_the_contracts_timezone() -> None:
    told = replace(contract(), timezone="America/Chicago")

    assert supplied(told).closes_at == datetime(2026, 10, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "size"),
    [
        ({"gpus_per_node": 4}, 4),
        ({"form_factor": "SXM5"}, 8),
        ({"form_factor": None}, 8),  # a B200 comes in no other form
        ({"form_factor": None, "gpu_model": "H100"}, 1),  # it may be a card
        ({"form_factor": "PCIE", "gpu_model": "H100"}, 1),
        ({"gpu_count": 12}, 1),  # in eights, four would never be leased
    ],
)
def test_the_node_size_is_as_stated_or_as_the_board_settles_it(
    terms: dict[str, Any], size: int
) -> None:
    assert node_size_of(contract(**terms).lines[0]) == size


def test_the_promised_availability_is_the_reliability() -> None:
    assert reliability_of(contract(sla_pct=Decimal("99.95")).lines[0]) == 999_500
    assert reliability_of(contract().lines[0]) is None


def test_parts_never_add_up_to_more_than_is_contracted() -> None:
    with pytest.raises(ValueError, match="parts of the contracted"):
        Supply(contracted=8, delivered=6, returned=4)
