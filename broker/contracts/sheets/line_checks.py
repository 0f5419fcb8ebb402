"""What the cells of one line must say together: its price, its term, its renewal.

Each rule looks only at cells that could be read, so one mistake gives one complaint.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from broker.contracts.line_terms import RenewalType
from broker.contracts.sheets import prices
from broker.contracts.sheets.draft import RowDraft
from broker.contracts.sheets.issue import Code
from pricing.commitment import PriceBasis


def settle_line(draft: RowDraft) -> None:
    """Check everything about a line that does not depend on how its price is written."""
    settle_node_size(draft)
    check_renewal(draft)
    check_term(draft)


def settle_node_size(draft: RowDraft) -> None:
    """Fill in the node size if the price depends on it, and note one that is rare."""
    found = draft.values
    per_node = found.get("price_basis") is PriceBasis.PER_NODE_HOUR
    if per_node and draft.is_empty("gpus_per_node") and "form_factor" not in draft.refused:
        size = prices.default_node_size(found.get("form_factor"))
        if size is None:
            draft.refuse(
                "gpus_per_node",
                Code.MISSING_REQUIRED,
                "a price per node-hour needs the number of GPUs in a node, which only SXM settles; "
                "add a column gpus_per_node",
            )
        else:
            found["gpus_per_node"] = size
    size = found.get("gpus_per_node")
    if size is None:
        return
    if size not in prices.USUAL_NODE_SIZES:
        draft.warn(
            "gpus_per_node", Code.NODE_SIZE_UNUSUAL, f"a node of {size} GPUs is rare; check it"
        )
    elif per_node and found.get("gpu_count", size) % size:
        draft.warn(
            "gpus_per_node",
            Code.NODE_SIZE_UNUSUAL,
            f"the GPUs of the line do not fill whole nodes of {size}; check both numbers",
        )


def settle_price(draft: RowDraft) -> None:
    """Derive the price per GPU-hour of a line that quotes one price."""
    found = draft.values
    if not {"unit_price", "price_basis"} <= found.keys():
        return
    if found["price_basis"] is PriceBasis.PER_NODE_HOUR and "gpus_per_node" not in found:
        return
    exact = prices.price_per_gpu_hour(
        found["unit_price"], found["price_basis"], gpus_per_node=found.get("gpus_per_node")
    )
    found["price_per_gpu_hour"] = prices.stored(exact)
    check_plausible(draft, "unit_price", "price_per_gpu_hour")


def check_plausible(draft: RowDraft, quoted: str, derived: str) -> None:
    """Refuse a price that no GPU-hour costs: most often the basis is another one."""
    currency = draft.values.get("currency")
    if currency is not None and not prices.is_plausible(draft.values[derived], currency):
        draft.refuse(
            quoted,
            Code.PRICE_OUT_OF_RANGE,
            f"this is not within {prices.LOWEST_USD_PER_GPU_HOUR} to "
            f"{prices.HIGHEST_USD_PER_GPU_HOUR} USD, or about as much, per GPU-hour; "
            "check the number, its currency and its price_basis",
        )


def check_renewal(draft: RowDraft) -> None:
    """Say what a renewal leaves open: for how long, and whether there is a last day at all."""
    renewal = draft.values.get("renewal_type")
    ends = renewal is RenewalType.EVERGREEN and "end_date" in draft.values
    if (renewal is RenewalType.AUTO or ends) and draft.is_empty("renewal_term_months"):
        draft.refuse(
            "renewal_term_months",
            Code.MISSING_REQUIRED,
            "a line that goes on by itself after its last day needs the months it goes on for; "
            "fill them in",
        )
    endless = renewal is RenewalType.EVERGREEN or "renewal_type" in draft.refused
    if draft.is_empty("end_date") and not endless:
        draft.refuse(
            "end_date",
            Code.MISSING_REQUIRED,
            "write the last day of service; only an evergreen line has none",
        )


def check_term(draft: RowDraft) -> None:
    """Compare first day, last day and months of a line."""
    start, end = draft.values.get("start_date"), draft.values.get("end_date")
    if start is None or end is None:
        return
    if end < start:
        draft.refuse(
            "end_date",
            Code.END_BEFORE_START,
            f"the last day of service, {end}, is before the first, {start}; check both",
        )
        return
    months = draft.values.get("term_months")
    if months is not None and end not in last_days(start, months):
        draft.warn(
            "term_months",
            Code.TERM_MISMATCH,
            f"{start} to {end} is not {months} months; end_date is the last day of service",
        )


def last_days(start: date, months: int) -> frozenset[date]:
    """Return the last days that a term of whole months can have.

    Two of them if the month in which it ends has no such day: a month from 31 January ends on
    27 or 28 February, depending on who counts.
    """
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if year > date.max.year - 1:
        return frozenset()
    length = calendar.monthrange(year, month + 1)[1]
    after = date(year, month + 1, min(start.day, length))
    before = after - timedelta(days=1)
    return frozenset({before} if start.day <= length else {before, after})
