"""`tonnage demo`: the renewal story on invented data, from the sheets to the screens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import httpx2
import typer

from broker.access.scope import Role
from broker.api.wire.holdings import CapacityReconciliation
from broker.api.wire.offers import OfferList
from broker.api.wire.renewals import brief_json
from broker.capacity.request import CapacitySpec
from broker.cli.console import opened, print_json, print_table
from broker.cli.demo_plan_report import demo_plan_json, print_demo_plan
from broker.cli.offers import print_offers
from broker.cli.procure import print_sheet
from broker.cli.reconciliation import print_differences
from broker.cli.renewals import print_brief
from broker.cli.serve import DEFAULT_HOST, DEFAULT_PORT, listening
from broker.clock import utc_now
from broker.errors import UnreachableError
from broker.flows.demo_capacity import DemoCapacity, lease_demo
from broker.flows.demo_plan import DemoPlan, place_demo
from broker.flows.demo_procurement import plan_demo
from broker.flows.evaluate_alerts import evaluate_alerts
from broker.flows.list_offers import list_offers
from broker.flows.load_demo import (
    ACTOR,
    DEMO_DAY,
    DEMO_LINE,
    demo_clock,
    load_demo,
    require_fixtures,
)
from broker.flows.manage_keys import KeyWish, create_key
from broker.flows.offer_query import offer_filter
from broker.flows.reconcile_capacity import reconcile
from broker.flows.request_capacity import Decision
from broker.flows.review_renewals import review_renewal
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.pools import StoredPool
from pricing.money import priced

DATABASE_FILE: Final = Path("tonnage-demo.db")
"""Made anew at each run; never the database that TONNAGE_DATABASE_URL names."""

DASHBOARD_PORT: Final = 8501
START_TRIES: Final = 240
TRY_EVERY_SECONDS: Final = 0.25


def demo(
    fixtures: Annotated[
        Path, typer.Option(help="Folder of the invented data; in a checkout: fixtures.")
    ] = Path("fixtures"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the API.")] = DEFAULT_PORT,
    dashboard_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the dashboard.")
    ] = DASHBOARD_PORT,
    serve: Annotated[bool, typer.Option(help="Start the API and the dashboard.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the brief as JSON.")] = False,
) -> None:
    """Load invented data, print the negotiation brief, and serve the API and the dashboard."""
    if serve:
        for option, wanted in (("--port", port), ("--dashboard-port", dashboard_port)):
            listening(DEFAULT_HOST, wanted, option=option).close()
    require_fixtures(fixtures)
    settings = _settings()
    with opened(settings) as database:
        load_demo(database, fixtures, tell=_tell)
        leased = lease_demo(database, clock=demo_clock, tell=_tell)
        planned = place_demo(database, clock=demo_clock, tell=_tell)
        _print_story(database, leased, planned, as_json=as_json)
        key = _admin_key(database, settings) if serve else ""
    if serve:
        _serve(port, dashboard_port, key=key, settings=settings)
    else:
        _tell(f"the demo's database is {DATABASE_FILE}")


def _settings() -> Settings:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{DATABASE_FILE}{suffix}").unlink(missing_ok=True)
    return Settings(database_url=f"sqlite:///{DATABASE_FILE}", as_of=DEMO_DAY)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _print_story(
    database: Database, leased: DemoCapacity, planned: DemoPlan, *, as_json: bool
) -> None:
    # No channel: the demo's alerts go to nobody, whatever the environment has set up.
    report = evaluate_alerts(database, as_of=DEMO_DAY, channels=(), actor=ACTOR, clock=demo_clock)
    sheets = plan_demo(database)
    found = review_renewal(database, DEMO_LINE, as_of=DEMO_DAY)
    wanted = offer_filter(gpu="B200", count=8)
    offers = OfferList.of(list_offers(database, wanted, clock=demo_clock), with_prices=True)
    books = reconcile(database, on=DEMO_DAY)
    if as_json:
        print_json(
            {
                **brief_json(found),
                "offers": offers.model_dump(mode="json"),
                "capacity": CapacityReconciliation.of(books).model_dump(mode="json"),
                "requests": [_asked(*each) for each in leased.decisions],
                "plan": demo_plan_json(planned),
            }
        )
        return
    print_brief(found)
    typer.echo(f"\nWhat renewing {DEMO_LINE} is worth: tonnage procure --renewal {DEMO_LINE}")
    for sheet in sheets:
        print_sheet(sheet, in_short=True)
    typer.echo("\nWhat the market has of B200, eight in a machine: tonnage offers")
    print_offers(offers)
    typer.echo("\nWhere suppliers' books and ours differ: tonnage reconciliation capacity")
    print_differences(books)
    typer.echo("\nGPUs to lease, after what the scheduler asked for: tonnage capacity pools")
    _print_capacity(leased)
    print_demo_plan(planned)
    typer.echo(f"\nAlerts up to {DEMO_DAY:%d %B %Y}")
    rows = [(row.raised_on, row.severity, row.message) for row in (t.alert for t in report.told)]
    print_table(("raised on", "severity", "what"), rows)


def _print_capacity(leased: DemoCapacity) -> None:
    print_table(
        ("supplier", "contract", "GPU", "region", "GPUs", "free", "held", "USD/GPU-h more"),
        [
            (
                each.pool.supplier,
                each.pool.contract_ref or each.pool.kind.value,
                each.pool.gpu_model,
                each.pool.region,
                each.pool.contracted,
                each.pool.free,
                each.accounts.held + each.accounts.leased,
                None if each.pool.usd_marginal is None else priced(each.pool.usd_marginal),
            )
            for each in sorted(leased.pools, key=_by_gpu)
        ],
        numeric=("GPUs", "free", "held", "USD/GPU-h more"),
    )
    for spec, decision in leased.decisions:
        told = _asked(spec, decision)
        typer.echo(
            f"{told['holder']} asks for {told['gpu_count']} {told['gpu_models']}: {told['answer']}"
        )


def _by_gpu(stored: StoredPool) -> tuple[str, str, str]:
    return stored.pool.gpu_model, stored.pool.supplier, stored.pool.contract_ref or ""


def _asked(spec: CapacitySpec, decision: Decision) -> dict[str, object]:
    """Return what was asked and what became of it, for a person and for a program."""
    lease = decision.lease
    if lease is not None:
        parts = [f"{part.line.gpu_count} of {part.line.supplier}" for part in lease.lines]
        answer = f"granted, {' and '.join(parts)}, fence {lease.fence}"
    else:
        answer = str(decision.refusal or decision.reason)
    return {
        "holder": spec.holder,
        "gpu_models": " or ".join(spec.gpu_models),
        "gpu_count": spec.gpu_count,
        "is_granted": lease is not None,
        "answer": answer,
    }


def _admin_key(database: Database, settings: Settings) -> str:
    wish = KeyWish(name="demo admin", role=Role.ADMIN, expires_in_days=None)
    pepper = settings.key_pepper.get_secret_value()
    return create_key(database, wish, pepper=pepper, actor=ACTOR, clock=utc_now).key


def _serve(port: int, dashboard_port: int, *, key: str, settings: Settings) -> None:
    """Run both servers until Ctrl-C, SIGTERM, or until one of them stops."""
    api_url = f"http://{DEFAULT_HOST}:{port}"
    environment = {
        **os.environ,
        "TONNAGE_DATABASE_URL": settings.database_url,
        "TONNAGE_AS_OF": DEMO_DAY.isoformat(),
        "TONNAGE_API_URL": api_url,
        "TONNAGE_API_KEY": key,
        "TONNAGE_LOG_LEVEL": "WARNING",
    }
    with ExitStack() as running:
        signal.signal(signal.SIGTERM, _interrupt)
        api = _child(running, environment, "serve", "--port", str(port))
        board = _child(running, environment, "dashboard", "--port", str(dashboard_port))
        _wait_for(f"{api_url}/readyz", api)
        dashboard_url = f"http://{DEFAULT_HOST}:{dashboard_port}"
        _wait_for(f"{dashboard_url}/_stcore/health", board)
        _tell(f"\nAPI        {api_url}")
        _tell(f"dashboard  {dashboard_url}   signed in as the demo's admin")
        _tell(f"Today is {DEMO_DAY:%d %B %Y} in the demo. Ctrl-C stops both.")
        try:
            while api.poll() is None and board.poll() is None:
                time.sleep(TRY_EVERY_SECONDS)
        except KeyboardInterrupt:
            return
    raise UnreachableError("a server of the demo has stopped; its reason is above")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _child(
    running: ExitStack, environment: Mapping[str, str], *words: str
) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(  # noqa: S603 - our own command, by our own interpreter
        [sys.executable, "-m", "broker", *words],
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=None,
        start_new_session=True,  # Ctrl-C reaches us alone, and we end both in order
    )
    running.callback(_end, child)
    return child


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    for _ in range(START_TRIES):
        if child.poll() is not None:
            break
        try:
            if httpx2.get(url, timeout=1).is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(TRY_EVERY_SECONDS)
    raise UnreachableError(f"{url} did not answer; the reason is above")
