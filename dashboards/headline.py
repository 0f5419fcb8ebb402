"""One headline figure: its name, its value, a note under it, and its meaning on hover."""

from __future__ import annotations

import streamlit as st


def metric(label: str, value: str, note: str, meaning: str) -> None:
    """Draw a figure in a box as tall as its neighbours."""
    st.metric(
        label,
        value,
        delta=note,
        delta_color="off",
        delta_arrow="off",
        help=meaning,
        border=True,
        height="stretch",
    )
