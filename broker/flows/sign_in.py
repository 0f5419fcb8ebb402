"""Signs in with an API key, and notes that it was used."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from broker.access.key import ApiKey, KeyState, id_in, matches
from broker.clock import Clock
from broker.errors import NotSignedInError
from broker.store import keys
from broker.store.engine import Database

log = logging.getLogger(__name__)


def sign_in(database: Database, key: str, *, pepper: str, clock: Clock) -> ApiKey:
    """Return the record of a live key; raise NotSignedInError for any other text.

    Only who holds the whole key learns that it has expired or was revoked.
    """
    key_id = id_in(key)
    record = None
    if key_id is not None:
        with database.reading() as session:
            record = keys.by_id(session, key_id)
    if record is None or not matches(key, record, pepper=pepper):
        raise NotSignedInError("this API key is not known; make one with: tonnage keys create")
    state = record.state(clock())
    if state is not KeyState.LIVE:
        raise NotSignedInError(
            f"this API key is {state.value}; make another with: tonnage keys create"
        )
    return record


def note_use(database: Database, key: ApiKey, *, clock: Clock) -> None:
    """Write down that a key was used, at most once a minute; a failure only costs the note."""
    now = clock()
    if not key.use_is_due(now):
        return
    try:
        with database.writing() as session:
            keys.note_use(session, key.id, at=now)
    except SQLAlchemyError as failure:
        log.warning(
            "use of a key was not noted",
            extra={"key_id": key.id, "because": type(failure).__name__},
        )
