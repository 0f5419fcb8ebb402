"""How fast offers are taken in and found: `python benchmarks/offers.py [--offers N] [--days N]`.

Invents a market of 18 clouds in 40 regions, polls it into a fresh SQLite file, and prints a table:
a filtered search against gpuhunt's `Catalog.query` and against a pandas filter, on the same rows
and in the same run; what a poll that finds nothing new costs beside the first one; and how many
rows a year of daily changes stores. Seconds are those of the processor, all threads added up: what
else the machine does meanwhile does not count.

Of the year only the places that move are polled, by the same path: an answer like the last one
writes no offer, which the run counts too. gpuhunt comes with the extra `bench`.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import statistics
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
from sqlalchemy import text
from sqlmodel import func, select

from broker.flows.ingest_reading import ingest_reading
from broker.store import schema
from broker.store.engine import Database
from broker.store.offers import OfferFilter, find_offers
from broker.store.tables import OfferChangeRow, OfferRow, PriceSightingRow
from pricing.hardware import canonical_gpu
from pricing.offer import Offer, PriceUnit, QuotedPrice, Stock, StockState, Terms
from providers.reading import Reading, ReadingState
from providers.supplier import Answer, Place, PlaceState

START = datetime(2026, 1, 1, 6, tzinfo=UTC)
CLOUDS = tuple(f"cloud-{number:02}" for number in range(18))
REGIONS = tuple(f"region-{number:02}" for number in range(40))
GPUS = {
    "H100-SXM": "3.60",
    "B200-SXM": "6.40",
    "H200-SXM": "4.40",
    "A100-SXM-80": "1.90",
    "L40S": "1.20",
    "B300-SXM": "7.60",
    "GB200-NVL72": "9.50",
    "H100-PCIE": "2.60",
    "MI300X": "3.10",
    "L4": "0.70",
}
COUNTS = (8, 1, 4, 2)
TERMS = {  # what part of the list price each costs, per cent
    (Terms.ON_DEMAND, None): 100,
    (Terms.SPOT, None): 45,
    (Terms.RESERVED, 12): 72,
    (Terms.RESERVED, 36): 55,
}
PRICE_ZONES = 6  # regions that a cloud prices alike, as clouds do; spot differs in each region

MOVING_PLACES = 72  # one place in so many moves on a day
MOVING_OFFERS = 4  # and in it one offer in so many
CEILING = Decimal("6.60")
LIMIT = 50
MICROS = 1_000_000
TRIES = 4  # of which the fastest counts: a busy machine only ever adds

PlaceKey = tuple[str, str]
Market = dict[PlaceKey, list[Offer]]


def main(offers: int, days: int) -> None:
    """Invent, poll, search and print."""
    began = time.perf_counter()
    market = invent(offers)
    print(f"{offers:,} offers, {len(CLOUDS)} clouds, {len(REGIONS)} regions")
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'offers.db'}")
        schema.upgrade(database)
        ingest(database, market)
        search(database, market, Path(folder))
        year(database, market, days)
        database.close()
    print(f"the whole run took {time.perf_counter() - began:.0f} s by the clock")


def invent(wanted: int) -> Market:
    """Return a market of so many offers, spread evenly over the places."""
    places = list(product(CLOUDS, REGIONS))
    market: Market = {}
    for number, (cloud, region) in enumerate(places):
        size = wanted * (number + 1) // len(places) - wanted * number // len(places)
        market[(cloud, region)] = [
            offer for offer, _ in zip(_offers(cloud, region), range(size), strict=False)
        ]
    return market


def _offers(cloud: str, region: str) -> Iterator[Offer]:
    for shape in range(1_000):
        for count, (terms, months), gpu in product(COUNTS, TERMS, GPUS):
            yield Offer(
                supplier=cloud,
                native_id=f"{gpu.lower()}.{count}x.v{shape}",
                region=region,
                terms=terms,
                term_months=months,
                gpu=canonical_gpu(gpu),
                gpu_as_quoted=gpu,
                gpu_count=count,
                price=_price(cloud, region, gpu, count=count, terms=(terms, months)),
                stock=Stock(state=StockState.IN_STOCK),
                vcpus=24 * count,
                memory_gib=Decimal(192 * count),
                observed_at=START,
                source=f"https://{cloud}.example/prices",
            )


def _price(
    cloud: str, region: str, gpu: str, *, count: int, terms: tuple[Terms, int | None]
) -> QuotedPrice:
    zone = region if terms[0] is Terms.SPOT else str(_draw(region) % PRICE_ZONES)
    percent = TERMS[terms] * (80 + _draw(cloud, gpu) % 41) * (92 + _draw(cloud, zone) % 17)
    per_gpu = (Decimal(GPUS[gpu]) * percent / 1_000_000).quantize(Decimal("0.0001"))
    return QuotedPrice.of(per_gpu * count, PriceUnit.INSTANCE, gpu_count=count)


def _draw(*about: object) -> int:
    """Return a number that looks like chance and is the same in every run."""
    return crc32("/".join(map(str, about)).encode())


# --- taking in ---------------------------------------------------------------------------------


def ingest(database: Database, market: Market) -> None:
    """Time the first poll, one that finds nothing new, and the first one of the next day."""
    first = poll(database, market, at=START)
    stored = _rows(database)
    same = poll(database, market, at=START + timedelta(minutes=15))
    written = sum(_rows(database).values()) - sum(stored.values())
    next_day = poll(database, market, at=START + timedelta(days=1))
    print("\ntaking in all offers, all suppliers")
    print(f"  first poll                     {first:8.2f} s")
    print(f"  poll with nothing new          {same:8.2f} s  {_share(same, first)}, target 10 %")
    print(f"    offer, change and price rows it wrote: {written}")
    print(f"  first poll of the next day     {next_day:8.2f} s  {_share(next_day, first)}")
    heartbeats = _rows(database)["price sightings"] - stored["price sightings"]
    print(f"    price sightings it wrote: {heartbeats:,}, the day's heartbeat of list prices")


def poll(database: Database, market: Market, *, at: datetime) -> float:
    """Take in what each cloud says of these places; return seconds."""
    by_cloud: dict[str, list[PlaceKey]] = defaultdict(list)
    for place in market:
        by_cloud[place[0]].append(place)
    seconds = 0.0
    for cloud, places in by_cloud.items():
        reading = Reading(
            supplier=cloud,
            state=ReadingState.OK,
            started_at=at,
            finished_at=at,
            answer=Answer(offers=tuple(offer for place in places for offer in market[place])),
            places=tuple(Place(region=region, state=PlaceState.OK) for _, region in places),
        )
        began = time.process_time()
        report = ingest_reading(database, reading, actor="benchmark", clock=lambda: at)
        seconds += time.process_time() - began
        if report.state is not ReadingState.OK:
            raise SystemExit(f"{cloud}: {report.state} {report.message}")
    return seconds


def _rows(database: Database) -> Mapping[str, int]:
    tables = {
        "offers": OfferRow,
        "changes": OfferChangeRow,
        "price sightings": PriceSightingRow,
    }
    with database.reading() as session:
        return {
            name: session.exec(select(func.count()).select_from(table)).one()
            for name, table in tables.items()
        }


def _share(part: float, whole: float) -> str:
    return f"{part / whole:6.1%} of the first"


# --- finding -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """Eight B200 in two regions under a ceiling, cheapest first."""

    regions: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Searcher:
    """One way to answer the question; `price` reads the price off what it returns."""

    name: str
    ask: Callable[[Question], Sequence[Any]]
    price: Callable[[Any], float]
    target: int  # how many times faster we want to be


def search(database: Database, market: Market, folder: Path) -> None:
    """Time the question, asked of different regions, of one searcher after the other."""
    regions = [(REGIONS[n], REGIONS[(n * 7 + 3) % 40]) for n in range(0, len(REGIONS), 2)]
    searchers = list(_searchers(database, market, folder))
    times: dict[str, list[float]] = defaultdict(list)
    found: dict[str, list[list[float]]] = defaultdict(list)
    for searcher in searchers:
        searcher.ask(Question(regions[0]))  # whatever is only done once, is not counted
        for pair in regions:
            tries = []
            for _ in range(TRIES):
                began = time.process_time()
                rows = searcher.ask(Question(pair))
                tries.append(time.process_time() - began)
            times[searcher.name].append(min(tries))
            found[searcher.name].append([round(searcher.price(row), 6) for row in rows])
    first = found[searchers[0].name]
    if any(of_searcher != first for of_searcher in found.values()):
        raise SystemExit("the searchers found different offers")
    print(f"\nB200, count 8, two regions, at most {CEILING} a GPU-hour, cheapest {LIMIT}")
    ours = statistics.median(times[searchers[0].name])
    for searcher in searchers:
        median = statistics.median(times[searcher.name])
        ratio = f"{median / ours:6.1f} times as long, target {searcher.target}"
        print(f"  {searcher.name:30} {median * 1000:8.2f} ms  {ratio if searcher.target else ''}")
    print(f"  all found the same, on average {statistics.mean(map(len, first)):.0f} offers")


def _searchers(database: Database, market: Market, folder: Path) -> Iterator[Searcher]:
    yield Searcher(
        "tonnage",
        lambda question: _ask_tonnage(database, question),
        lambda offer: float(offer.usd_per_gpu_hour),
        0,
    )
    with database.read_engine.connect() as connection:
        frame = pd.read_sql_query(text("SELECT * FROM offer"), connection)
    yield Searcher(
        "pandas, the whole frame",
        lambda question: _ask_pandas(frame, question),
        lambda record: float(record["usd_per_gpu_hour"]) / MICROS,
        5,
    )
    catalogue = _catalogue(market, folder)
    if catalogue is not None:
        yield Searcher(
            "gpuhunt Catalog.query",
            lambda question: _ask_gpuhunt(catalogue, question),
            lambda item: float(item.price / item.gpu_count),
            20,
        )


def _ask_tonnage(database: Database, question: Question) -> Sequence[Any]:
    wanted = OfferFilter(
        gpu_model="B200",
        gpu_count=8,
        regions=frozenset(question.regions),
        max_usd_per_gpu_hour=CEILING,
        limit=LIMIT,
    )
    with database.reading() as session:
        return find_offers(session, wanted)


def _ask_pandas(frame: pd.DataFrame, question: Question) -> Sequence[Any]:
    """Filter the table as it is stored: every column, prices as whole millionths."""
    found = frame[
        (frame["gpu_model"] == "B200")
        & (frame["gpu_count"] == 8)
        & frame["region"].isin(question.regions)
        & (frame["usd_per_gpu_hour"] <= int(CEILING * MICROS))
    ]
    return found.sort_values("usd_per_gpu_hour").head(LIMIT).to_dict("records")


def _catalogue(market: Market, folder: Path) -> Any:
    """Return gpuhunt's catalogue, loaded by itself from the files that it reads; None without it.

    It knows its suppliers by name, nine with a published file: two clouds each go by one name.
    """
    try:
        from gpuhunt import Catalog
        from gpuhunt._internal.catalog import OFFLINE_PROVIDERS
    except ImportError:
        print("\ngpuhunt is not installed, so it is left out: pip install 'tonnage[bench]'")
        return None
    rows: dict[str, list[Offer]] = defaultdict(list)
    for offer in _all(market):
        name = OFFLINE_PROVIDERS[CLOUDS.index(offer.supplier) % len(OFFLINE_PROVIDERS)]
        rows[name].append(offer)
    for name in OFFLINE_PROVIDERS:
        _publish(folder / "catalogue" / name, name, rows[name])
    os.environ["GPUHUNT_CATALOG_URL"] = (folder / "catalogue").as_uri()
    catalogue = Catalog(auto_reload=False)
    catalogue.load()
    return catalogue


def _publish(folder: Path, name: str, offers: Iterable[Offer]) -> None:
    sheet = io.StringIO()
    rows = [_catalogue_row(offer) for offer in offers]
    writer = csv.DictWriter(sheet, _CATALOGUE_COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    (folder / "1").mkdir(parents=True)
    (folder / "version").write_text("1")
    with zipfile.ZipFile(folder / "1" / "catalog.zip", "w") as archive:
        archive.writestr(f"{name}.csv", sheet.getvalue())


_CATALOGUE_COLUMNS = [
    "instance_name",
    "location",
    "price",
    "cpu",
    "memory",
    "gpu_count",
    "gpu_name",
    "gpu_memory",
    "spot",
    "disk_size",
    "gpu_vendor",
    "flags",
    "cpu_arch",
    "provider_data",
]


def _catalogue_row(offer: Offer) -> dict[str, object]:
    return {
        "instance_name": offer.native_id,
        "location": offer.region,
        "price": _per_gpu(offer) * offer.gpu_count,
        "cpu": offer.vcpus,
        "memory": offer.memory_gib,
        "gpu_count": offer.gpu_count,
        "gpu_name": offer.gpu.model,
        "gpu_memory": offer.gpu.memory_gb,
        "spot": offer.terms is Terms.SPOT,
        "disk_size": "",
        "gpu_vendor": offer.gpu.vendor,
        "flags": "",
        "cpu_arch": "x86",
        "provider_data": "{}",
    }


def _ask_gpuhunt(catalogue: Any, question: Question) -> Sequence[Any]:
    """Ask it what it can be asked; regions and the limit are left to whoever asks."""
    items = catalogue.query(
        gpu_name="B200",
        min_gpu_count=8,
        max_gpu_count=8,
        max_price=float(CEILING * 8) + 1e-9,
    )
    fitting = [item for item in items if item.location in question.regions]
    return sorted(fitting, key=lambda item: item.price)[:LIMIT]


def _all(market: Market) -> Iterator[Offer]:
    for offers in market.values():
        yield from offers


def _per_gpu(offer: Offer) -> float:
    return float(offer.price.per_gpu.amount) if offer.price else 0.0


# --- a year ------------------------------------------------------------------------------------


def year(database: Database, market: Market, days: int) -> None:
    """Let places move day by day, poll those that did, and count what is stored."""
    before, offers, moved, seconds = _rows(database), sum(map(len, market.values())), 0, 0.0
    for day in range(2, days + 2):
        news: Market = {}
        for place, of_place in market.items():
            if _draw(day, place) % MOVING_PLACES == 0:
                news[place] = [_moved(offer, day, number) for number, offer in enumerate(of_place)]
                moved += sum(a is not b for a, b in zip(of_place, news[place], strict=True))
        market.update(news)
        seconds += poll(database, news, at=START + timedelta(days=day))
    after, observed = _rows(database), offers * (days + 1)
    changes = after["changes"] - before["changes"]
    stored = after["offers"] + after["changes"]
    print(f"\n{days} days of changes, polled place by place where something moved")
    print(f"  taking them in                 {seconds:8.2f} s")
    print(f"  offers that moved a day        {moved / days / offers:8.2%}")
    print(f"  offers observed                {observed:12,}  once a day")
    print(f"  offer rows                     {after['offers']:12,}")
    print(f"  change rows                    {after['changes']:12,}  {changes:,} since day 2")
    print(f"  stored / observed              {stored / observed:12.4f}")
    print(f"  price sightings                {after['price sightings']:12,}  of moved places")
    if changes != moved:
        raise SystemExit(f"{moved:,} offers moved, but {changes:,} changes were stored")


def _moved(offer: Offer, day: int, number: int) -> Offer:
    """Return an offer as it stands on a day: most as before, some dearer, cheaper or sold out."""
    draw = _draw(day, offer.supplier, offer.region, number)
    if draw % MOVING_OFFERS or offer.price is None:
        return offer
    if draw // MOVING_OFFERS % 4 == 0:
        is_out = offer.stock.state is StockState.OUT_OF_STOCK
        state = StockState.IN_STOCK if is_out else StockState.OUT_OF_STOCK
        return replace(offer, stock=Stock(state=state))
    percent = 97 + draw // 20 % 7
    percent = 98 if percent == 100 else percent
    amount = (offer.price.amount * percent / 100).quantize(Decimal("0.0001"))
    return replace(
        offer, price=QuotedPrice.of(amount, PriceUnit.INSTANCE, gpu_count=offer.gpu_count)
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--offers", type=int, default=200_000)
    arguments.add_argument("--days", type=int, default=365)
    given = arguments.parse_args()
    main(given.offers, given.days)
