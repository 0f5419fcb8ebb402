"""What a renewal is worth: at the highest price renewing is as good as leaving, by a solve of it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.procurement.negotiating import negotiation_sheets
from broker.procurement.signing import Restriction
from broker.procurement.solving import Effort, solve_input
from tests.broker.procurement.cases import a_held, a_renewal_case

EXACT = Effort(gap=1e-9)


@given(
    rival=st.integers(min_value=20, max_value=60).map(lambda n: str(Decimal(n) / 10)),
    demand=st.sampled_from([32.0, 56.0, 64.0, 80.0]),
)
@settings(max_examples=8, deadline=None)
def test_at_the_highest_price_renewing_is_as_good_as_leaving(rival: str, demand: float) -> None:
    made = a_renewal_case(rival=rival, demand=demand)
    (sheet,) = negotiation_sheets(made, effort=EXACT)
    without = solve_input(made, Restriction(forbidden=frozenset({"renewal"})), effort=EXACT).cost

    for each in sheet.prices:
        fixed = replace(
            made.quote("renewal"),
            price_per_gpu_hour=each.max_price,
            min_gpus=each.gpus,
            max_gpus=each.gpus,
            lot_gpus=each.gpus,
        )
        renewed = solve_input(
            made.with_quote(fixed), Restriction(forced=frozenset({"renewal"})), effort=EXACT
        ).cost
        assert renewed == pytest.approx(without, abs=0.0001 * each.gpus * 8760)


@given(ask=st.integers(min_value=5, max_value=90).map(lambda n: Decimal(n) / 10))
@settings(max_examples=12, deadline=None)
def test_the_bands_say_what_a_solve_at_that_price_would_renew(ask: Decimal) -> None:
    (sheet,) = negotiation_sheets(a_renewal_case(), effort=EXACT)
    band = next(b for b in sheet.bands if b.above < ask and (b.up_to is None or ask <= b.up_to))

    solved = solve_input(a_renewal_case(ask=str(ask)), effort=EXACT)
    forced = replace(
        a_renewal_case(ask=str(ask)).quote("renewal"),
        min_gpus=max(1, band.gpus),
        max_gpus=max(1, band.gpus),
        lot_gpus=max(1, band.gpus),
    )
    made = a_renewal_case(ask=str(ask)).with_quote(forced)
    restriction = (
        Restriction(forced=frozenset({"renewal"}))
        if band.gpus
        else Restriction(forbidden=frozenset({"renewal"}))
    )

    advised = solve_input(made, restriction, effort=EXACT).cost
    assert advised == pytest.approx(solved.cost, rel=1e-6, abs=60)


def test_every_lot_is_priced_where_there_are_few() -> None:
    (sheet,) = negotiation_sheets(a_renewal_case())

    assert [each.gpus for each in sheet.prices] == [16, 32, 48, 64]


def test_a_renewal_whose_notice_has_passed_has_no_sheet() -> None:
    made = a_renewal_case()
    late = replace(made, contracts=(a_held(64, notice_by=date(2026, 4, 30)),))

    assert negotiation_sheets(late) == ()
    assert negotiation_sheets(made, only="another/1") == ()


def test_without_any_other_quote_the_shortage_sets_the_price() -> None:
    made = replace(a_renewal_case(demand=64), on_demand=())
    alone = replace(made, quotes=made.quotes[:1])

    (sheet,) = negotiation_sheets(alone, effort=EXACT)

    assert sheet.batna == ()
    assert sheet.prices[-1].max_price == pytest.approx(Decimal(12), abs=Decimal("0.03"))
