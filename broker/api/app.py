"""The application: its routes, its middleware, and what it answers when something is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware import Middleware

from broker.api.answers import Answers
from broker.api.auditing import Auditing
from broker.api.limits import BodyLimit
from broker.api.problems import HANDLERS, V1_STATUSES, described
from broker.api.rate_limit import RateLimit
from broker.api.readiness import Readiness
from broker.api.routes import (
    alerts,
    assumptions,
    audit,
    contracts,
    health,
    holdings,
    keys,
    ledger,
    market,
    metrics,
    offers,
    prices,
    providers,
    quotes,
    reconciliation,
    renewals,
    suppliers,
)
from broker.api.sign_ins import SignIns
from broker.api.wire.problem import Problem
from broker.api.wiring import Wiring, require_guarded
from broker.clock import Clock, Ticks, ticks_now, utc_now
from broker.flows.prepare_database import open_database
from broker.metrics import Meters
from broker.settings import Settings
from broker.store.engine import Database

V1_ROUTERS: tuple[APIRouter, ...] = (
    alerts.router,
    assumptions.router,
    audit.router,
    contracts.router,
    holdings.router,
    keys.router,
    ledger.router,
    market.router,
    offers.router,
    prices.router,
    providers.router,
    quotes.router,
    reconciliation.router,
    renewals.router,
    suppliers.router,
)
"""Every router under /v1, by name of its file: a new noun adds one entry."""


class Api(FastAPI):
    """FastAPI with the shape of our problems in its description."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        inner = problem.pop("$defs", {})
        document = super().openapi()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update({**inner, "Problem": problem})
        return document


def create_app(
    settings: Settings | None = None,
    *,
    database: Database | None = None,
    clock: Clock = utc_now,
    ticks: Ticks = ticks_now,
    meters: Meters | None = None,
) -> FastAPI:
    """Return the application; without arguments it is set from the environment.

    It closes its database when the server stops.
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
    app.state.wiring = Wiring(
        database=database,
        settings=settings,
        clock=clock,
        sign_ins=sign_ins,
        readiness=Readiness(database),
        meters=meters,
    )
    app.include_router(health.router)
    app.include_router(metrics.open_router if settings.metrics_public else metrics.router)
    for router in V1_ROUTERS:
        require_guarded(router.routes)
        app.include_router(router, responses=described(*V1_STATUSES))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.wiring.database.close()
