"""`tonnage offers`: what the market has of a GPU, the cheapest first, and what we own of it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from broker.api.wire.offers import OfferChanges, OfferList, OfferOut
from broker.cli.console import opened, print_json, print_table
from broker.cli.words import age_text
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.list_offers import list_offers, offer_past
from broker.flows.offer_query import MOST_OFFERS, USUAL_OFFERS, offer_filter
from pricing.money import priced
from pricing.offer import Terms


def offers(
    gpu: Annotated[str | None, typer.Option(help="B200, H100-SXM, however it is spelt.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="GPUs of one instance.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="One of these regions.")] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Spot only; else all but spot.")] = False,
    terms: Annotated[list[Terms] | None, typer.Option(help="On these terms only.")] = None,
    max_price: Annotated[str | None, typer.Option(help="US dollars per GPU-hour.")] = None,
    supplier: Annotated[list[str] | None, typer.Option(help="One of these suppliers.")] = None,
    obtainable: Annotated[
        bool, typer.Option("--obtainable", help="Only what is known to be in stock.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_OFFERS)] = USUAL_OFFERS,
    history: Annotated[
        str | None, typer.Option(metavar="ID", help="What became of one offer instead.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """List offers, the cheapest GPU-hour first, and what we own of the GPU beside them."""
    if history is not None:
        _tell_history(history, as_json=as_json)
        return
    wanted = offer_filter(
        gpu=gpu,
        count=count,
        regions=region or (),
        terms=terms or (),
        spot=spot,
        max_price=_price(max_price),
        suppliers=supplier or (),
        obtainable=obtainable,
        limit=limit,
    )
    with opened() as database:
        view = list_offers(database, wanted, clock=utc_now)
    shown = OfferList.of(view, with_prices=True)
    if as_json:
        print_json(shown.model_dump(mode="json"))
        return
    print_offers(shown)


def _tell_history(offer_id: str, *, as_json: bool) -> None:
    with opened() as database:
        told = OfferChanges.of(offer_id, offer_past(database, offer_id))
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    print_table(
        ("at", "", "per instance-h", "stock", "count"),
        [
            (
                f"{each.at:%Y-%m-%d %H:%M}Z",
                "listed" if each.is_present else "gone",
                None
                if each.price_per_instance is None
                else f"{_amount(each.price_per_instance)} {each.currency}",
                each.stock_state,
                each.stock_count,
            )
            for each in told.items
        ],
        numeric=("per instance-h", "count"),
    )


def print_offers(shown: OfferList) -> None:
    """Print offers as a table, and below them what we own of the GPU."""
    _print_market(shown)
    if shown.owned:
        typer.echo()
        _print_owned(shown)


def _print_market(shown: OfferList) -> None:
    print_table(
        (
            "supplier",
            "tier",
            "GPUs",
            "GPU",
            "terms",
            "USD/GPU-h",
            "per instance-h",
            "region",
            "stock",
            "seen",
            "type",
        ),
        [
            (
                each.upstream
                if each.upstream and each.supplier == "price_sheet"
                else _seller(each),
                each.tier.tier if each.tier else None,
                each.gpu_count,
                each.gpu,
                _terms(each),
                _amount(each.usd_per_gpu_hour),
                None
                if each.price_per_instance is None
                else f"{_amount(each.price_per_instance)} {each.currency}",
                each.zone or each.region,
                _stock(each),
                age_text(each.age_seconds) + (" stale" if each.is_stale else ""),
                each.native_id,
            )
            for each in shown.items
        ],
        numeric=("GPUs", "USD/GPU-h", "per instance-h"),
    )
    if not shown.items:
        typer.echo("No offer fits. Poll the suppliers first: tonnage prices poll", err=True)


def _print_owned(shown: OfferList) -> None:
    print_table(
        ("ours", "name", "GPUs", "used", "free", "region", "from", "last day", "per GPU-h"),
        [
            (
                each.supplier,
                each.name,
                each.gpus,
                each.used,
                each.free,
                each.region,
                each.start_on,
                each.last_day,
                None
                if each.price_per_gpu_hour is None
                else f"{_amount(each.price_per_gpu_hour.amount)} {each.price_per_gpu_hour.currency}",
            )
            for each in shown.owned
        ],
        numeric=("GPUs", "used", "free", "per GPU-h"),
    )


def _seller(offer: OfferOut) -> str:
    parts = [offer.supplier]
    if offer.offer_class:
        parts.append(offer.offer_class)
    if offer.upstream:
        parts.append(f"via {offer.upstream}" if offer.upstream != "undisclosed" else "undisclosed")
    return " ".join(parts)


def _terms(offer: OfferOut) -> str:
    months = ""
    if offer.term_months:
        months = f" {offer.term_months} month{'' if offer.term_months == 1 else 's'}"
    window = ""
    if offer.window_start and offer.window_end:
        window = f" {offer.window_start:%d %b}-{offer.window_end:%d %b}"
    return f"{offer.terms}{months}{window}"


def _stock(offer: OfferOut) -> str:
    stock = offer.stock
    if stock.count is None:
        return stock.state if stock.raw is None else f"{stock.state} ({stock.raw})"
    return f"{stock.state} {'at least ' if stock.at_least else ''}{stock.count} {stock.unit}"


def _amount(text: str | None) -> str | None:
    return None if text is None else priced(Decimal(text))


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(0)
    if not price.is_finite() or price <= 0:
        raise BadInputError("--max-price is US dollars per GPU-hour such as 4.50")
    return price
