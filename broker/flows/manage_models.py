"""Profiles of served models: imported, set, listed, ended. Every revision stays on record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlmodel import Session

from broker.clock import Clock
from broker.contracts.sheets.issue import Code
from broker.errors import BadInputError, Fault, NotFoundError
from broker.flows.sheet_import import SheetImport
from broker.placement.document import Place
from broker.placement.model_reading import read_model, read_models
from broker.placement.model_sheet import read_model_sheet
from broker.placement.throughput_profile import ModelProfile
from broker.store import demand
from broker.store.demand import Stamp, StoredProfile
from broker.store.engine import Database


def list_models(database: Database, *, model: str | None = None) -> list[StoredProfile]:
    """Return the profile of each model that is served, or of one, by name."""
    with database.reading() as session:
        if model is None:
            return demand.profiles(session)
        found = demand.find_profile(session, model)
        return [] if found is None else [found]


def import_models(
    database: Database,
    content: bytes,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool = False,
) -> SheetImport[ModelProfile]:
    """Put every profile of a JSON document or a CSV sheet on record, or none with any fault.

    A profile that is on record already is not put there again; models that the file does not name
    stay as they are.
    """
    profiles, faults = _read(content)
    if faults:
        return SheetImport(file=file, recorded=(), unchanged=0, faults=faults, dry_run=dry_run)
    with database.trying() if dry_run else database.writing() as session:
        stamp = Stamp(file=file, actor=actor, recorded_at=clock())
        fresh = _put(session, profiles, stamp)
    return SheetImport(
        file=file,
        recorded=tuple(fresh),
        unchanged=len(profiles) - len(fresh),
        faults=(),
        dry_run=dry_run,
    )


def set_model(
    database: Database, document: dict[str, Any], *, actor: str, clock: Clock
) -> StoredProfile:
    """Set the profile of one model; the same again changes nothing. BadInputError with all faults."""
    place = Place(value=document)
    profile = read_model(place)
    if profile is None:
        raise BadInputError("the profile cannot be taken; nothing was changed", tuple(place.faults))
    with database.writing() as session:
        _put(session, [profile], Stamp(file="HTTP", actor=actor, recorded_at=clock()))
        return _found(session, profile.model)


def end_model(database: Database, model: str, *, actor: str, clock: Clock) -> None:
    """Take a model out of what is planned, or raise NotFoundError. Its revisions stay on record."""
    with database.writing() as session:
        demand.lock_demand(session)
        _found(session, model)
        stamp = Stamp(file="", actor=actor, recorded_at=clock())
        demand.add_profile(session, model, None, stamp)


def _read(content: bytes) -> tuple[tuple[ModelProfile, ...], tuple[Fault, ...]]:
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return read_model_sheet(content)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as problem:
        line = getattr(problem, "lineno", None)
        message = "this is not JSON from here on; check quotes and commas"
        return (), (Fault(code=Code.BAD_QUOTING.value, message=message, line=line),)
    return read_models(document)


def _put(session: Session, profiles: Iterable[ModelProfile], stamp: Stamp) -> list[ModelProfile]:
    demand.lock_demand(session)
    known = {stored.profile.model: stored.profile for stored in demand.profiles(session)}
    fresh = [profile for profile in profiles if known.get(profile.model) != profile]
    for profile in fresh:
        demand.add_profile(session, profile.model, profile, stamp)
    return fresh


def _found(session: Session, model: str) -> StoredProfile:
    found = demand.find_profile(session, model)
    if found is None:
        raise NotFoundError(f"no model {model!r} is served; see: tonnage demand models list")
    return found
