"""How AWS is asked: the SDK's own credentials, its own retries, one deadline, JSON pages.

Clients are safe to share between threads, the session that makes them is not: all of them are made
first, in one thread.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

from providers.access import Access
from providers.aws_errors import KEY, error_of, out_of_time
from providers.errors import AnswerChanged, SupplierError
from providers.http import CONNECT_SECONDS, READ_SECONDS
from providers.supplier import Page

HOME: Final = "us-east-1"
"""Where the regions are asked for, and where prices, savings plans and identities live."""

PROFILE_NAME: Final = "TONNAGE_AWS_PROFILE"
ATTEMPTS: Final = 4
AT_ONCE: Final = 8
METADATA_OFF: Final = "AWS_EC2_METADATA_DISABLED"
METADATA_HOST: Final = "169.254.169.254"
METADATA_SECONDS: Final = 0.3
"""An instance's own metadata answer in milliseconds; elsewhere nobody does, and we do not wait."""

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def has_sdk() -> bool:
    """Say whether boto3 is installed, without importing it."""
    return find_spec("boto3") is not None


def has_credentials(access: Access) -> bool:
    """Say whether the SDK finds credentials. Asks nobody but this machine."""
    from botocore.exceptions import BotoCoreError

    try:
        return _session(access).get_credentials() is not None
    except BotoCoreError:  # a profile that does not exist, half a key pair
        return False


def _session(access: Access) -> Any:
    """Return a session: keys handed in with the access first, then the SDK's own chain."""
    import boto3
    from botocore.session import Session

    core = Session(profile=access.value(PROFILE_NAME))
    core.register_component("data_loader", _models())
    if access.has("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        core.set_credentials(
            access.value("AWS_ACCESS_KEY_ID"),
            access.value("AWS_SECRET_ACCESS_KEY"),
            access.value("AWS_SESSION_TOKEN"),
        )
    elif not _has_metadata(core, access):
        core.get_component("credential_provider").remove("iam-role")
    session = boto3.Session(botocore_session=core)
    # Each session adds its own path to the shared reader: once is enough.
    paths = _models().search_paths
    paths[:] = dict.fromkeys(paths)
    return session


def _has_metadata(core: Any, access: Access) -> bool:
    """Say whether an instance's metadata service is near: the SDK would wait seconds for none."""
    switch = access.value(METADATA_OFF) or os.environ.get(METADATA_OFF, "")
    if switch.lower() == "true":
        return False
    stated = urlsplit(core.get_config_variable("ec2_metadata_service_endpoint") or "")
    place = (stated.hostname or METADATA_HOST, stated.port or 80)
    try:
        socket.create_connection(place, timeout=METADATA_SECONDS).close()
    except OSError:
        return False
    return True


@cache  # what the SDK knows of AWS's services ships with it, and takes half a second to read
def _models() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


@dataclass(slots=True, kw_only=True)
class Cloud:
    """Asks AWS and gives pages. Make every client with `open` before threads share this."""

    access: Access
    _session: Any
    _config: Any
    _url: str | None
    _clients: dict[tuple[str, str], Any]

    @classmethod
    def of(cls, access: Access) -> Cloud:
        """Return a way to ask that has no client yet."""
        from botocore.config import Config

        # At debug level the SDK writes signed headers and session tokens.
        logging.getLogger("botocore").setLevel(logging.INFO)
        left = access.seconds_left()
        most = READ_SECONDS if left is None else max(min(READ_SECONDS, left), 0.05)
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=min(CONNECT_SECONDS, most),
            read_timeout=most,
            max_pool_connections=AT_ONCE,
            ignore_configured_endpoint_urls=True,
            user_agent_extra="tonnage",
        )
        return cls(
            access=access,
            _session=_session(access),
            _config=config,
            _url=_other_url(access),
            _clients={},
        )

    def open(self, service: str, region: str = HOME) -> None:
        """Make a client, in the one thread that makes them all."""
        if (service, region) in self._clients:
            return
        client = self._session.client(
            service, region_name=region, endpoint_url=self._url, config=self._config
        )
        prefix = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-send.{prefix}", self._refuse_when_late)
        client.meta.events.register(f"before-parse.{prefix}", _as_aws_would)
        self._clients[service, region] = client

    def close(self) -> None:
        """Let go of every connection; a late question still ends by its own time-out."""
        for client in self._clients.values():
            client.close()

    def ask(
        self,
        operation: str,
        rows: str,
        *,
        call: str,
        service: str = "ec2",
        region: str = HOME,
        location: str | None = None,
        **question: Any,
    ) -> Iterator[Page]:
        """Yield the pages of a question to the end; `rows` names the list that each must hold.

        Raises SupplierError.
        """
        client = self._clients[service, region]
        try:
            for answer in _pages(client, operation, question):
                yield Page(
                    call=call,
                    location=location,
                    url=client.meta.endpoint_url,
                    body=self._body(answer, rows, call=call, is_xml=service == "ec2"),
                    fetched_at=self.access.now(),
                )
        except SupplierError:
            raise
        except Exception as failure:  # noqa: BLE001 - told apart at once, and raised if not AWS's
            raise error_of(failure, call=call, location=location) from None

    def _body(self, answer: Mapping[str, Any], rows: str, *, call: str, is_xml: bool) -> bytes:
        # An XML list without entries may be left out; an answer of AWS always has a request id.
        signed = bool(answer["ResponseMetadata"].get("RequestId"))
        if not signed or (rows not in answer and not is_xml):
            raise AnswerChanged(f"{call}: no {rows} in what came, or not from AWS", supplier=KEY)
        kept = {rows: answer.get(rows, [])}
        return json.dumps(kept, default=_written, sort_keys=True).encode()

    def _refuse_when_late(self, **_: Any) -> None:
        left = self.access.seconds_left()
        if left is not None and left <= 0:
            raise out_of_time()


def _pages(client: Any, operation: str, question: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate(**question)
        return
    ask: Callable[..., dict[str, Any]] = getattr(client, operation)
    answer = ask(**question)
    yield answer
    while token := answer.get("nextToken"):  # as savings plans page, without a paginator
        answer = ask(**question, nextToken=token)
        yield answer


def _other_url(access: Access) -> str | None:
    url = access.url(KEY, "")
    if not url:
        return None
    split = urlsplit(url)
    ours = split.scheme == "https" and (split.hostname or "").endswith(".amazonaws.com")
    if not ours and split.hostname not in _LOOPBACK:
        raise AnswerChanged(
            f"{split.hostname} is not a host of AWS, or not over TLS; it was not asked",
            supplier=KEY,
        )
    return url


def _as_aws_would(*, response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Give a refusal that is not XML, a proxy's page or plain text, the form the SDK can read.

    Without it the SDK stumbles over the text before it looks at the status, and never retries.
    """
    status, body = response_dict["status_code"], response_dict["body"] or b""
    if status < 300 or operation_model.service_model.protocol != "ec2":
        return
    if b"<Error>" not in body:
        code = "TooManyRequestsException" if status == 429 else str(status)
        response_dict["body"] = (
            f"<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>"
        ).encode()


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in a page")
