"""The dashboard: navigation, who is signed in, and one page at a time.

Streamlit runs this file from top to bottom on every interaction.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Final

import streamlit as st

from broker.api.client import TonnageError
from dashboards import figures, session, sign_in, trouble
from dashboards.screens import market_prices, renewal_meeting

SIDEBAR_PIXELS: Final = 220
_NARROW_MARGINS: Final = ".stMainBlockContainer { padding-inline: 2.5rem; }"
"""The tables need the width; there is no theme option for it."""

_FOLDER: Final = files("dashboards")


def main() -> None:
    """Show the page that the address names, or ask for a key first."""
    st.set_page_config(
        page_title="Tonnage",
        page_icon=str(_FOLDER / "icon.png"),  # a named icon would be fetched from a font server
        layout="wide",
        initial_sidebar_state=SIDEBAR_PIXELS,
    )
    st.html(f"<style>{_NARROW_MARGINS}</style>")
    st.logo(str(_FOLDER / "logo.png"), icon_image=str(_FOLDER / "icon.png"), size="large")
    with trouble.told():
        try:
            reader = session.current()
        except TonnageError:
            st.navigation(_pages(_nothing, _nothing), position="hidden")  # so the address is kept
            raise
        if reader is None:
            # The same addresses as when signed in, so that a pasted link survives the sign-in.
            st.navigation(_pages(sign_in.show, sign_in.show), position="hidden").run()
            return
        with reader.opened() as api:
            page = st.navigation(
                _pages(lambda: renewal_meeting.show(api), lambda: market_prices.show(api))
            )
            with st.sidebar:
                _who(reader)
            page.run()


def _nothing() -> None:
    """Show no page: there is nobody to show it to."""


def _pages(renewals: Callable[[], None], market: Callable[[], None]) -> list[st.Page]:
    return [
        st.Page(
            renewals,
            title="Renewals",
            icon=":material/event_upcoming:",
            url_path="renewals",
            default=True,
        ),
        st.Page(market, title="Market prices", icon=":material/monitoring:", url_path="market"),
    ]


def _who(reader: session.Session) -> None:
    name = figures.plain(reader.who.name)
    st.caption(f"Signed in as **{name}** ({reader.who.role})")
    if reader.from_environment:
        st.caption("by the key in TONNAGE_API_KEY")
    st.button("Sign out", icon=":material/logout:", key="sign out", on_click=session.sign_out)


main()
