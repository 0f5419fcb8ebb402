"""Crusoe's recorded exchanges, at a server that verifies every signature."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from providers.crusoe import ACCESS_KEY, ORGANIZATION, PRICE_SHEET, PROJECT, SIGNING_KEY, classify
from tests.providers.counterpart import MARK, NOW, recorded
from tests.providers.exchanges import FIXTURES

SHEET = FIXTURES / "crusoe" / "price_sheet.csv"
GOOD_FOR = timedelta(minutes=5)


def _accepts(method: str, target: str, headers: Mapping[str, str], _body: bytes) -> bool:
    stamp = headers.get("X-Crusoe-Timestamp", "")
    if not stamp or abs(datetime.fromisoformat(stamp) - NOW) > GOOD_FOR:
        return False
    split = urlsplit(target)
    lines = (split.path, split.query, method, stamp, "")
    key = base64.urlsafe_b64decode(MARK + "==")
    digest = hmac.digest(key, "\n".join(lines).encode(), hashlib.sha256)
    wanted = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return headers.get("Authorization") == f"Bearer 1.0:{MARK}-access:{wanted}"


COUNTERPART = recorded(
    "crusoe",
    credentials={ACCESS_KEY: f"{MARK}-access", SIGNING_KEY: MARK, PROJECT: "project-1"},
    classify=classify,
    accepts=_accepts,
    environment=lambda url: {
        "TONNAGE_CRUSOE_URL": f"{url}/v1",  # the version is signed with the path
        ORGANIZATION: "organization-1",
        PRICE_SHEET: str(SHEET),
    },
)
