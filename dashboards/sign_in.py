"""The page that asks for a key."""

from __future__ import annotations

import streamlit as st

from broker.api.client import NotSignedInError
from dashboards import session


def show() -> None:
    """Ask for an API key and begin a session with it."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Sign in")
        st.markdown("Tonnage shows contract prices, so it asks who you are.")
        if why := session.why_signed_out():
            st.warning(why, icon=":material/lock:")
        with st.form("sign in", enter_to_submit=True):
            key = st.text_input(
                "API key",
                type="password",
                autocomplete="off",
                placeholder="tng_…",
                help="An administrator makes one with `tonnage keys create`. It is kept in the "
                "memory of this session only, and forgotten when you sign out.",
            )
            asked = st.form_submit_button("Sign in", type="primary", width="stretch")
        if asked:
            _begin(key or "")


def _begin(key: str) -> None:
    if not key.strip():
        st.error("Type or paste a key; it begins with tng_.", icon=":material/error:")
        return
    try:
        session.sign_in(key)
    except NotSignedInError as refused:
        st.error(f"That key was not accepted: {refused}.", icon=":material/error:")
        return
    st.rerun()
