"""The application: its routes, its middleware, and what it answers when something is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware import Middleware
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from broker.api.answers import Answers
from broker.api.auditing import Auditing
from broker.api.express import ExpressLane
from broker.api.housekeeping import keeping_house, round_terms
from broker.api.limits import BodyLimit
from broker.api.links import add_links
from broker.api.problems import HANDLERS, V1_STATUSES, described
from broker.api.rate_limit import RateLimit
from broker.api.readiness import Readiness
from broker.api.routes import (
    alerts,
    assumptions,
    audit,
    capacity_events,
    capacity_requests,
    contracts,
    demand,
    health,
    holdings,
    keys,
    leases,
    ledger,
    market,
    metrics,
    models,
    offers,
    plan_changes,
    plans,
    pools,
    prices,
    procurement_plans,
    providers,
    quotas,
    quotes,
    reconciliation,
    renewals,
    suppliers,
    webhooks,
)
from broker.api.sign_ins import SignIns
from broker.api.wire.capacity import CapacityBatch, CapacityRequest
from broker.api.wire.leases import Heartbeat, HeartbeatBatch
from broker.api.wire.plan_changes import ReplanRequest, WhatIfRequest
from broker.api.wire.plans import PlanRequest
from broker.api.wire.problem import Problem
from broker.api.wiring import Wiring, require_guarded
from broker.clock import Clock, Ticks, ticks_now, utc_now
from broker.flows.pool_snapshot import PoolSnapshots
from broker.flows.prepare_database import open_database
from broker.flows.request_capacity import Desk
from broker.metrics import Meters
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.grants import Grants, grants_of

V1_ROUTERS: tuple[APIRouter, ...] = (
    alerts.router,
    assumptions.router,
    audit.router,
    capacity_events.router,
    capacity_requests.router,
    contracts.router,
    demand.router,
    holdings.router,
    keys.router,
    leases.router,
    ledger.router,
    market.router,
    models.router,
    offers.router,
    plan_changes.router,
    plans.router,
    pools.router,
    prices.router,
    procurement_plans.router,
    providers.router,
    quotas.router,
    quotes.router,
    reconciliation.router,
    renewals.router,
    suppliers.router,
    webhooks.router,
)
"""Every router under /v1, by name of its file: a new noun adds one entry."""


DESCRIBED_HERE: tuple[type[BaseModel], ...] = (
    Problem,
    CapacityBatch,
    CapacityRequest,
    Heartbeat,
    HeartbeatBatch,
    PlanRequest,
    ReplanRequest,
    WhatIfRequest,
)
"""Models that FastAPI does not see: those of problems, and of bodies that are read by ourselves."""


class Api(FastAPI):
    """FastAPI with what it does not see in its description: shapes of ours, and links."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        _, found = models_json_schema(
            [(model, "validation") for model in DESCRIBED_HERE],
            ref_template="#/components/schemas/{model}",
        )
        document = super().openapi()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(found["$defs"])
        add_links(document)
        return document


def create_app(
    settings: Settings | None = None,
    *,
    database: Database | None = None,
    clock: Clock = utc_now,
    ticks: Ticks = ticks_now,
    grants: Grants | None = None,
    meters: Meters | None = None,
) -> FastAPI:
    """Return the application; without arguments it is set from the environment.

    The engine of leases runs while the server does; both it and the database are closed with it.
    """
    settings = settings or Settings()
    database = database or open_database(settings.database_url)
    meters = meters or Meters()
    sign_ins = SignIns(database, settings=settings, clock=clock, ticks=ticks)
    app = Api(
        title="Tonnage",
        version=version("tonnage"),
        description="Multi-cloud GPU capacity broker and procurement ledger.",
        lifespan=_lifespan,
        middleware=[
            Middleware(Answers, meters=meters),
            Middleware(RateLimit, sign_ins=sign_ins, settings=settings, ticks=ticks),
            Middleware(Auditing),
            Middleware(BodyLimit),
        ],
        exception_handlers=HANDLERS,
        redirect_slashes=False,  # a redirect is neither an answer nor a problem
        docs_url=None,  # both pages would fetch scripts from elsewhere
        redoc_url=None,
    )
    grants = grants or grants_of(database)
    grants.count_in(meters)
    desk = Desk(
        database=database,
        grants=grants,
        snapshots=PoolSnapshots(database, ticks=ticks),
        clock=clock,
    )
    app.state.wiring = Wiring(
        database=database,
        settings=settings,
        clock=clock,
        sign_ins=sign_ins,
        desk=desk,
        readiness=Readiness(database),
        meters=meters,
    )
    app.include_router(health.router)
    app.include_router(metrics.open_router if settings.metrics_public else metrics.router)
    for router in V1_ROUTERS:
        require_guarded(router.routes)
        app.include_router(router, responses=described(*V1_STATUSES))
    hot = (capacity_requests, leases)
    app.router.routes.insert(
        0,
        ExpressLane(
            [express for module in hot for express in module.EXPRESS],
            [route for module in hot for route in module.router.routes],
        ),
    )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    wiring: Wiring = app.state.wiring
    grants, terms = wiring.desk.grants, round_terms(wiring.settings)
    await grants.start()
    try:
        async with keeping_house(grants, wiring.database, terms=terms, clock=wiring.clock):
            yield
    finally:
        await grants.stop()
        wiring.database.close()
