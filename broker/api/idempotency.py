"""The header Idempotency-Key: who sends the same key again gets the same answer."""

from __future__ import annotations

import re
from typing import Any, Final

from fastapi import Request

from broker.api.wire.capacity import KEY_PATTERN, LONGEST_KEY
from broker.errors import BadInputError

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"

KEY_PARAMETER: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": True,
            "description": "of your choosing, one for each request; to retry, send the same again",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_KEY,
                "pattern": KEY_PATTERN,
            },
        }
    ]
}
REPLAYED_HEADER: Final[dict[str, Any]] = {
    REPLAYED: {"description": "true if it was granted before", "schema": {"type": "string"}}
}

_KEY: Final = re.compile(KEY_PATTERN)


def key_of(request: Request) -> str:
    """Return the key that came with a request; raise BadInputError without one that can be kept."""
    key = request.headers.get(HEADER, "").strip()
    if not key:
        raise BadInputError(
            f"the header {HEADER} is missing: choose a key for this request, and send the same one "
            "when you try it again"
        )
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise BadInputError(
            f"an {HEADER} is 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID"
        )
    return key


def marked(is_replayed: bool) -> dict[str, str]:
    """Return the header that tells an answer given before from a new one."""
    return {REPLAYED: "true"} if is_replayed else {}
