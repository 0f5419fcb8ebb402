"""Price sheets: each seller's offers, one bad sheet beside good ones, prices that grew old."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pricing.offer import StockState
from providers.access import Access
from providers.errors import ErrorKind
from providers.price_rows import COLUMNS
from providers.price_sheet import DIRECTORY, OLD_AFTER, SUPPLIER
from providers.reading import Reading, ReadingState, read
from providers.supplier import Ask, Capability, SkipReason
from tests.providers.counterpart import NOW

GOOD = {
    "supplier": "harbor-compute",
    "native_id": "hc-h100-8",
    "gpu": "H100 SXM5",
    "gpu_count": "8",
    "gpu_memory_gb": "80",
    "region": "us-east",
    "terms": "on-demand",
    "term_months": "",
    "price": "2.95",
    "unit": "gpu",
    "currency": "USD",
    "stock": "in-stock",
    "as_of": "2026-11-02",
    "source": "price page",
}


def a_sheet(*rows: Mapping[str, str]) -> str:
    lines = [",".join((GOOD | dict(row))[name] for name in COLUMNS) for row in rows]
    return "\n".join((",".join(COLUMNS), *lines)) + "\n"


def reading_of(directory: Path, **sheets: str) -> Reading:
    for name, text in sheets.items():
        (directory / f"{name}.csv").write_text(text, encoding="utf-8")
    access = Access(environment={DIRECTORY: str(directory)}, now=lambda: NOW)
    return read(SUPPLIER, Ask(), access)


def test_the_seller_is_the_upstream_and_the_source_is_file_and_line(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, harbor=a_sheet({}))

    (offer,) = reading.answer.offers
    assert offer.supplier == "price_sheet"
    assert offer.upstream == "harbor-compute"
    assert offer.price_kind == "price-sheet 2026-11-02"
    assert offer.source == "harbor.csv:2"
    assert offer.price is not None
    assert offer.price.per_gpu.amount == Decimal("2.95")


def test_sellers_that_use_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, a=a_sheet({}), b=a_sheet({"supplier": "kestrel-cloud"}))

    assert [offer.upstream for offer in reading.answer.offers] == [
        "harbor-compute",
        "kestrel-cloud",
    ]


def test_one_bad_sheet_is_named_with_line_and_field_and_the_others_go_on(tmp_path: Path) -> None:
    reading = reading_of(
        tmp_path,
        a=a_sheet({}),
        b=a_sheet({"price": "cheap", "supplier": "kestrel-cloud"}, {"supplier": "kestrel-cloud"}),
    )

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.CONTRACT
    assert reading.message is not None
    assert reading.message.startswith("b.csv: line 2, price: ")
    assert "cheap" not in reading.message
    assert [offer.upstream for offer in reading.answer.offers] == ["harbor-compute"]
    assert reading.answer.warnings == (f"left out {reading.message}",)


def test_two_bad_sheets_are_both_named(tmp_path: Path) -> None:
    bad = a_sheet({"as_of": "yesterday"})

    reading = reading_of(tmp_path, a=bad, b=a_sheet({}), c=bad)

    assert reading.state is ReadingState.PARTIAL
    assert reading.message is not None
    assert "a.csv: line 2, as_of" in reading.message
    assert "c.csv: line 2, as_of" in reading.message


def test_without_one_good_sheet_the_reading_has_failed(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, a="no sheet at all\n")

    assert reading.state is ReadingState.FAILED
    assert reading.answer.offers == ()
    assert reading.pages


def test_a_sheet_that_cannot_be_opened_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "b.csv").mkdir()

    reading = reading_of(tmp_path, a=a_sheet({}))

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.NOT_FOUND
    assert reading.message is not None
    assert "b.csv cannot be read" in reading.message
    assert len(reading.answer.offers) == 1


def test_a_missing_or_empty_directory_has_failed_and_names_the_variable(tmp_path: Path) -> None:
    empty, missing = reading_of(tmp_path), reading_of(tmp_path / "nowhere")

    for reading in (empty, missing):
        assert reading.state is ReadingState.FAILED
        assert reading.kind is ErrorKind.NOT_FOUND
        assert DIRECTORY in (reading.message or "")


def test_other_files_of_the_directory_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("call them", encoding="utf-8")
    (tmp_path / "old").mkdir()

    assert reading_of(tmp_path, a=a_sheet({})).state is ReadingState.OK


def test_sheets_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, b=a_sheet({}), a=a_sheet({}), c=a_sheet({}))

    assert [page.url for page in reading.pages] == ["a.csv", "b.csv", "c.csv"]
    assert [offer.source for offer in reading.answer.offers] == ["a.csv:2"]
    assert reading.answer.warnings == ()


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_the_newer_price_counts_whichever_sheet_it_is_on(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    newer, older = names
    reading = reading_of(
        tmp_path,
        **{
            newer: a_sheet({"price": "3.10", "as_of": "2026-11-09"}),
            older: a_sheet({"price": "2.95", "as_of": "2026-11-02"}),
        },
    )

    (offer,) = reading.answer.offers
    assert offer.price is not None
    assert offer.price.amount == Decimal("3.10")
    (warning,) = reading.answer.warnings
    assert warning.startswith(f"{older}.csv:2: ")


def test_two_prices_of_one_day_are_told_and_the_cheaper_is_kept(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, a=a_sheet({"price": "3.10"}, {"price": "2.95"}))

    (offer,) = reading.answer.offers
    assert offer.price is not None
    assert offer.price.amount == Decimal("2.95")
    assert [warning for warning in reading.answer.warnings if "listed twice" in warning]


@pytest.mark.parametrize(("days", "is_old"), [(0, False), (90, False), (91, True), (400, True)])
def test_a_price_that_grew_old_says_so_and_its_stock_is_no_longer_believed(
    tmp_path: Path, days: int, is_old: bool
) -> None:
    assert timedelta(days=90) == OLD_AFTER
    day = NOW.date() - timedelta(days=days)

    (offer,) = reading_of(tmp_path, a=a_sheet({"as_of": day.isoformat()})).answer.offers

    assert offer.flags == (("old_sheet",) if is_old else ())
    assert offer.stock.state is (StockState.UNKNOWN if is_old else StockState.IN_STOCK)
    assert offer.stock.raw == "in-stock"


def test_stock_is_as_the_sheet_says_and_unknown_where_it_says_nothing(tmp_path: Path) -> None:
    reading = reading_of(
        tmp_path, a=a_sheet({"stock": "out-of-stock"}, {"stock": "", "native_id": "other"})
    )

    sold_out, silent = reading.answer.offers
    assert sold_out.stock.is_obtainable is False
    assert silent.stock.is_obtainable is None


def test_a_day_in_the_future_is_told(tmp_path: Path) -> None:
    reading = reading_of(
        tmp_path,
        a=a_sheet({"as_of": "2026-11-21"}, {"as_of": "2027-11-02", "native_id": "typo"}),
    )

    (warning,) = reading.answer.warnings
    assert warning.startswith("a.csv:3: the price is dated 2027-11-02")


def test_a_currency_that_nobody_trades_in_is_left_out(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, a=a_sheet({"currency": "XYZ"}))

    assert [skip.reason for skip in reading.answer.skips] == [SkipReason.MALFORMED]


def test_nothing_is_read_when_no_offers_are_wanted() -> None:
    fetched = SUPPLIER.fetch(Ask(wanted=frozenset({Capability.QUOTAS})), Access())

    assert (fetched.pages, fetched.places) == ((), ())
