"""Looks at a whole installation and says, check by check, how it stands and what would help.

Reads, and writes nothing. A check that cannot be made is a fault like any other and does not keep
the rest from being made. Messages name no host, user or secret: they end up in tickets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from broker.clock import Clock
from broker.errors import TonnageError
from broker.flows.reconcile_capacity import reconcile
from broker.flows.show_providers import NEVER_POLLED, show_providers
from broker.settings import Settings
from broker.store import audit, ledger, schema
from broker.store.capacity_check import disagreements
from broker.store.engine import Database
from broker.store.grants_check import imbalance
from broker.store.job_runs import RunState, database_now, last_runs
from broker.store.measures import sweep_lag
from broker.store.tallies import Counted, tallies
from providers.access import Access
from providers.reading import ReadingState

CLOCKS_MAY_DIFFER: Final = timedelta(seconds=1)
PERIODS_UNTIL_LATE: Final = 2
"""A job that has not ended well for so many of its periods is late."""
SWEEP_MAY_LAG: Final = timedelta(minutes=1)

_SHOWN: Final = 3
_GOOD_READINGS: Final = (ReadingState.OK, ReadingState.PARTIAL, ReadingState.NOT_CONFIGURED)


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"  # it works; somebody should look
    FAIL = "fail"  # something does not work, or cannot be relied on


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; `advice` is what would help, empty when all is well."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is looked at, and with what eyes."""

    database: Database
    settings: Settings
    access: Access  # to what this process may tell suppliers
    periods: Mapping[str, timedelta]  # of each scheduled job
    clock: Clock

    @property
    def today(self) -> date:
        """Return the business day."""
        return self.settings.as_of or self.clock().date()


Examine = Callable[[Installation], Iterable[Check]]


def examine_installation(of: Installation) -> list[Check]:
    """Return every check in the order in which faults cause each other.

    Without a database that answers, nothing that is kept there is looked at.
    """
    checks = [*_settings(of), *_database(of)]
    if checks[-1].verdict is not Verdict.FAIL:
        for name, examine in _IN_DATABASE.items():
            checks += _made(name, examine, of)
    return checks


def _made(name: str, examine: Examine, of: Installation) -> list[Check]:
    try:
        return list(examine(of))
    except (SQLAlchemyError, TonnageError) as failure:
        found = f"could not be looked at ({type(failure).__name__})"
        return [_fail(name, found, "put right what fails above first, then look again")]


def _settings(of: Installation) -> Iterator[Check]:
    wrong = []
    settings = of.settings
    if not settings.key_pepper.get_secret_value():
        wrong.append(
            ("no pepper: whoever reads the database can test guesses of keys", "KEY_PEPPER")
        )
    if settings.webhook_url is not None and settings.webhook_secret is None:
        wrong.append(("the webhook is not signed: its receiver cannot trust it", "WEBHOOK_SECRET"))
    for found, name in wrong:
        yield _warn("settings", found, f"set TONNAGE_{name}")
    if settings.as_of is not None:
        found = f"the business day stands still at {settings.as_of}"
        yield _warn("settings", found, "unset TONNAGE_AS_OF, unless this is a rehearsal")
    if not wrong and settings.as_of is None:
        yield _ok("settings", "as they should be")


def _database(of: Installation) -> list[Check]:
    try:
        with of.database.read_engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as failure:
        found = f"the {of.database.dialect} database does not answer ({type(failure).__name__})"
        advice = "check TONNAGE_DATABASE_URL, and that the database runs and may be used"
        return [_fail("database", found, advice)]
    return [_ok("database", f"{of.database.dialect} answers")]


def _schema(of: Installation) -> list[Check]:
    faults = schema.faults(of.database)
    if not faults:
        return [_ok("schema", f"revision {schema.newest()}, all triggers, UTF-8")]
    return [_fail("schema", *_split(fault)) for fault in faults]


def _clock(of: Installation) -> list[Check]:
    with of.database.reading() as session:
        database_now(session)  # connecting takes time of its own
        before = of.clock()
        there = database_now(session)
        after = of.clock()
    # The database looked at its clock between the two looks at ours.
    off = max(before - there, there - after, timedelta(0))
    found = f"the database and this machine differ by {off.total_seconds():.1f} seconds"
    if off <= CLOCKS_MAY_DIFFER:
        return [_ok("clock", found)]
    return [_warn("clock", found, "keep both on network time (NTP); leases go by the database's")]


def _ledger(of: Installation) -> list[Check]:
    with of.database.reading() as session:
        broken, events = ledger.verify(session), ledger.count(session)
    if broken is None:
        return [_ok("ledger", f"{events:,} events verify")]
    found = f"event {broken.seq} of {broken.stream}: {broken.what}"
    return [_fail("ledger", found, "restore the backup whose root verifies; tonnage ledger verify")]


def _audit(of: Installation) -> list[Check]:
    with of.database.reading() as session:
        check = audit.verify(session)
    if check.broken is None:
        return [_ok("audit", f"{check.entries:,} entries verify")]
    return [_fail("audit", "the chain of the audit log is broken", "tonnage audit verify")]


def _jobs(of: Installation) -> list[Check]:
    with of.database.reading() as session:
        now, last = database_now(session), last_runs(session)
        ended_well = {
            row.name: row.last_at
            for row in tallies(session, Counted.JOB_RUN)
            if row.outcome == RunState.DONE
        }
    checks, never = [], []
    for job, period in of.periods.items():
        at, run = ended_well.get(job), last.get(job)
        if run is not None and run.state == RunState.FAILED:
            found = f"{job} failed: {run.error or 'no reason on record'}"
            checks.append(_fail("jobs", found, f'tonnage work --once --job "{job}"'))
        elif at is None:
            never.append(job)
        elif now - at > PERIODS_UNTIL_LATE * period:
            found = f"{job} last ended well at {at:%Y-%m-%d %H:%M} UTC"
            checks.append(_fail("jobs", found, "start tonnage work, and look at its log"))
    if never:
        checks.append(_warn("jobs", f"never ended well: {_some(never)}", "start tonnage work"))
    return checks or [_ok("jobs", f"all {len(of.periods)} ran in time")]


def _suppliers(of: Installation) -> list[Check]:
    found = show_providers(of.database, of.access, clock=of.clock)
    configured = [each for each in found if not each.missing]
    checks, never = [], []
    for each in configured:
        key = each.profile.key
        if each.state == NEVER_POLLED:
            never.append(key)
        elif each.state not in _GOOD_READINGS:
            checks.append(
                _warn("suppliers", f"{key}: {each.state}", f"tonnage providers show {key}")
            )
        elif each.is_stale and each.last_ok_at is not None:
            at = f"{each.last_ok_at:%Y-%m-%d %H:%M} UTC"
            advice = f"tonnage providers show {key}"
            checks.append(_warn("suppliers", f"{key} last answered whole at {at}", advice))
    if never:
        checks.append(_warn("suppliers", f"never asked: {_some(never)}", "tonnage prices poll"))
    return checks or [_ok("suppliers", f"{len(configured)} of {len(found)} configured, all fresh")]


def _holdings(of: Installation) -> list[Check]:
    compared = reconcile(of.database, on=of.today)
    count = len(compared.findings)
    if count == 0:
        return [_ok("holdings", f"{compared.holdings} holdings agree with the ledger")]
    found = f"{count} difference{'s' if count > 1 else ''} between suppliers' books and the ledger"
    return [_warn("holdings", found, "tonnage reconciliation capacity")]


def _pools(of: Installation) -> list[Check]:
    with of.database.reading() as session:
        gpus, found = imbalance(session), disagreements(session)
    if gpus == 0 and not found:
        return [_ok("pools", "accounts, transfers and leases agree")]
    words = found or [f"{gpus} GPUs stand in other accounts than their leases say"]
    advice = (
        "cordon these pools, keep a copy of the database, and report it: this is a fault of ours"
    )
    return [_fail("pools", _some(words, between="; "), advice)]


def _sweep(of: Installation) -> list[Check]:
    with of.database.reading() as session:
        lag = sweep_lag(session, now=database_now(session))
    if lag <= SWEEP_MAY_LAG:
        return [_ok("sweep", "no lease is overdue")]
    found = f"a lease is overdue for {lag.total_seconds():,.0f} seconds and keeps its GPUs"
    return [_fail("sweep", found, "start tonnage serve: it ends leases that are overdue")]


_IN_DATABASE: Final[Mapping[str, Examine]] = {
    "schema": _schema,
    "clock": _clock,
    "ledger": _ledger,
    "audit": _audit,
    "jobs": _jobs,
    "suppliers": _suppliers,
    "holdings": _holdings,
    "pools": _pools,
    "sweep": _sweep,
}


def _some(words: Sequence[str], between: str = ", ") -> str:
    """Return the first of many, and how many more there are."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return between.join(words[:_SHOWN]) + more


def _split(fault: str) -> tuple[str, str]:
    """Return what is wrong and what would help, which our messages part by a semicolon."""
    found, _, advice = fault.partition("; ")
    return found, advice


def _ok(name: str, found: str) -> Check:
    return Check(name=name, verdict=Verdict.OK, found=found)


def _warn(name: str, found: str, advice: str) -> Check:
    return Check(name=name, verdict=Verdict.WARN, found=found, advice=advice)


def _fail(name: str, found: str, advice: str) -> Check:
    return Check(name=name, verdict=Verdict.FAIL, found=found, advice=advice)
