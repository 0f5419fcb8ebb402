"""Tokens of an identity provider, against a real server that publishes its keys."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import SecretStr

from broker.access.scope import Role
from broker.api.app import create_app
from broker.api.tokens import LEEWAY_SECONDS
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.settings import Settings
from broker.store.engine import Database
from tests.broker.api.clients import PEPPER, a_key, signed_by

ISSUER, AUDIENCE = "https://sso.example.com/realms/ml", "tonnage"
ROLE_MAP = {"gpu-admins": "admin", "schedulers": "scheduler"}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def published(kid: str, key: Any) -> dict[str, Any]:
    public = key.public_key()
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    found: dict[str, Any] = kind.to_jwk(public, as_dict=True)
    return {**found, "kid": kid, "use": "sig"}


@dataclass
class Issuer:
    """What the identity provider publishes, and how often it was asked."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    asked: int = 0


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    told = Issuer(keys=[published("rsa-1", RSA), published("ec-1", EC)])

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            body = json.dumps({"keys": told.keys}).encode()
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    told.url = f"http://127.0.0.1:{server.server_address[1]}/certs"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def some_settings(issuer: Issuer, **changes: Any) -> Settings:
    stated = {
        "oidc_issuer": ISSUER,
        "oidc_audience": AUDIENCE,
        "oidc_jwks_url": issuer.url,
        "oidc_role_map": json.dumps(ROLE_MAP),
        **changes,
    }
    return Settings(
        database_url="sqlite://",
        key_pepper=SecretStr(PEPPER),
        rate_limit_per_second=0,
        **stated,
    )


@pytest.fixture
def client(sqlite: Database, issuer: Issuer) -> TestClient:
    return TestClient(create_app(some_settings(issuer), database=sqlite))


def claims(**changes: Any) -> dict[str, Any]:
    now = utc_now()
    stated = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "dana-4711",
        "groups": ["schedulers"],
        "iat": now,
        "nbf": now - timedelta(minutes=1),
        "exp": now + timedelta(minutes=10),
        **changes,
    }
    return {name: value for name, value in stated.items() if value is not None}


def a_token(
    key: Any = RSA, *, kid: str | None = "rsa-1", algorithm: str = "RS256", **changes: Any
) -> str:
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def whoami(client: TestClient, token: str) -> Any:
    return client.get("/v1/whoami", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "token",
    [a_token, lambda: a_token(EC, kid="ec-1", algorithm="ES256")],
    ids=["RS256", "ES256"],
)
def test_a_token_of_the_issuer_signs_in_with_the_role_of_its_group(
    client: TestClient, token: Callable[[], str]
) -> None:
    answer = whoami(client, token())

    assert answer.status_code == 200
    who = answer.json()
    assert (who["principal"], who["key_id"], who["role"]) == ("oidc:dana-4711", None, "scheduler")
    assert "capacity:write" in who["scopes"]


def test_a_key_signs_in_as_before_beside_tokens(
    client: TestClient, sqlite: Database, issuer: Issuer
) -> None:
    key = a_key(sqlite, Role.VIEWER)

    assert client.get("/v1/whoami", headers=signed_by(key)).json()["key_id"] == key.id
    assert issuer.asked == 0


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def stamped() -> dict[str, Any]:
    """Claims as they stand in a token."""
    found: dict[str, Any] = jwt.decode(a_token(), options={"verify_signature": False})
    return found


def unsigned() -> str:
    return f"{encoded({'alg': 'none', 'kid': 'rsa-1'})}.{encoded(stamped())}."


def signed_with_the_public_key() -> str:
    """The public key, which everybody knows, taken for the secret of HMAC."""
    secret = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{encoded({'alg': 'HS256', 'kid': 'rsa-1'})}.{encoded(stamped())}"
    seal = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"


def changed_after_signing() -> str:
    head, _, seal = a_token().split(".")
    return f"{head}.{encoded({**stamped(), 'groups': ['gpu-admins']})}.{seal}"


LATE = timedelta(seconds=LEEWAY_SECONDS + 30)
REFUSED: dict[str, Callable[[], str]] = {
    "signed by somebody else": lambda: a_token(OTHER_RSA),
    "not signed": unsigned,
    "HS256 with the public key": signed_with_the_public_key,
    "changed after signing": changed_after_signing,
    "another algorithm of the same key": lambda: a_token(algorithm="RS512"),
    "PS256": lambda: a_token(algorithm="PS256"),
    "the algorithm of another key": lambda: a_token(kid="ec-1"),
    "a key nobody published": lambda: a_token(OTHER_RSA, kid="rsa-2"),
    "no key named": lambda: a_token(kid=None),
    "expired": lambda: a_token(exp=utc_now() - LATE),
    "not valid yet": lambda: a_token(nbf=utc_now() + LATE),
    "issued in the future": lambda: a_token(iat=utc_now() + LATE),
    "another audience": lambda: a_token(aud="payroll"),
    "no audience": lambda: a_token(aud=None),
    "another issuer": lambda: a_token(iss="https://evil.example.com"),
    "no issuer": lambda: a_token(iss=None),
    "no end": lambda: a_token(exp=None),
    "no subject": lambda: a_token(sub=None),
    "an empty subject": lambda: a_token(sub=""),
    "no token at all": lambda: "a.b.c",
    "a token of nothing": lambda: f"{encoded([])}.{encoded([])}.x",
}


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_token_does_not_sign_in(client: TestClient, name: str) -> None:
    answer = whoami(client, REFUSED[name]())

    assert answer.status_code == 401
    assert answer.json()["code"] == "not-signed-in"


def test_clocks_may_differ_a_little(client: TestClient) -> None:
    little = timedelta(seconds=LEEWAY_SECONDS - 10)

    assert whoami(client, a_token(exp=utc_now() - little)).status_code == 200
    assert whoami(client, a_token(nbf=utc_now() + little)).status_code == 200
    assert LEEWAY_SECONDS <= 60


@pytest.mark.parametrize("groups", [None, [], ["cooks"], "cooks"])
def test_a_token_whose_groups_have_no_role_opens_nothing(client: TestClient, groups: Any) -> None:
    answer = whoami(client, a_token(groups=groups))

    assert answer.status_code == 403
    assert "TONNAGE_OIDC_ROLE_MAP" in answer.json()["detail"]


def test_a_token_opens_what_its_role_opens_and_nothing_else(client: TestClient) -> None:
    def listed(group: str) -> int:
        signed = {"Authorization": f"Bearer {a_token(groups=[group])}"}
        return client.get("/v1/keys", headers=signed).status_code

    assert (listed("schedulers"), listed("gpu-admins")) == (403, 200)


def test_what_a_token_does_is_on_record_under_its_subject(client: TestClient) -> None:
    signed = {"Authorization": f"Bearer {a_token(groups=['gpu-admins'])}"}

    client.post("/v1/keys", headers=signed, json={"name": "bot", "role": "viewer"})

    entries = client.get("/v1/audit", headers=signed).json()["items"]
    assert {(entry["actor"], entry["key_id"]) for entry in entries} == {
        ("oidc:dana-4711", "oidc:dana-4711")
    }


def test_the_issuer_is_asked_once_for_its_keys(client: TestClient, issuer: Issuer) -> None:
    for number in range(5):
        assert whoami(client, a_token(sub=f"dana-{number}")).status_code == 200

    assert issuer.asked == 1


def test_inventing_keys_does_not_make_us_ask_the_issuer(client: TestClient, issuer: Issuer) -> None:
    for number in range(5):
        assert whoami(client, a_token(OTHER_RSA, kid=f"made-up-{number}")).status_code == 401

    assert issuer.asked == 1


def test_an_issuer_that_does_not_answer_is_a_503_and_keys_still_work(
    client: TestClient, sqlite: Database, issuer: Issuer
) -> None:
    issuer.status = 500

    assert whoami(client, a_token()).status_code == 503
    assert client.get("/v1/whoami", headers=signed_by(a_key(sqlite, Role.VIEWER))).is_success


def test_without_an_issuer_a_token_is_no_key(sqlite: Database, issuer: Issuer) -> None:
    app = create_app(some_settings(issuer, oidc_issuer=None), database=sqlite)

    assert whoami(TestClient(app), a_token()).status_code == 401
    assert issuer.asked == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"oidc_audience": None}, "AUDIENCE"),
        ({"oidc_jwks_url": None}, "JWKS_URL"),
        ({"oidc_jwks_url": "http://sso.example.com/certs"}, "https"),
        ({"oidc_jwks_url": "file:///etc/passwd"}, "https"),
        ({"oidc_role_map": "gpu-admins=admin"}, "ROLE_MAP"),
    ],
)
def test_settings_that_do_not_fit_together_keep_the_server_from_starting(
    sqlite: Database, issuer: Issuer, change: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadInputError, match=named):
        create_app(some_settings(issuer, **change), database=sqlite)


def test_no_refusal_shows_the_token(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    token = a_token(OTHER_RSA)

    answer = whoami(client, token)

    for part in token.split("."):
        assert part not in answer.text
        assert part not in caplog.text
