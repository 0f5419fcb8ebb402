"""Page tokens: opaque to whoever reads on, and refused if they were not given out here."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

from broker.errors import BadInputError

_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def token_after(last_id: str) -> str:
    """Return the token of the page that begins behind an id."""
    return urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def id_in(token: str) -> str:
    """Return the id that a token stands for, or raise BadInputError."""
    try:
        found = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
    except (Error, ValueError):
        found = ""
    if not _ID.fullmatch(found) or token_after(found) != token:
        raise BadInputError("the page_token is not one that was given out here; begin anew")
    return found
