"""Suppliers that are polled: how each stands."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from broker.access.scope import Scope
from broker.api.wire.providers import ProviderList, ProviderOut
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.show_providers import show_providers
from providers.access import of_process

router = APIRouter(prefix="/v1", tags=["providers"])

Reader = Annotated[Caller, requires(Scope.PRICES_READ)]


@router.get("/providers")
def providers(wiring: WiringDep, _: Reader) -> ProviderList:
    """List every supplier with its last poll, its regions and what it left out."""
    found = show_providers(wiring.database, of_process(), clock=wiring.clock)
    return ProviderList(providers=[ProviderOut.of(each) for each in found])
