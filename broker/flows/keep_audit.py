"""The audit log: put a request on it, list it, verify it."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from broker.access.audit import AuditDraft, AuditEntry
from broker.clock import Clock
from broker.errors import TonnageError
from broker.store import audit
from broker.store.audit import AuditCheck, AuditFilter
from broker.store.engine import Database

log = logging.getLogger(__name__)


def record_request(database: Database, draft: AuditDraft, *, clock: Clock) -> None:
    """Put on record that somebody's request was answered.

    The answer is out: a failure costs the record, not the request, and stands in the log.
    """
    try:
        with database.writing() as session:
            audit.audited(session, draft, at=clock())
    except (SQLAlchemyError, TonnageError) as failure:
        log.error(  # noqa: TRY400 - a trace could quote the values of the statement
            "a request is missing in the audit log",
            extra={
                "because": type(failure).__name__,
                "request_id": draft.origin.request_id,
                "action": draft.action,
            },
        )


def list_audit(database: Database, wanted: AuditFilter, *, limit: int) -> list[AuditEntry]:
    """Return entries of the audit log, the newest first."""
    with database.reading() as session:
        return audit.entries(session, wanted, limit=limit)


def verify_audit(database: Database, *, kept_hash: str | None = None) -> AuditCheck:
    """Verify the chain of the audit log. Logs its head."""
    with database.reading() as session:
        check = audit.verify(session, kept_hash=kept_hash)
    log.info(
        "audit log checked", extra={"ok": check.ok, "entries": check.entries, "head": check.head}
    )
    return check
