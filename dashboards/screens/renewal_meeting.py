"""Renewals."""

import streamlit as st

from dashboards.session import Session


def show(reader: Session) -> None:
    st.title("Renewals")
