"""What the supplier's books say, beside what ours say."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.matching import OwnedLine, Stated, match
from broker.capacity.reconciliation import CapacityFinding, Difference, reconcile_capacity
from pricing.hardware import canonical_gpu
from pricing.holding import HoldingKind, HoldingState, QuantityChange
from pricing.money import USD, Money
from pricing.offer import StockUnit
from tests.broker.capacity.books import END, owned, stated
from tests.builders import MAY_15

HARBOR = frozenset({"harbor-compute"})


def reconciled(
    held: Sequence[Stated],
    lines: Sequence[OwnedLine],
    *,
    readable: frozenset[str] = HARBOR,
    on: date = MAY_15,
) -> tuple[CapacityFinding, ...]:
    return reconcile_capacity(held, lines, readable=readable, on=on)


def differences(*args: Any, **changes: Any) -> list[Difference]:
    return [found.difference for found in reconciled(*args, **changes)]


def test_books_that_agree_have_no_findings() -> None:
    price = Money(Decimal("2.63"), USD)
    assert reconciled([stated(price_per_gpu_hour=price)], [owned()]) == ()


def test_fewer_gpus_than_contracted_are_a_finding_with_both_figures() -> None:
    (found,) = reconciled([stated(quantity=1000)], [owned()])

    assert found.difference is Difference.QUANTITY
    assert (found.stated, found.contracted) == ("1000 GPUs", "1024 GPUs")
    assert "harbor-compute/HC-2025-B200-01/1" in found.message


def test_a_line_may_be_delivered_as_several_reservations() -> None:
    parts = [stated(resource_id=f"res-{n}", quantity=512) for n in (1, 2)]

    assert reconciled(parts, [owned()]) == ()


def test_nodes_are_counted_in_gpus() -> None:
    assert reconciled([stated(quantity=128, unit=StockUnit.NODE, used=1)], [owned()]) == ()
    assert differences([stated(quantity=127, unit=StockUnit.NODE, used=1)], [owned()]) == [
        Difference.QUANTITY
    ]


def test_an_earlier_end_at_the_supplier_moves_the_notice_deadline() -> None:
    (found,) = reconciled([stated(end_at=END - timedelta(days=30))], [owned()])

    assert found.difference is Difference.END
    assert "notice deadline" in found.message


def test_an_end_written_as_last_day_is_no_difference() -> None:
    assert reconciled([stated(end_at=END - timedelta(seconds=1))], [owned()]) == ()
    assert reconciled([stated(end_at=END - timedelta(days=1))], [owned()]) == ()


def test_another_price_is_found_and_never_told_in_the_message() -> None:
    billed = Money(Decimal("5.10"), USD)

    (found,) = reconciled([stated(price_per_gpu_hour=billed)], [owned()])

    assert found.difference is Difference.PRICE
    assert found.stated_price == billed
    assert found.contracted_price == Money(Decimal("2.63"), USD)
    assert "5.1" not in found.message
    assert "2.63" not in found.message


def test_a_change_that_the_supplier_has_announced_is_compared_with_that_day() -> None:
    change = QuantityChange(at=datetime(2026, 7, 1, tzinfo=UTC), to=512)

    (found,) = reconciled([stated(next_change=change)], [owned()])

    assert found.difference is Difference.ANNOUNCED_CHANGE
    assert found.stated == "512 GPUs from 2026-07-01"


def test_capacity_that_no_contract_accounts_for_can_be_adopted() -> None:
    (found,) = reconciled([stated(gpu=canonical_gpu("H200"))], [], readable=frozenset())

    assert found.difference is Difference.NOT_IN_LEDGER
    assert "tonnage holdings adopt" in found.message


def test_a_line_is_missing_only_where_the_supplier_shows_holdings() -> None:
    assert differences([], [owned()]) == [Difference.NOT_AT_SUPPLIER]
    assert differences([], [owned()], readable=frozenset()) == []


def test_what_is_over_or_only_running_is_not_compared() -> None:
    over = stated(state=HoldingState.EXPIRED)
    past = stated(resource_id="res-2", end_at=datetime(2026, 1, 1, tzinfo=UTC))
    pool = stated(resource_id="pool", kind=HoldingKind.NODE_POOL, quantity=5)

    assert reconciled([over, past, pool], [owned()], readable=frozenset()) == ()


def test_a_holding_goes_to_the_line_whose_reference_it_bears() -> None:
    one, other = owned("A-1", "c1"), owned("B-2", "c2")

    found = match([stated(name="reservation for b-2")], [one, other])

    assert [each.holding.resource_id for each in found[other.line.id]] == ["res-1"]


def test_an_adopted_holding_stays_with_its_contract() -> None:
    one, other = owned("A-1", "c1"), owned("B-2", "c2")

    found = match([stated("c2", name="A-1")], [one, other])

    assert found[one.line.id] == []
    assert len(found[other.line.id]) == 1


def test_a_supplier_that_goes_by_another_name_in_the_ledger_is_found() -> None:
    line = owned()
    known = OwnedLine(
        contract=line.contract, line=line.line, supplier_names=frozenset({"harbor-compute", "hc"})
    )

    assert reconciled([stated(supplier="hc")], [known]) == ()


quantities = st.lists(st.integers(1, 600), min_size=0, max_size=6)


@given(quantities=quantities, order=st.randoms(use_true_random=False))
def test_every_holding_is_compared_once_whatever_the_order(
    quantities: list[int], order: Any
) -> None:
    held = [stated(resource_id=f"res-{n}", quantity=count) for n, count in enumerate(quantities)]
    lines = [owned("A-1", "c1"), owned("B-2", "c2", gpu_count=300)]
    shuffled = order.sample(held, len(held))

    found = match(shuffled, lines)

    assert sorted(each.holding.resource_id for part in found.values() for each in part) == sorted(
        each.holding.resource_id for each in held
    )
    assert reconciled(shuffled, lines) == reconciled(held, list(reversed(lines)))


@given(gpus=st.integers(1, 5000), on=st.dates(date(2025, 10, 1), date(2026, 9, 30)))
def test_the_quantities_differ_exactly_when_their_sum_does(gpus: int, on: date) -> None:
    found = differences([stated(quantity=gpus)], [owned()], on=on)

    assert (Difference.QUANTITY in found) == (gpus != 1024)
