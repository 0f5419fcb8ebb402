"""Leases, pools and explanations as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import typer

from broker.api.capacity_client import ThreadLease
from broker.api.wire.explanation import ExplanationOut
from broker.api.wire.leases import Lease, LeaseDetail, LeaseLine
from broker.api.wire.pools import PoolOut
from broker.cli.console import print_table
from pricing.money import priced

_LINE_COLUMNS = ("pool", "supplier", "contract", "region", "GPU", "GPUs", "per GPU-h")


def print_lease(lease: Lease) -> None:
    """Print a lease that was granted, and what is to be done to keep it."""
    typer.echo(f"lease {lease.id}, fence {lease.fence}, {lease.state}")
    print_table(_LINE_COLUMNS, [_line(line) for line in lease.lines], numeric=("GPUs", "per GPU-h"))
    typer.echo(
        f"It ends at {lease.expires_at:%Y-%m-%d %H:%M:%S}Z, or sooner if nobody confirms it, unless "
        f"somebody renews it every {max(1, lease.ttl_seconds // 3)} s; --keep does.",
        err=True,
    )


def print_held(lease: ThreadLease) -> None:
    """Print a lease that is kept alive."""
    typer.echo(f"lease {lease.id}, fence {lease.fence}, {lease.state}")
    print_table(
        _LINE_COLUMNS,
        [
            (
                line.pool_id,
                line.supplier,
                line.contract_ref,
                line.region,
                line.gpu_model,
                line.gpu_count,
                None
                if line.effective is None
                else f"{priced(line.effective.amount)} {line.effective.currency}",
            )
            for line in lease.lines
        ],
        numeric=("GPUs", "per GPU-h"),
    )


def print_leases(leases: Sequence[LeaseDetail]) -> None:
    """Print leases, one a row."""
    print_table(
        ("id", "state", "holder", "GPUs", "of", "supplier", "fence", "granted", "expires", "why"),
        [
            (
                each.id,
                each.state,
                each.holder,
                each.gpu_count,
                _joined(line.gpu_model for line in each.lines),
                _joined(line.supplier for line in each.lines),
                each.fence,
                f"{each.granted_at:%Y-%m-%d %H:%M}Z",
                f"{each.expires_at:%Y-%m-%d %H:%M:%S}Z" if each.state.is_live else None,
                each.reason,
            )
            for each in leases
        ],
        numeric=("GPUs", "fence"),
    )
    if not leases:
        typer.echo("No lease fits. Ask for one: tonnage capacity request", err=True)


def print_pools(pools: Sequence[PoolOut]) -> None:
    """Print pools, one a row."""
    print_table(
        (
            "id",
            "supplier",
            "contract",
            "GPU",
            "region",
            "tier",
            "GPUs",
            "free",
            "held",
            "leased",
            "down",
            "spares",
            "per GPU-h",
            "closes",
            "state",
        ),
        [
            (
                each.id,
                each.supplier,
                each.contract_ref or each.kind,
                each.gpu_model,
                each.region,
                each.tier,
                each.contracted,
                each.free,
                each.accounts.held,
                each.accounts.leased,
                each.accounts.down,
                each.kept_back,
                _amount(each.effective_price_per_gpu_hour, each.currency),
                None if each.closes_at is None else f"{each.closes_at:%Y-%m-%d}",
                _standing(each),
            )
            for each in pools
        ],
        numeric=("GPUs", "free", "held", "leased", "down", "spares", "per GPU-h"),
    )
    if not pools:
        typer.echo("No pool yet: import contracts, and let the server sync its pools", err=True)


def print_explanation(found: ExplanationOut) -> None:
    """Print the ways to serve a request, the best first, and why each other pool fails."""
    if found.reason is not None:
        helps = found.detail or "fewer conditions"
        typer.echo(f"would not be granted ({found.reason}); what would help: {helps}")
    print_table(
        ("way", "pool", "supplier", "region", "GPU", "GPUs", "per GPU-h"),
        [
            (
                place,
                line.pool_id,
                line.supplier,
                line.region,
                line.gpu_model,
                line.gpu_count,
                _amount(line.effective_price_per_gpu_hour, line.currency),
            )
            for place, way in enumerate(found.candidates, start=1)
            for line in way.lines
        ],
        numeric=("way", "GPUs", "per GPU-h"),
    )
    if found.failing:
        typer.echo()
        print_table(
            ("pool", "supplier", "region", "GPU", "fails by", "what would help"),
            [
                (each.pool_id, each.supplier, each.region, each.gpu_model, each.reason, each.helps)
                for each in found.failing
            ],
        )


def _line(line: LeaseLine) -> tuple[object, ...]:
    return (
        line.pool_id,
        line.supplier,
        line.contract_ref,
        line.region,
        line.gpu_model,
        line.gpu_count,
        _amount(line.effective_price_per_gpu_hour, line.currency),
    )


def _amount(text: str | None, currency: str | None) -> str | None:
    return None if text is None else f"{priced(Decimal(text))} {currency}"


def _standing(pool: PoolOut) -> str:
    if pool.draining:
        return "draining"
    return "cordoned" if pool.cordoned else "open"


def _joined(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
