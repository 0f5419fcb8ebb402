"""Renewals."""

import streamlit as st

from broker.api.client import Client


def show(api: Client) -> None:
    st.title("Renewals")
