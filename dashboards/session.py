"""Who is signed in. The key lives in the memory of one browser session and nowhere else.

Nothing that is read is kept from one run of the page to the next, let alone from one reader to
another: every figure on a page comes from the API on that run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from broker.api.client import Access, Client, NotSignedInError
from broker.api.wire.keys import Whoami

_SESSION: Final = "tonnage session"
_SIGNED_OUT: Final = "tonnage signed out"
_WHY: Final = "tonnage why signed out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A reader whose key the API knew when the session began."""

    key: str = field(repr=False)
    who: Whoami
    from_environment: bool

    def opened(self) -> Client:
        """Return a client for one run of the page; close it at the end of the run."""
        return Client(Access.from_environment().url, self.key)


def current() -> Session | None:
    """Return the session, signed in by TONNAGE_API_KEY if that is set; None without a key.

    Raises UnreachableError when the API does not answer.
    """
    found: Session | None = st.session_state.get(_SESSION)
    if found is not None or st.session_state.get(_SIGNED_OUT):
        return found
    access = Access.from_environment()
    if access.key is None:
        return None
    try:
        return _begin(access.key, from_environment=True)
    except NotSignedInError as refused:
        sign_out(f"The key in TONNAGE_API_KEY was refused: {refused}.")
        return None


def sign_in(key: str) -> Session:
    """Begin a session with a key that was typed; raise NotSignedInError if the API refuses it."""
    return _begin(key.strip(), from_environment=False)


def sign_out(why: str | None = None) -> None:
    """Forget the key; `why` is told where the next one is asked for."""
    st.session_state.pop(_SESSION, None)
    st.session_state[_SIGNED_OUT] = True
    st.session_state[_WHY] = why


def why_signed_out() -> str | None:
    """Return why the last session ended, if that was not the reader's wish."""
    why: str | None = st.session_state.get(_WHY)
    return why


def _begin(key: str, *, from_environment: bool) -> Session:
    with Client(Access.from_environment().url, key) as api:
        who = api.whoami()
    begun = Session(key=key, who=who, from_environment=from_environment)
    st.session_state[_SESSION] = begun
    st.session_state[_SIGNED_OUT] = False
    st.session_state[_WHY] = None
    return begun
