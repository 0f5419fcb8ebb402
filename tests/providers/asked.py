"""What a test of one supplier needs: to ask it for real, or to parse a recorded answer edited."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Any

from pricing.offer import Offer
from providers import registry
from providers.access import Access
from providers.reading import Reading, read
from providers.supplier import Answer, Ask, Page
from tests.providers.counterpart import NOW, counterpart
from tests.providers.exchanges import Recording
from tests.providers.faults import Asked, Plan, never, proxied

EVERYTHING = Ask()


def asked(
    key: str,
    plan: Plan = never,
    *,
    ask: Ask = EVERYTHING,
    environment: Mapping[str, str | None] | None = None,
) -> tuple[Reading, list[Asked]]:
    """Return the reading of a supplier at its counterpart, and all that it asked there.

    `environment` sets variables beside the counterpart's own, or takes them away with None.
    """
    against = counterpart(key)
    with against.serve() as upstream, proxied(upstream, plan) as proxy:
        access = against.access(proxy.url)
        variables = {**access.environment, **(environment or {})}
        access = Access(
            environment={name: value for name, value in variables.items() if value is not None},
            now=access.now,
            sleep=access.sleep,
        )
        return read(registry.supplier(key), ask, access), proxy.asked


def recorded_page(
    key: str,
    exchange: str,
    *,
    call: str,
    edit: Callable[[Any], Any] = lambda content: content,
    at: datetime = NOW,
) -> Page:
    """Return a recorded answer as a page; `edit` changes its content in place or replaces it."""
    found = next(each for each in Recording.of(key).exchanges if each.name == exchange)
    content = deepcopy(found.response["json"])
    edited = edit(content)
    body = json.dumps(content if edited is None else edited).encode()
    return Page(call=call, url=f"https://{key}.example/{call}", body=body, fetched_at=at)


def parsed(key: str, *pages: Page) -> Answer:
    """Return what pages say."""
    return registry.supplier(key).parse(pages)


def offers_of(answer: Answer, native_id: str) -> list[Offer]:
    """Return the offers of one native id."""
    return [offer for offer in answer.offers if offer.native_id == native_id]


def per_gpu(offer: Offer) -> Decimal | None:
    """Return an offer's price per GPU-hour as a bare number, None when it is unpriced."""
    return None if offer.price is None else offer.price.per_gpu.amount
