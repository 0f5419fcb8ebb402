"""What a page shows when it cannot show what it should: one block, the way out, and no old figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from broker.api.client import (
    BadInputError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    RefusedError,
    TonnageError,
    UnreachableError,
)
from dashboards import figures, session


@contextmanager
def told() -> Iterator[None]:
    """Turn an error of the API into a block on the page, and end the page there."""
    try:
        yield
    except NotSignedInError as refused:
        session.sign_out(f"Your key is no longer accepted: {refused}.")
        st.rerun()
    except UnreachableError as failure:
        _block("The API did not answer", failure, icon=":material/cloud_off:")
        st.caption("Nothing is shown rather than figures that may be out of date.")
        st.button("Retry", icon=":material/refresh:", key="retry")
        st.stop()
    except NotAllowedError as refused:
        _block("Your role may not see this", refused, icon=":material/lock:")
        st.stop()
    except NotFoundError as missing:
        _block("Not found", missing, icon=":material/search_off:")
        st.stop()
    except RefusedError as refused:
        _block("The books do not allow this", refused, icon=":material/block:")
        st.stop()
    except BadInputError as wrong:
        _block("The API cannot read this request", wrong, icon=":material/error:")
        st.stop()


def _block(title: str, failure: TonnageError, *, icon: str) -> None:
    st.error(f"**{title}.** {figures.plain(_sentence(str(failure)))}", icon=icon)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".removesuffix(".") + "."
