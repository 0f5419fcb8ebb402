"""Quotes: which moves there are, and that a dead offer is not accepted by accident (I16)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.event import EventKind
from broker.contracts.quote import NEXT_QUOTE_STATES, Quote, QuoteState, check_quote_move
from broker.contracts.quote_terms import (
    moved_quote,
    quote_from_json,
    quote_to_json,
    recorded_quote,
)
from broker.errors import RefusedError
from tests.builders import MAY_15, a_draft, a_quote, chained, quote_recorded

UNTIL = date(2026, 6, 14)
dead_states = st.sampled_from([QuoteState.EXPIRED, QuoteState.WITHDRAWN])
blank = st.sampled_from([None, "", "  "])


def moved(quote: Quote, to: QuoteState, on: date = MAY_15) -> Quote:
    draft = a_draft(EventKind.QUOTE_MOVED, {"quote_id": quote.id, "to": to}, valid_from=on)
    return moved_quote(quote, chained(draft)[0])


@pytest.mark.parametrize("state", QuoteState)
@pytest.mark.parametrize("after", QuoteState)
def test_a_quote_moves_only_along_the_graph(state: QuoteState, after: QuoteState) -> None:
    quote = a_quote(state=state)

    if after in NEXT_QUOTE_STATES[state]:
        check_quote_move(quote, after, on=MAY_15, override="agreed by phone")
    else:
        with pytest.raises(RefusedError, match=f"that is {state} cannot become {after}"):
            check_quote_move(quote, after, on=MAY_15, override="agreed by phone")


def test_an_offer_is_accepted_on_its_last_day_and_not_on_the_next() -> None:
    assert moved(a_quote(), QuoteState.ACCEPTED, on=UNTIL).state is QuoteState.ACCEPTED
    with pytest.raises(RefusedError, match="give an override reason"):
        moved(a_quote(), QuoteState.ACCEPTED, on=UNTIL + timedelta(days=1))


def test_an_offer_without_an_end_never_lapses() -> None:
    quote = a_quote(valid_until=None)

    assert moved(quote, QuoteState.ACCEPTED, on=date(2036, 1, 1)).state is QuoteState.ACCEPTED


@given(state=dead_states, override=blank)
def test_a_dead_offer_is_accepted_only_with_a_reason(
    state: QuoteState, override: str | None
) -> None:
    with pytest.raises(RefusedError, match="can no longer be accepted"):
        check_quote_move(a_quote(state=state), QuoteState.ACCEPTED, on=MAY_15, override=override)

    check_quote_move(a_quote(state=state), QuoteState.ACCEPTED, on=MAY_15, override="new mail")


@given(days=st.integers(-400, 400), state=st.sampled_from(QuoteState))
def test_an_open_offer_can_be_accepted_without_a_reason(days: int, state: QuoteState) -> None:
    quote, day = a_quote(state=state), MAY_15 + timedelta(days=days)
    if not quote.is_open_on(day):
        return

    check_quote_move(quote, QuoteState.ACCEPTED, on=day, override=None)


def test_an_offer_is_open_from_the_day_it_came_to_its_last() -> None:
    quote = a_quote()

    assert next(day for day in days_around(MAY_15) if quote.is_open_on(day)) == MAY_15
    assert [day for day in days_around(UNTIL) if quote.is_open_on(day)][-1] == UNTIL
    assert not a_quote(state=QuoteState.DECLINED).is_open_on(MAY_15)


@given(
    gpus=st.integers(1, 10**6),
    price=st.decimals(0, 100, places=6),
    valid_for=st.none() | st.integers(0, 100),
    prepaid=st.none() | st.decimals(0, 100, places=2),
)
def test_a_quote_survives_its_journey_through_an_event(
    gpus: int, price: object, valid_for: int | None, prepaid: object
) -> None:
    until = None if valid_for is None else MAY_15 + timedelta(days=valid_for)
    quote = a_quote(gpu_count=gpus, unit_price=price, valid_until=until, prepay_pct=prepaid)

    assert quote_from_json(quote_to_json(quote)) == quote


@pytest.mark.parametrize(
    "quote",
    [
        a_quote(gpu_count=0),
        a_quote(valid_until=MAY_15 - timedelta(days=1)),
    ],
    ids=["no GPUs", "lapsed before it came"],
)
def test_a_quote_that_cannot_be_is_refused(quote: Quote) -> None:
    with pytest.raises(RefusedError):
        recorded_quote(chained(quote_recorded(quote))[0])


def days_around(day: date) -> list[date]:
    return [day + timedelta(days=shift) for shift in (-1, 0, 1)]
