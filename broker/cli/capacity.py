"""`tonnage capacity`: asks the API for GPUs, shows and ends leases, opens and closes pools.

It goes through the API at TONNAGE_API_URL with TONNAGE_API_KEY, never to the database: leases are
given out by the process that serves.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

import typer
from pydantic import BaseModel

from broker.api.capacity_calls import Wanted
from broker.api.capacity_client import CapacityClient, ThreadLease
from broker.api.client import Access
from broker.api.held_lease import LeaseEvent
from broker.api.wire.pools import PoolChange
from broker.capacity.lease import LeaseState
from broker.capacity.pool import TIERS
from broker.cli.capacity_report import (
    print_explanation,
    print_held,
    print_lease,
    print_leases,
    print_pools,
)
from broker.cli.console import FOUND_WRONG, print_json, read_settings
from broker.errors import BadInputError
from pricing.money import USD, Money, currency

app = typer.Typer(no_args_is_help=True, help="Ask for GPUs, and see who has which.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
PoolId = Annotated[str, typer.Argument(help="The pool's id, as the list of pools gives it.")]

_SPAN: Final = re.compile(r"([0-9]{1,7})([smhd])")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command()
def request(
    gpu: Annotated[list[str], typer.Option(help="A model; several in order of preference.")],
    count: Annotated[int, typer.Option(help="How many GPUs.")],
    region: Annotated[list[str] | None, typer.Option(help="One of these regions.")] = None,
    residency: Annotated[str | None, typer.Option(help="Country of two letters.")] = None,
    min_tier: Annotated[str | None, typer.Option(help=f"One of {', '.join(TIERS)}.")] = None,
    node_size: Annotated[int | None, typer.Option(help="In whole nodes of so many.")] = None,
    max_price: Annotated[
        str | None, typer.Option(help="Per GPU-hour, paid ahead included.")
    ] = None,
    price_currency: Annotated[str, typer.Option("--currency", help="Of --max-price.")] = str(USD),
    duration: Annotated[
        str | None, typer.Option(help="30m, 2h, 7d; unset: until released.")
    ] = None,
    ttl: Annotated[int | None, typer.Option(help="Seconds it lives without a heartbeat.")] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 1000, the higher first.")] = None,
    preemptible: Annotated[bool, typer.Option("--preemptible", help="May be asked back.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Wait; Ctrl-C cancels.")] = False,
    wait: Annotated[
        str | None, typer.Option(help="Wait no longer than 10m; implies --queue.")
    ] = None,
    holder: Annotated[str | None, typer.Option(help="Who will use them; else the key.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Only say what would happen.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it alive until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask for GPUs: all of them or none, the cheapest that fit.

    Without --keep the lease is yours to renew, by its id and its fence. Not granted is exit code
    2; with --explain, code 1 if it would not be.
    """
    wanted = Wanted(
        regions=region,
        residency=residency,
        min_tier=min_tier,
        node_size=node_size,
        max_price=_price(max_price, price_currency),
        duration_seconds=_seconds("--duration", duration),
        ttl_seconds=ttl,
        priority=priority,
        preemptible=preemptible,
        holder=holder,
    )
    wait_seconds = _wait_seconds(is_queued=queue, wait=_seconds("--wait", wait))
    with _client() as client:
        if explain:
            _explain(client, gpu, count, wanted, as_json=as_json)
        elif keep:
            with (
                _stopped_like_ctrl_c(),
                client.lease(
                    gpu_models=gpu,
                    gpu_count=count,
                    wait_seconds=wait_seconds,
                    listener=_tell,
                    **wanted,
                ) as lease,
            ):
                _keep(lease, as_json=as_json)
        else:
            got = client.obtain(
                gpu_models=gpu, gpu_count=count, wait_seconds=wait_seconds, **wanted
            )
            _show(got) if as_json else print_lease(got)


@app.command()
def leases(
    holder: Annotated[str | None, typer.Option(help="Of this holder only.")] = None,
    state: Annotated[list[LeaseState] | None, typer.Option(help="In one of these states.")] = None,
    as_json: AsJson = False,
) -> None:
    """List leases, the newest first."""
    with _client() as client:
        found = list(client.leases(holder=holder, states=state or ()))
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    print_leases(found)


@app.command()
def release(
    lease_id: Annotated[str, typer.Argument(help="The lease's id.")],
    fence: Annotated[int, typer.Option(help="The fence that it was granted with.")],
) -> None:
    """Give a lease back; again is as good as once."""
    with _client() as client:
        client.release(lease_id, fence=fence)
    typer.echo(f"lease {lease_id} is given back")


@app.command()
def pools(as_json: AsJson = False) -> None:
    """List pools, with where their GPUs stand."""
    with _client() as client:
        found = client.pools()
    if as_json:
        print_json([each.model_dump(mode="json") for each in found.items])
        return
    print_pools(found.items)


@app.command()
def cordon(pool_id: PoolId) -> None:
    """Grant no new leases from a pool; those there are go on."""
    _change(pool_id, PoolChange(cordoned=True), "is cordoned: no new leases")


@app.command()
def uncordon(pool_id: PoolId) -> None:
    """Open a pool again that was cordoned or drained."""
    _change(pool_id, PoolChange(cordoned=False, draining=False), "takes new leases")


@app.command()
def drain(pool_id: PoolId) -> None:
    """Grant no new leases from a pool, and let those there are run out."""
    _change(pool_id, PoolChange(draining=True), "is draining: no new leases, and no renewals")


def _client() -> CapacityClient:
    read_settings()  # complains of settings that are wrong
    access = Access.from_environment()
    return CapacityClient(access.url, access.key)


def _change(pool_id: str, change: PoolChange, words: str) -> None:
    with _client() as client:
        found = client.change_pool(pool_id, change)
    typer.echo(f"pool {found.id} {words}")


def _explain(
    client: CapacityClient, gpu: list[str], count: int, wanted: Wanted, *, as_json: bool
) -> None:
    found = client.explain(gpu_models=gpu, gpu_count=count, **wanted)
    _show(found) if as_json else print_explanation(found)
    if not found.candidates:
        raise typer.Exit(FOUND_WRONG)


def _keep(lease: ThreadLease, *, as_json: bool) -> None:
    """Tell of a lease and hold it until Ctrl-C, or until it is lost."""
    if as_json:
        lines = [
            {"pool_id": line.pool_id, "gpu_model": line.gpu_model, "gpu_count": line.gpu_count}
            for line in lease.lines
        ]
        print_json({"id": lease.id, "fence": lease.fence, "lines": lines})
    else:
        print_held(lease)
    try:
        typer.echo("Kept alive; Ctrl-C gives it back.", err=True)
        lease.lost.wait()
    except KeyboardInterrupt:
        typer.echo(f"Giving lease {lease.id} back.", err=True)


def _tell(event: LeaseEvent) -> None:
    typer.echo(f"{event.kind}: {event.because}", err=True)


@contextmanager
def _stopped_like_ctrl_c() -> Iterator[None]:
    """Take a polite end of the process for Ctrl-C, so that GPUs are given back."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(thing: BaseModel) -> None:
    print_json(thing.model_dump(mode="json"))


def _wait_seconds(*, is_queued: bool, wait: int | None) -> float | None:
    if wait is not None:
        return float(wait)
    return None if is_queued else 0.0


def _seconds(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise BadInputError(f"{option} is a whole number and its unit: 90s, 30m, 2h or 7d")
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def _price(text: str | None, code: str) -> Money | None:
    if text is None:
        return None
    try:
        return Money(Decimal(text), currency(code))
    except (InvalidOperation, ValueError) as wrong:
        raise BadInputError(
            "--max-price is an amount per GPU-hour such as 4.50, --currency three letters"
        ) from wrong
