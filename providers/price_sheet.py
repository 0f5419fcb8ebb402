"""Price sheets: any seller that exists on paper only, one CSV file or several, read where they lie.

Every `*.csv` of one directory, in the order of their names; docs/price-sheets.md says what stands
in them. The seller is the offer's upstream. A sheet with a fault is left out whole and the place is
partial: what it held is then unknown, not gone. A newer price of the same machine replaces an older
one; a price older than `OLD_AFTER` says so, and its stock is no longer believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from pricing.money import currency
from pricing.offer import UNKNOWN_STOCK, PriceUnit, Stock, StockState
from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind, SupplierError, supplier_error
from providers.offer_book import Asked, Machine, OfferBook
from providers.price_rows import PriceRow, price_rows, sheet_page
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Place,
    PlaceState,
    Profile,
    Sharing,
    SkipReason,
    Source,
)

KEY: Final = "price_sheet"
DIRECTORY: Final = "TONNAGE_PRICE_SHEET_DIR"
OLD_AFTER: Final = timedelta(days=90)

_CODES: Final = (
    "USD EUR GBP CHF CAD AUD NZD SGD HKD CNY JPY KRW TWD INR DKK SEK NOK PLN BRL AED SAR"
)

PROFILE: Final = Profile(
    key=KEY,
    name="Price sheets",
    hosts=(),
    url="file",
    units=tuple(PriceUnit),
    golden=tuple(
        GoldenPrice(raw=Decimal(raw), unit=unit, gpu_count=8, per_gpu_hour=Decimal("6.11"))
        for unit, raw in {
            PriceUnit.INSTANCE: "48.88",
            PriceUnit.CENTS_PER_INSTANCE: "4888",
            PriceUnit.GPU: "6.11",
            PriceUnit.NODE_OF_8: "48.88",
            PriceUnit.TEN_MICROS_PER_GPU: "611000",
            PriceUnit.NANOS_PER_INSTANCE: "4888000000",
            PriceUnit.COMPONENT_SUM: "48.88",
        }.items()
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK}),
    options=(DIRECTORY,),  # no secret, and yet without it there is nothing to read
    permissions={
        Capability.OFFERS: ("to read the files of the directory",),
        Capability.STOCK: ("to read the files of the directory",),
    },
    price_source=Source.PRICE_SHEET,
    stock_source=Source.PRICE_SHEET,
    currencies=tuple(currency(code) for code in _CODES.split()),
    licence="our own notes; each row names where its price was read",
    sharing=Sharing.OWN_USE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A row and the page that it stands on."""

    row: PriceRow
    page: Page

    @property
    def source(self) -> str:
        """Return where a person can check it: file and line."""
        return f"{self.page.url}:{self.row.line}"

    @property
    def machine(self) -> tuple[object, ...]:
        """Return what makes two rows prices of the same thing."""
        row = self.row
        return (
            row.supplier,
            row.native_id,
            row.gpu_count,
            row.region,
            row.terms,
            row.term_months,
        )


class PriceSheets:
    """The price sheets of one directory."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the variable that names the directory if it is not set."""
        return () if access.has(DIRECTORY) else (DIRECTORY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Read every sheet of the directory. A sheet that cannot be used makes the place partial.

        Raises SupplierError when the directory cannot be listed or holds no sheet.
        """
        if Capability.OFFERS not in ask.wanted:
            return Fetched(pages=(), places=())
        pages: list[Page] = []
        troubles: list[SupplierError] = []
        paths = _sheets(access)
        for path in paths:
            try:
                page = sheet_page(path, supplier=KEY, access=access)
                pages.append(page)  # also one with faults: it can be read again
                price_rows(page, supplier=KEY)
            except SupplierError as trouble:
                troubles.append(trouble)
        return Fetched(
            pages=tuple(pages), places=(_place(troubles, some_good=len(troubles) < len(paths)),)
        )

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each machine on the sheets; the faults of a sheet are warnings."""
        book = OfferBook(profile=PROFILE)
        lines: set[_Line] = set()
        for page in pages:
            try:
                lines.update(_Line(row=row, page=page) for row in price_rows(page, supplier=KEY))
            except AnswerChanged as faulty:
                book.warn(f"left out {faulty}")
        for line in _newest(book, lines):
            _add(book, line)
        return book.answer()


def _sheets(access: Access) -> list[Path]:
    directory = Path(access.value(DIRECTORY) or "")
    try:
        found = [path for path in directory.iterdir() if path.suffix.lower() == ".csv"]
    except OSError as unreadable:
        raise supplier_error(
            ErrorKind.NOT_FOUND,
            f"the directory of price sheets cannot be listed ({type(unreadable).__name__}); "
            f"check {DIRECTORY}",
            supplier=KEY,
        ) from None
    if not found:
        raise supplier_error(
            ErrorKind.NOT_FOUND,
            f"the directory of price sheets holds no *.csv; put a sheet there or unset {DIRECTORY}",
            supplier=KEY,
        )
    return sorted(found, key=lambda path: path.name)


def _place(troubles: Sequence[SupplierError], *, some_good: bool) -> Place:
    if not troubles:
        return Place(region=None, state=PlaceState.OK)
    return Place(
        region=None,
        state=PlaceState.PARTIAL if some_good else PlaceState.FAILED,
        kind=troubles[0].kind,
        message=" | ".join(str(trouble) for trouble in troubles),
    )


def _newest(book: OfferBook, lines: Iterable[_Line]) -> list[_Line]:
    """Return the latest line of each machine, warning of older ones that could be removed.

    Several of one day stay if they differ: the book then says so.
    """
    by_machine: defaultdict[tuple[object, ...], list[_Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: (line.page.url, line.row.line)):
        by_machine[line.machine].append(line)
    kept: list[_Line] = []
    for same in by_machine.values():
        latest = max(line.row.as_of for line in same)
        said: set[PriceRow] = set()
        for line in same:
            if line.row.as_of < latest:
                book.warn(f"{line.source}: a sheet has a price of {latest}; remove this older one")
            elif (content := replace(line.row, line=0, source="")) not in said:
                said.add(content)
                kept.append(line)
    return kept


def _add(book: OfferBook, line: _Line) -> None:
    row, page = line.row, line.page
    native_id = f"{row.supplier}/{row.native_id}"  # sellers may use the same name
    if row.currency not in PROFILE.currencies:
        book.skip(native_id, SkipReason.MALFORMED, f"no sheet is read in {row.currency}")
        return
    age = page.fetched_at.date() - row.as_of
    if age < timedelta(days=-1):  # a day's grace: sheets name the day of another zone
        book.warn(f"{line.source}: the price is dated {row.as_of}, after today; correct it")
    is_old = age > OLD_AFTER
    book.add(
        native_id,
        Machine(gpu=row.gpu, count=row.gpu_count, memory_gb=row.gpu_memory_gb),
        Asked(amount=row.price, unit=row.unit, currency=row.currency, kind=row.price_kind),
        page=replace(page, call=line.source),
        region=row.region,
        terms=row.terms,
        term_months=row.term_months,
        stock=_stock(row.stock, is_old=is_old),
        upstream=row.supplier,
        flags=("old_sheet",) if is_old else (),
    )


def _stock(state: StockState, *, is_old: bool) -> Stock:
    if state is StockState.UNKNOWN:
        return UNKNOWN_STOCK
    return Stock(state=StockState.UNKNOWN if is_old else state, raw=state.value)


SUPPLIER: Final = PriceSheets()
