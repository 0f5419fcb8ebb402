"""Queries and writing of demand: forecasts, metered use, profiles of models."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeVar

from sqlalchemy import text
from sqlmodel import Session, col, select

from broker.errors import RefusedError
from broker.placement.demand_forecast import (
    Forecast,
    MonthlyForecast,
    by_month,
    first_of_month,
    forecast_rates,
    in_force,
)
from broker.placement.demand_rates import Counted, MeteredUse, SizedDemand, size_demand
from broker.placement.demand_sizing import DemandChoice, PlannedDemand, planned_demand
from broker.placement.document import Place
from broker.placement.model_reading import model_document, read_model
from broker.placement.snapshot import Demand, Model
from broker.placement.throughput_profile import ModelProfile
from broker.store.tables import DemandForecastRow, DemandSampleRow, ModelProfileRow

NAMES_PER_QUERY: Final = 500
"""Well under the number of parameters that either database takes in one statement."""

PLAN_AS_STATED: Final = DemandChoice()

_Name = TypeVar("_Name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Where something that enters the books came from, who brought it, and when."""

    file: str
    actor: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProfile:
    """A model's profile as it counts now, and where it came from."""

    profile: ModelProfile
    revision: int
    stamp: Stamp


def lock_demand(session: Session) -> None:
    """Let one import at a time compare and add; SQLite's writing transaction is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('demand', 0))"))


def models_of(session: Session) -> tuple[Model, ...]:
    """Return the models that are served, by name, as plans are made from them."""
    return tuple(stored.profile.for_planning() for stored in profiles(session))


def demand_at(
    session: Session, as_of: datetime, *, choice: DemandChoice = PLAN_AS_STATED
) -> tuple[Demand, ...]:
    """Return the demand to plan for at an instant, by model, class and node; only what is above 0.

    It may name models that have no profile: they cannot be planned, and that must be said.
    """
    rows = (planned.for_planning() for planned in planned_at(session, as_of, choice=choice))
    return tuple(row for row in rows if row is not None)


def planned_at(
    session: Session, as_of: datetime, *, choice: DemandChoice = PLAN_AS_STATED
) -> tuple[PlannedDemand, ...]:
    """Return every demand with what was forecast for its month, and what was metered before."""
    month = first_of_month(as_of.date())
    stated = in_force(forecasts(session, first_month=month, last_month=month))
    return planned_demand(
        forecast_rates(stated, month=month, quantile=choice.forecast_quantile),
        sized_at(session, as_of, choice=choice),
        basis=choice.basis,
    )


def sized_at(
    session: Session, as_of: datetime, *, choice: DemandChoice = PLAN_AS_STATED
) -> tuple[SizedDemand, ...]:
    """Return metered use up to an instant at the quantile of the choice."""
    uses = metered(session, first_at=as_of - choice.metered_for, end_at=as_of)
    return size_demand(uses, counted=counted_of(session), quantile=choice.metered_quantile)


def forecast_by_month(
    session: Session, *, first_month: date | None = None, last_month: date | None = None
) -> tuple[MonthlyForecast, ...]:
    """Return the forecasts in force by month, workload class and model, both months included."""
    return by_month(in_force(forecasts(session, first_month=first_month, last_month=last_month)))


def forecasts(
    session: Session,
    *,
    first_month: date | None = None,
    last_month: date | None = None,
    models: Collection[str] | None = None,
) -> list[Forecast]:
    """Return every version of every forecast, by month and what it is about, oldest first."""
    query = select(DemandForecastRow).order_by(
        col(DemandForecastRow.month),
        col(DemandForecastRow.model),
        col(DemandForecastRow.class_name),
        col(DemandForecastRow.node),
        col(DemandForecastRow.workload_class),
        col(DemandForecastRow.version),
    )
    if first_month is not None:
        query = query.where(col(DemandForecastRow.month) >= first_month)
    if last_month is not None:
        query = query.where(col(DemandForecastRow.month) <= last_month)
    if models is None:
        return [_forecast(row) for row in session.exec(query)]
    return [
        _forecast(row)
        for some in _groups(sorted(models))
        for row in session.exec(query.where(col(DemandForecastRow.model).in_(some)))
    ]


def add_forecasts(session: Session, fresh: Iterable[Forecast], stamp: Stamp) -> None:
    """Put forecasts on record."""
    session.add_all(
        DemandForecastRow(
            model=each.model,
            class_name=each.class_name,
            node=each.node,
            month=each.month,
            workload_class=each.workload_class,
            version=each.version,
            p50_tokens_per_second=each.p50_tokens_per_second,
            p90_tokens_per_second=each.p90_tokens_per_second,
            source=each.source,
            file=stamp.file,
            actor=stamp.actor,
            recorded_at=stamp.recorded_at,
        )
        for each in fresh
    )


def metered(
    session: Session,
    *,
    first_at: datetime | None = None,
    end_at: datetime | None = None,
    models: Collection[str] | None = None,
    limit: int | None = None,
) -> list[MeteredUse]:
    """Return the windows that begin within [first, end), the newest first."""
    query = select(DemandSampleRow).order_by(
        col(DemandSampleRow.started_at).desc(),
        col(DemandSampleRow.model),
        col(DemandSampleRow.class_name),
        col(DemandSampleRow.node),
    )
    if first_at is not None:
        query = query.where(col(DemandSampleRow.started_at) >= first_at)
    if end_at is not None:
        query = query.where(col(DemandSampleRow.started_at) < end_at)
    if limit is not None:
        query = query.limit(limit)
    if models is None:
        return [_use(row) for row in session.exec(query)]
    return [
        _use(row)
        for some in _groups(sorted(models))
        for row in session.exec(query.where(col(DemandSampleRow.model).in_(some)))
    ]


def add_metered(session: Session, fresh: Iterable[MeteredUse], stamp: Stamp) -> None:
    """Put metered windows on record."""
    session.add_all(
        DemandSampleRow(
            model=each.model,
            class_name=each.class_name,
            node=each.node,
            started_at=each.started_at,
            seconds=each.seconds,
            input_tokens=each.input_tokens,
            output_tokens=each.output_tokens,
            file=stamp.file,
            actor=stamp.actor,
            recorded_at=stamp.recorded_at,
        )
        for each in fresh
    )


def profiles(session: Session) -> list[StoredProfile]:
    """Return the profile of each model that is served, by name."""
    query = select(ModelProfileRow).order_by(
        col(ModelProfileRow.model), col(ModelProfileRow.revision)
    )
    newest = {row.model: row for row in session.exec(query)}
    return [_stored(row) for row in newest.values() if row.document is not None]


def find_profile(session: Session, model: str) -> StoredProfile | None:
    """Return the profile of a model; None if it has none, or has none any more."""
    row = _newest_revision(session, model)
    return None if row is None or row.document is None else _stored(row)


def add_profile(session: Session, model: str, profile: ModelProfile | None, stamp: Stamp) -> int:
    """Put a new revision of a model's profile on record and return its number; None ends it."""
    before = _newest_revision(session, model)
    revision = 1 if before is None else before.revision + 1
    session.add(
        ModelProfileRow(
            model=model,
            revision=revision,
            document=None if profile is None else json.dumps(model_document(profile)),
            file=stamp.file,
            actor=stamp.actor,
            recorded_at=stamp.recorded_at,
        )
    )
    session.flush()
    return revision


def counted_of(session: Session) -> dict[str, Counted]:
    """Return by model which of its tokens count."""
    return {stored.profile.model: stored.profile.counted for stored in profiles(session)}


def _newest_revision(session: Session, model: str) -> ModelProfileRow | None:
    query = (
        select(ModelProfileRow)
        .where(ModelProfileRow.model == model)
        .order_by(col(ModelProfileRow.revision).desc())
        .limit(1)
    )
    return session.exec(query).first()


def _forecast(row: DemandForecastRow) -> Forecast:
    return Forecast(
        model=row.model,
        class_name=row.class_name,
        node=row.node,
        month=row.month,
        workload_class=row.workload_class,
        p50_tokens_per_second=row.p50_tokens_per_second,
        p90_tokens_per_second=row.p90_tokens_per_second,
        version=row.version,
        source=row.source,
    )


def _use(row: DemandSampleRow) -> MeteredUse:
    return MeteredUse(
        model=row.model,
        class_name=row.class_name,
        node=row.node,
        started_at=row.started_at,
        seconds=row.seconds,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
    )


def _stored(row: ModelProfileRow) -> StoredProfile:
    place = Place(value=json.loads(row.document or "null"))
    profile = read_model(place)
    if profile is None:
        raise RefusedError(
            f"the profile of {row.model!r} on record is not one that can be planned with any more: "
            f"{place.faults[0].field}: {place.faults[0].message}; import it again"
        )
    return StoredProfile(
        profile=profile,
        revision=row.revision,
        stamp=Stamp(file=row.file, actor=row.actor, recorded_at=row.recorded_at),
    )


def _groups(names: Sequence[_Name]) -> Iterator[Sequence[_Name]]:
    for start in range(0, len(names), NAMES_PER_QUERY):
        yield names[start : start + NAMES_PER_QUERY]
