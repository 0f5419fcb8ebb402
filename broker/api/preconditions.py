"""ETags and If-Match: a change says which state of the thing it was made for."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Header

from broker.errors import MissingPreconditionError, StaleError

_TAG: Final = re.compile(r'"([0-9]{1,18})"')

IF_MATCH: Final = "the ETag of the state that the change was made for, or *"


def etag(revision: int) -> dict[str, str]:
    """Return the header that names a state."""
    return {"ETag": f'"{revision}"'}


def _if_match(
    if_match: Annotated[str | None, Header(max_length=200, description=IF_MATCH)] = None,
) -> int | None:
    """Return the revision that a change was made for; None for whichever it is."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        # Weak tags and lists of tags are never what we gave out, so they match nothing.
        raise StaleError("If-Match is not an ETag of this resource; read it again")
    return int(found[1])


def _required(
    if_match: Annotated[str | None, Header(max_length=200, description=IF_MATCH)] = None,
) -> int | None:
    if if_match is None:
        raise MissingPreconditionError(
            "this change needs the header If-Match: read the resource and send its ETag"
        )
    return _if_match(if_match)


IfMatch = Annotated[int | None, Depends(_if_match)]
"""The revision that a change was made for, if it says so."""

RequiredIfMatch = Annotated[int | None, Depends(_required)]
"""The revision that a change was made for; 428 if it does not say."""

ETAG: Final[dict[str, Any]] = {
    "ETag": {"description": "names this state, for If-Match", "schema": {"type": "string"}}
}
"""What OpenAPI says of the header."""
