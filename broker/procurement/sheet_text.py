"""A negotiation sheet as lines of text for the call: up to which price, for how many, until when."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from broker.procurement.negotiation_sheet import NegotiationSheet, PriceBand
from broker.procurement.plan_text import Table, millions

_CENT: Final = Decimal("0.01")
_VISIBLE: Final = Decimal("0.005")
"""A doubt smaller than this is not printed: prices have two decimals."""


def sheet_title(sheet: NegotiationSheet) -> str:
    """Return which renewal the sheet is about."""
    return (
        f"{sheet.supplier} · {sheet.contract}: {sheet.gpus:,} {sheet.gpu_model} at "
        f"{sheet.price_now:.2f}, ask {sheet.ask:.2f}"
    )


def sheet_lines(sheet: NegotiationSheet) -> Iterator[str]:
    """Yield the sheet in a few lines."""
    yield from (_band(band) for band in sheet.bands)
    yield f"Decide by {sheet.decide_by}."
    bill, without = millions(sheet.naive_bill_per_year), millions(sheet.cost_without)
    yield f"The ask costs {bill} more a year for all {sheet.gpus:,}."
    if sheet.batna:
        signed = "; ".join(
            f"{each.gpus:,} of {each.supplier} at {each.price_per_gpu_hour:.2f} by {each.sign_by}"
            for each in sheet.batna
        )
        yield f"Best alternative, {without} in all: {signed}."
        yield f"Renewing nothing takes {sheet.gpus_needed:,f} elsewhere, in place of {sheet.gpus:,}."
    else:
        yield f"There is no alternative to sign: renewing nothing costs {without} in all."


def sheet_tables(sheet: NegotiationSheet) -> tuple[Table, ...]:
    """Return the figures of the sheet."""
    return (
        Table(
            title="Highest price worth paying, solved for each quantity",
            columns=("GPUs", "average", "of the last ones", "doubt"),
            rows=tuple(
                (
                    f"{each.gpus:,}",
                    f"{each.max_price:.2f}",
                    f"{each.marginal_price:.2f}",
                    f"± {each.uncertainty:.2f}" if each.uncertainty >= _VISIBLE else None,
                )
                for each in sheet.prices
            ),
            numeric=("GPUs", "average", "of the last ones", "doubt"),
        ),
        Table(
            title="One-off cost per GPU at which moving is no better than the ask",
            columns=("quote", "supplier", "price", "hours", "cost per GPU"),
            rows=tuple(
                (
                    each.quote,
                    each.supplier,
                    f"{each.price_per_gpu_hour:.2f}",
                    f"{each.hours:,}",
                    f"{each.switching_cost_per_gpu:,.0f}",
                )
                for each in sheet.break_even
            ),
            numeric=("price", "hours", "cost per GPU"),
            when_empty="No other quote is open.",
        ),
        Table(
            title="Cost of waiting: nothing signed before",
            columns=("month", "costs more", "renewed then"),
            rows=tuple(
                (f"{each.first_month:%Y-%m}", millions(each.extra_cost), f"{each.gpus_renewed:,}")
                for each in sheet.waiting
            ),
            numeric=("costs more", "renewed then"),
        ),
        Table(
            title=f"What the highest price for {sheet.walk_away_gpus:,} hangs on",
            columns=("if", "changes by", "highest price", "renewing nothing costs"),
            rows=tuple(
                (
                    each.what,
                    f"{each.change:+.0%}",
                    f"{each.max_price:.2f}",
                    millions(each.cost_without),
                )
                for each in sheet.sensitivity
            ),
            numeric=("changes by", "highest price", "renewing nothing costs"),
        ),
    )


def _band(band: PriceBand) -> str:
    many = f"renew {band.gpus:,}" if band.gpus else "renew none"
    if band.up_to is None:
        return f"Above {_down(band.above)}: {many}."
    if band.above > 0:
        return f"Above {_down(band.above)} and up to {_down(band.up_to)}: {many}."
    return f"Up to {_down(band.up_to)}: {many}."


def _down(limit: Decimal) -> Decimal:
    """Return a limit to the cent, rounded down: never more than what is worth paying."""
    return limit.quantize(_CENT, rounding=ROUND_FLOOR)
