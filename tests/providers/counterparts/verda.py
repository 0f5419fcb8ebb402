"""Verda's recorded exchanges; a token is given for the right client only, and only it is taken."""

import json
from collections.abc import Mapping

from providers.verda import CREDENTIAL, SIGN_IN, classify
from tests.providers.counterpart import MARK, recorded

ID, HIDDEN = f"{MARK}-id", f"{MARK}-secret"
GIVEN = f"{MARK}-token"


def _accepts(_method: str, target: str, headers: Mapping[str, str], body: bytes) -> bool:
    if target == SIGN_IN:
        return bool(
            json.loads(body)
            == {
                "grant_type": "client_credentials",
                "client_id": ID,
                "client_secret": HIDDEN,
            }
        )
    signed_in = headers.get("Authorization")
    is_public = target.startswith("/instance-types?")
    return signed_in == f"Bearer {GIVEN}" or (is_public and signed_in is None)


COUNTERPART = recorded(
    "verda",
    credentials=dict(zip(CREDENTIAL, (ID, HIDDEN), strict=True)),
    classify=classify,
    accepts=_accepts,
    searches=(SIGN_IN,),
)
