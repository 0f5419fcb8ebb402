"""Controls that both screens have. Their values stand in the address, so a view can be pasted."""

from __future__ import annotations

from datetime import date
from typing import Final

import streamlit as st

from broker.api.client import Client
from dashboards import figures

AS_OF: Final = "as_of"
_BUSINESS_DAY: Final = "tonnage business day"


def asked_day() -> date | None:
    """Return the day that the reader asks about; None is the API's business day."""
    known: date | None = st.session_state.get(_BUSINESS_DAY)
    chosen: date | None = st.session_state.get(AS_OF)
    if chosen is None:
        chosen = _day_in(st.query_params.get(AS_OF, ""))
    return None if chosen == known else chosen


def note_business_day(day: date, *, asked: date | None) -> None:
    """Remember the API's business day, which it names when it is asked about no other."""
    if asked is None:
        st.session_state[_BUSINESS_DAY] = day


def day_picker(answered: date) -> None:
    """Show the day that the figures are of, and let the reader ask about another one."""
    st.date_input(
        "As of",
        value=st.session_state.get(_BUSINESS_DAY, answered),
        key=AS_OF,
        bind="query-params",
        format="YYYY-MM-DD",
        help="Figures as they stood on this day. What came later is as if nobody knew it yet.",
    )


def stamp(as_of: date, api: Client) -> None:
    """Say what day the figures are of, and when they were read."""
    read = f" · read at {figures.moment(api.answered_at)}" if api.answered_at else ""
    st.caption(f"As of {figures.day(as_of)}{read}")


def _day_in(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
