"""`tonnage quotas`: how many GPUs a holder is sure of, and how many it may have."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.capacity.quota import ALL_MODELS
from broker.cli.console import actor, opened, print_json, print_table
from broker.clock import utc_now
from broker.flows.manage_quotas import list_quotas, quota_of, remove_quota, set_quota
from broker.store.quotas import StoredQuota

app = typer.Typer(no_args_is_help=True, help="Set, list and remove quotas of holders.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Holder = Annotated[str, typer.Argument(help="Who uses the GPUs, as requests name it.")]
Model = Annotated[str, typer.Argument(help=f"GPU model, or '{ALL_MODELS}' for all together.")]


@app.command("set")
def set_(
    holder: Holder,
    gpu_model: Model,
    guaranteed: Annotated[int, typer.Option(min=0, help="GPUs that the holder is sure of.")],
    most: Annotated[
        int | None,
        typer.Option(min=0, help="GPUs that it may have; unset: whatever it can borrow."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set a quota, in the place of the one there was; no lease ends because of it."""
    quota = quota_of(holder, gpu_model, guaranteed=guaranteed, most=most)
    with opened() as database:
        done = set_quota(database, quota, actor=actor(), clock=utc_now)
    if as_json:
        print_json(_entry(done))
        return
    typer.echo(f"{holder} is sure of {guaranteed} {done.quota.gpu_model}, and has {_most(done)}")


@app.command("list")
def list_(
    holder: Annotated[str | None, typer.Option(help="Only this holder's.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all quotas, by holder and model."""
    with opened() as database:
        found = list_quotas(database, holder=holder)
    if as_json:
        print_json([_entry(one) for one in found])
        return
    rows = [
        (one.quota.holder, one.quota.gpu_model, one.quota.guaranteed, one.quota.most, one.actor)
        for one in found
    ]
    columns = ("holder", "model", "guaranteed", "most", "set by")
    print_table(columns, rows, numeric=("guaranteed", "most"))


@app.command()
def remove(holder: Holder, gpu_model: Model) -> None:
    """Remove a quota."""
    with opened() as database:
        remove_quota(database, holder, gpu_model, actor=actor(), clock=utc_now)
    typer.echo(f"{holder} has no quota for {gpu_model} any more")


def _entry(one: StoredQuota) -> dict[str, str | int | None]:
    return {
        "holder": one.quota.holder,
        "gpu_model": one.quota.gpu_model,
        "guaranteed": one.quota.guaranteed,
        "most": one.quota.most,
        "actor": one.actor,
        "recorded_at": one.recorded_at.isoformat(),
    }


def _most(one: StoredQuota) -> str:
    return "whatever it can borrow" if one.quota.most is None else f"{one.quota.most} at most"
