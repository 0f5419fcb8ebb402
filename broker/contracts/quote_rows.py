"""A quote as a sheet, a form or a program states it: cells in, a checked quote or faults out.

One reading for all three ways in, so that a quote typed in and a quote imported are the same.
Prices are as written; their value per GPU-hour is derived here, once. A renewal offer names the
contract line that it renews; every other quote stands on the open market.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

from broker.contracts.named_rows import Columns, RowReading, read_rows
from broker.contracts.quote import Quote, QuoteKind, QuoteState
from broker.contracts.sheets import prices
from broker.contracts.sheets import values as cell
from broker.contracts.sheets.issue import CellRefusedError, Code
from broker.errors import Fault
from pricing.commitment import PriceBasis
from pricing.hardware import Gpu, UnknownGpuError, canonical_gpu
from pricing.money import Currency

COLUMNS = Columns(
    names=(
        "supplier",
        "kind",
        "renews",
        "gpu_model",
        "form_factor",
        "gpu_count",
        "region",
        "term_months",
        "unit_price",
        "currency",
        "price_basis",
        "gpus_per_node",
        "prepay_pct",
        "delivery_date",
        "lead_time_days",
        "received_on",
        "valid_until",
        "document",
    ),
    required=frozenset(
        {
            "supplier",
            "kind",
            "gpu_model",
            "gpu_count",
            "unit_price",
            "currency",
            "price_basis",
            "received_on",
        }
    ),
)

NAME_LENGTH = 200

_NOT_COMMERCIAL = frozenset({"line", "supplier_name", "renews"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedQuote:
    """A quote that somebody states, before the books have given it an id and a place."""

    line: int | None
    supplier_name: str  # as written; the legal name of a supplier that is new
    supplier_key: str
    kind: QuoteKind
    renews: str | None  # CONTRACT/LINE as written
    gpu_model: str
    form_factor: str | None
    gpu_count: int
    region: str | None
    term_months: int | None
    unit_price: Decimal
    price_basis: str
    price_per_gpu_hour: Decimal
    currency: Currency
    prepay_pct: Decimal | None
    delivery_on: date | None
    lead_time_days: int | None
    received_on: date
    valid_until: date | None
    document: str | None

    def as_quote(self, quote_id: str, *, renews_line_no: int | None) -> Quote:
        """Return the open quote."""
        stated = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in _NOT_COMMERCIAL
        }
        return Quote(id=quote_id, state=QuoteState.OPEN, renews_line_no=renews_line_no, **stated)


def read_quote_sheet(
    content: bytes, *, supplier_key: Callable[[str], str]
) -> tuple[list[StatedQuote], list[Fault]]:
    """Return the quotes of a CSV sheet and everything wrong with it. Never raises on content."""
    rows, faults = read_rows(content, COLUMNS)
    quotes = []
    for row in rows:
        quote = stated_quote(row, supplier_key=supplier_key)
        faults += row.faults
        if quote is not None:
            quotes.append(quote)
    return quotes, sorted(faults, key=lambda fault: fault.line or 0)


def stated_quote(row: RowReading, *, supplier_key: Callable[[str], str]) -> StatedQuote | None:
    """Return the quote that a row states, or None with the reasons in `row.faults`.

    `supplier_key` turns a supplier's name into its key, or raises CellRefusedError.
    """
    row.require(COLUMNS.required)
    _read_cells(row, supplier_key)
    _check_kind(row)
    _check_days(row)
    _settle_form_factor(row)
    _settle_price(row)
    if row.faults:
        return None
    gpu: Gpu = row.get("gpu_model")
    return StatedQuote(
        line=row.line,
        supplier_name=row.cells["supplier"].strip(),
        supplier_key=row.get("supplier"),
        kind=row.get("kind"),
        renews=row.get("renews"),
        gpu_model=gpu.model,
        form_factor=row.get("form_factor"),
        gpu_count=row.get("gpu_count"),
        region=row.get("region"),
        term_months=row.get("term_months"),
        unit_price=row.get("unit_price"),
        price_basis=row.get("price_basis").value,
        price_per_gpu_hour=row.get("price_per_gpu_hour"),
        currency=row.get("currency"),
        prepay_pct=row.get("prepay_pct"),
        delivery_on=row.get("delivery_date"),
        lead_time_days=row.get("lead_time_days"),
        received_on=row.get("received_on"),
        valid_until=row.get("valid_until"),
        document=row.get("document"),
    )


def _read_cells(row: RowReading, supplier_key: Callable[[str], str]) -> None:
    name = cell.text_up_to(NAME_LENGTH)
    row.read("supplier", lambda text: supplier_key(name(text)))
    row.read("kind", cell.choice(QuoteKind))
    row.read("gpu_model", _gpu)
    row.read("form_factor", cell.form_factor)
    row.read("unit_price", cell.positive_number)
    row.read("currency", cell.currency_code)
    row.read("price_basis", cell.choice(PriceBasis))
    row.read("prepay_pct", cell.share_percent)
    row.read("lead_time_days", cell.whole_number)
    for text_field in ("renews", "region", "document"):
        row.read(text_field, name)
    for count in ("gpu_count", "gpus_per_node", "term_months"):
        row.read(count, cell.positive_whole_number)
    for day in ("delivery_date", "received_on", "valid_until"):
        row.read(day, cell.day)


def _gpu(text: str) -> Gpu:
    try:
        return canonical_gpu(text)
    except UnknownGpuError as unknown:
        raise CellRefusedError(Code.UNKNOWN_GPU, str(unknown)) from unknown


def _check_kind(row: RowReading) -> None:
    kind, renews = row.get("kind"), row.cells.get("renews", "").strip()
    if kind is QuoteKind.LIST_PRICE:
        row.refuse(
            "kind",
            Code.UNKNOWN_VALUE,
            "a list price is not a quote to us; import it with: tonnage prices import FILE",
        )
    if kind is QuoteKind.RENEWAL_OFFER and not renews:
        row.refuse(
            "renews", Code.MISSING_REQUIRED, "name the line that the offer renews as CONTRACT/LINE"
        )
    if kind in (QuoteKind.RFQ, QuoteKind.OFFER) and renews:
        row.refuse(
            "renews",
            Code.UNKNOWN_VALUE,
            "only a renewal_offer renews a line; change the kind or empty this cell",
        )


def _check_days(row: RowReading) -> None:
    received, valid_until = row.get("received_on"), row.get("valid_until")
    if received and valid_until and valid_until < received:
        row.refuse(
            "valid_until",
            Code.END_BEFORE_START,
            "the quote lapses before the day it was received; check both days",
        )


def _settle_form_factor(row: RowReading) -> None:
    gpu, stated = row.get("gpu_model"), row.get("form_factor")
    if gpu is None or "form_factor" in {fault.field for fault in row.faults}:
        return
    if stated is None:
        row.values["form_factor"] = gpu.form_factor
    elif gpu.part is not None and gpu.form_factor and not _same_form(stated, gpu.form_factor):
        row.refuse(
            "form_factor",
            Code.UNKNOWN_VALUE,
            f"{gpu.model} is sold as {gpu.form_factor}; correct the form factor or the GPU",
        )


def _same_form(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _settle_price(row: RowReading) -> None:
    price, basis, unit = row.get("unit_price"), row.get("price_basis"), row.get("currency")
    if price is None or basis is None or unit is None:
        return
    size = row.get("gpus_per_node") or prices.default_node_size(row.get("form_factor"))
    if basis is PriceBasis.PER_NODE_HOUR and size is None:
        row.refuse(
            "gpus_per_node",
            Code.MISSING_REQUIRED,
            "a price per node-hour needs the number of GPUs in a node, which only SXM settles",
        )
        return
    exact = prices.price_per_gpu_hour(price, basis, gpus_per_node=size)
    row.values["price_per_gpu_hour"] = prices.stored(exact)
    if not prices.is_plausible(row.values["price_per_gpu_hour"], unit):
        row.refuse(
            "unit_price",
            Code.PRICE_OUT_OF_RANGE,
            f"this is not within {prices.LOWEST_USD_PER_GPU_HOUR} to "
            f"{prices.HIGHEST_USD_PER_GPU_HOUR} USD, or about as much, per GPU-hour; "
            "check the number, its currency and its price_basis",
        )
