"""What an answer is good for next: the links of the OpenAPI document, by operation.

Whoever reads the description, a person or a program, learns from them that the lease of an answer is
what is renewed and given back, and with which of its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """From an answer with this status to the operation that takes its values.

    Operations are told as in `POST /v1/keys`; values are runtime expressions of OpenAPI.
    """

    source: str
    status: int
    name: str
    target: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None


_ASK: Final = "POST /v1/capacity-requests"
_REQUEST: Final = {"request_id": "$response.body#/id"}
_GRANTED: Final = {"lease_id": "$response.body#/lease/id"}
_GRANTED_FENCE: Final = "$response.body#/lease/fence"
_LEASE: Final = {"lease_id": "$response.body#/id"}
_LEASE_FENCE: Final = "$response.body#/fence"
_KEY: Final = {"key_id": "$response.body#/id"}
_MADE_KEY: Final = ("POST /v1/keys", "POST /v1/keys/{key_id}/rotate")

LINKS: Final[tuple[Link, ...]] = (
    Link(
        source="POST /v1/plans",
        status=201,
        name="plan",
        target="GET /v1/plans/{plan_id}",
        parameters={"plan_id": "$response.body#/id"},
    ),
    Link(
        source=_ASK,
        status=201,
        name="lease",
        target="GET /v1/leases/{lease_id}",
        parameters=_GRANTED,
    ),
    Link(
        source=_ASK,
        status=201,
        name="renew",
        target="POST /v1/leases/{lease_id}/renew",
        parameters=_GRANTED,
        body={"fence": _GRANTED_FENCE},
    ),
    Link(
        source=_ASK,
        status=201,
        name="release",
        target="DELETE /v1/leases/{lease_id}",
        parameters=_GRANTED | {"fence": _GRANTED_FENCE},
    ),
    *(
        Link(source=_ASK, status=status, name=name, target=target, parameters=_REQUEST)
        for status in (201, 202)
        for name, target in (
            ("request", "GET /v1/capacity-requests/{request_id}"),
            ("cancel", "POST /v1/capacity-requests/{request_id}/cancel"),
        )
    ),
    Link(
        source="GET /v1/leases/{lease_id}",
        status=200,
        name="renew",
        target="POST /v1/leases/{lease_id}/renew",
        parameters=_LEASE,
        body={"fence": _LEASE_FENCE},
    ),
    Link(
        source="GET /v1/leases/{lease_id}",
        status=200,
        name="release",
        target="DELETE /v1/leases/{lease_id}",
        parameters=_LEASE | {"fence": _LEASE_FENCE},
    ),
    *(
        Link(source=source, status=201, name=name, target=target, parameters=_KEY)
        for source in _MADE_KEY
        for name, target in (
            ("rotate", "POST /v1/keys/{key_id}/rotate"),
            ("revoke", "DELETE /v1/keys/{key_id}"),
        )
    ),
    Link(
        source="POST /v1/webhooks",
        status=201,
        name="remove",
        target="DELETE /v1/webhooks/{webhook_id}",
        parameters={"webhook_id": "$response.body#/id"},
    ),
)
"""Every link there is; one that names no operation of the document fails when it is described."""


def add_links(document: dict[str, Any]) -> None:
    """Write the links into an OpenAPI document; KeyError if one leads from or to nowhere."""
    for link in LINKS:
        answer = _operation(document, link.source)["responses"][str(link.status)]
        told: dict[str, Any] = {"operationId": _operation(document, link.target)["operationId"]}
        if link.parameters:
            told["parameters"] = dict(link.parameters)
        if link.body is not None:
            told["requestBody"] = dict(link.body)
        answer.setdefault("links", {})[link.name] = told


def _operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    method, path = name.split(" ")
    found: dict[str, Any] = document["paths"][path][method.lower()]
    return found
