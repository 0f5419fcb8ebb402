"""`tonnage providers`: the suppliers that are polled, what they need, and adding one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.providers import ProviderList, ProviderOut
from broker.cli.console import opened, print_json, print_table
from broker.cli.words import age_text
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.show_providers import Provider, require_known, show_provider, show_providers
from providers import registry
from providers.access import of_process
from providers.policy import policy_of
from providers.scaffold import EXAMPLE_URL, ScaffoldError, Wish, scaffold

app = typer.Typer(no_args_is_help=True, help="The suppliers that are polled.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Name = Annotated[str, typer.Argument(help="The supplier's key, such as nebius.")]


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say how every supplier stands: configured or not, polled when, with what."""
    with opened() as database:
        found = show_providers(database, of_process(), clock=utc_now)
    if as_json:
        shown = ProviderList(providers=[ProviderOut.of(each) for each in found])
        print_json(shown.model_dump(mode="json"))
        return
    print_table(
        ("supplier", "state", "offers", "left out", "last whole answer", "to do"),
        [
            (
                each.profile.key,
                each.state + (" (stale)" if each.is_stale else ""),
                each.offers or None,
                sum(each.skips.values()) or None,
                None if each.age_seconds is None else f"{age_text(each.age_seconds)} ago",
                _to_do(each),
            )
            for each in found
        ],
        numeric=("offers", "left out"),
    )


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one supplier: what it declares, its regions, and every row that was left out."""
    with opened() as database:
        found, skips = show_provider(database, name, of_process(), clock=utc_now)
    if as_json:
        shown = ProviderOut.of(found).model_dump(mode="json")
        left_out = [
            {"native_id": skip.native_id, "reason": skip.reason.value, "detail": skip.detail}
            for skip in skips
        ]
        print_json({**shown, "left_out": left_out})
        return
    profile = found.profile
    typer.echo(f"{profile.name} ({profile.key}): {found.state}. {_to_do(found) or ''}".rstrip())
    typer.echo(f"tells: {', '.join(sorted(profile.capabilities))}")
    typer.echo(
        f"prices from: {profile.price_source.value}, stock from {profile.stock_source.value}"
    )
    typer.echo(f"variables: {', '.join((*profile.secrets, *profile.options)) or 'none'}")
    typer.echo(f"answers may be used: {profile.sharing.value}; {profile.licence}")
    if found.places:
        typer.echo()
        print_table(
            ("region", "state", "offers", "last whole answer", "fault"),
            [
                (place.region, place.state, place.offers, place.seen_at, place.error)
                for place in found.places
            ],
            numeric=("offers",),
        )
    if skips:
        typer.echo()
        print_table(
            ("left out", "because", "detail"),
            [(skip.native_id, skip.reason.value, skip.detail or None) for skip in skips],
        )


@app.command()
def policy(name: Name) -> None:
    """Print the least a credential must be allowed: read-only, for the supplier's own console."""
    require_known(name)
    print_json(policy_of(registry.supplier(name).profile))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Its key: small letters, digits, underscores.")],
    url: Annotated[str, typer.Option(help="Where its API answers.")] = EXAMPLE_URL,
    directory: Annotated[
        Path, typer.Option("--in", file_okay=False, help="The root of a checkout of this project.")
    ] = Path(),
) -> None:
    """Begin an adapter: one file, one fixture, its counterpart, alias rows, a registry line."""
    try:
        written = scaffold(Wish(key=name, url=url), directory)
    except ScaffoldError as refused:
        raise BadInputError(str(refused)) from refused
    for path in written:
        typer.echo(path)
    typer.echo("Now follow docs/adding-a-provider.md", err=True)


def _to_do(provider: Provider) -> str | None:
    if provider.missing:
        return f"set {', '.join(provider.missing)}"
    if provider.error:
        return provider.error
    rest = f"for more than the public part, set {', '.join(provider.unset)}"
    if provider.polled_at is None:
        return f"tonnage prices poll; {rest}" if provider.unset else "tonnage prices poll"
    return rest if provider.unset else None
