"""The renewal meeting: what ends soon, what it may cost, and the brief of the line that is picked."""

from __future__ import annotations

from typing import Final

import streamlit as st

from broker.api.client import Client, RenewalEntry
from dashboards import controls, figures
from dashboards.screens import renewal_brief, renewal_list

LINE: Final = "line"


def show(api: Client) -> None:
    """Show the lines that end, and the brief of one of them."""
    asked = controls.asked_day()
    found = api.renewals(as_of=asked)
    controls.note_business_day(found.as_of, asked=asked)
    title, day = st.columns([5, 1], vertical_alignment="bottom")
    with title:
        st.title("Renewals")
    with day:
        controls.day_picker(found.as_of)
    controls.stamp(found.as_of, api)
    if not found.items:
        _nothing_to_renew()
        return
    renewal_list.headline(api, found.items, as_of=found.as_of)
    _warn_of_strange_line(found.items)
    picked = renewal_list.pick(found.items, wanted=st.query_params.get(LINE), as_of=found.as_of)
    st.query_params[LINE] = picked.line_id
    brief = api.brief(picked.line_id, as_of=asked)
    renewal_brief.show(api, brief)


def _nothing_to_renew() -> None:
    st.info(
        "**No line to renew on this day.** A line is listed while its contract is in force and "
        "has an end. Import a contract sheet, checking it first: "
        "`tonnage contracts import FILE --dry-run`",
        icon=":material/inbox:",
    )


def _warn_of_strange_line(items: list[RenewalEntry]) -> None:
    wanted = st.query_params.get(LINE)
    if wanted is not None and wanted not in {entry.line_id for entry in items}:
        st.warning(
            "The line in this address is not among those to renew on this day; the most urgent "
            f"one is shown instead: {figures.plain(renewal_list.name_of(items[0]))}.",
            icon=":material/link_off:",
        )
