"""Renewals as they cross the network: the list, and the brief as the rules write it.

The brief is a tree of plain values, so it crosses as it is: an amount is an object of a decimal
string and its currency, a fraction a decimal string, a day ISO, an unknown figure null.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, TypeAdapter

from broker.renewals.brief import Brief
from broker.renewals.renewal_list import RenewalEntry


class RenewalList(BaseModel):
    """Every line in force with an end, the most urgent first."""

    as_of: date
    items: list[RenewalEntry]


def brief_json(brief: Brief) -> dict[str, Any]:
    """Return a brief as JSON values, the same by command line and by HTTP."""
    found: dict[str, Any] = TypeAdapter(Brief).dump_python(brief, mode="json")
    return found
