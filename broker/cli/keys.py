"""`tonnage keys`: API keys and what they may do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from broker.access.key import LONGEST_LIFE_DAYS, ApiKey, overlap_of
from broker.access.scope import Role
from broker.cli.console import actor, opened, print_json, print_table, read_settings
from broker.clock import utc_now
from broker.flows.manage_keys import KeyWish, create_key, list_keys, revoke_key, rotate_key

app = typer.Typer(no_args_is_help=True, help="Make, list, rotate and revoke API keys.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who or what will use the key.")],
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    expires_in_days: Annotated[
        int | None,
        typer.Option(min=1, max=LONGEST_LIFE_DAYS, help="Days it lives; unset: until revoked."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once."""
    settings = read_settings()
    with opened(settings) as database:
        made = create_key(
            database,
            KeyWish(name=name, role=role, expires_in_days=expires_in_days),
            pepper=settings.key_pepper.get_secret_value(),
            actor=actor(),
            clock=utc_now,
        )
    if as_json:
        print_json({"id": made.id, "key": made.key})
        return
    typer.echo(made.key)
    typer.echo(
        f"This is key {made.id}, a {role.value}. It is shown this once and kept nowhere: "
        "store it where its user reads it.",
        err=True,
    )


@app.command()
def rotate(
    id_or_name: Annotated[str, typer.Argument(help="The key's id, or its name.")],
    overlap: Annotated[
        str, typer.Option(help="How long the old key lives on: 30m, 24h, 7d; 0s ends it at once.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make a key that takes the place of another, with its name, role and leases; show it, once."""
    settings = read_settings()
    with opened(settings) as database:
        done = rotate_key(
            database,
            id_or_name,
            overlap=overlap_of(overlap),
            pepper=settings.key_pepper.get_secret_value(),
            actor=actor(),
            clock=utc_now,
        )
    if as_json:
        print_json(
            {
                "id": done.made.id,
                "key": done.made.key,
                "replaced_id": done.replaced_id,
                "replaced_until": _iso(done.replaced_until),
            }
        )
        return
    typer.echo(done.made.key)
    typer.echo(
        f"This is key {done.made.id}, shown this once. Key {done.replaced_id} opens nothing any "
        f"more from {_minute(done.replaced_until)} on.",
        err=True,
    )


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all keys, the newest first; never the keys themselves."""
    with opened() as database:
        found = list_keys(database)
    now = utc_now()
    if as_json:
        print_json([_entry(key, now) for key in found])
        return
    columns = ("id", "name", "role", "ends with", "state", "created", "expires", "last used")
    print_table(columns, [_row(key, now) for key in found])


@app.command()
def revoke(
    id_or_name: Annotated[str, typer.Argument(help="The key's id, or its name.")],
) -> None:
    """Revoke a key, or every key of a name; within seconds no server lets it in."""
    with opened() as database:
        revoked = revoke_key(database, id_or_name, actor=actor(), clock=utc_now)
    for key in revoked:
        typer.echo(f"key {key.id} ({key.name}) is revoked")


def _entry(key: ApiKey, now: datetime) -> dict[str, str | None]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "last4": key.last4,
        "state": key.state(now).value,
        "created_at": _iso(key.created_at),
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
        "last_used_at": _iso(key.last_used_at),
        "replaced_by": key.replaced_by,
    }


def _row(key: ApiKey, now: datetime) -> tuple[str | None, ...]:
    moments = (_minute(key.created_at), _minute(key.expires_at), _minute(key.last_used_at))
    return (key.id, key.name, key.role.value, key.last4, key.state(now).value, *moments)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _minute(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}Z"
