"""AWS for the tests: a real moto server over HTTP, its gaps filled from the fixture.

moto knows instance types, regions and zones as they are. What it lacks, or answers with nonsense,
comes from the fixture: capacity reservations and blocks, reserved instances and spot prices as
methods of its EC2 backend, which it turns into true EC2 XML; the price list, savings plans and
quotas from a server in front, which also notes every action as it was signed.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import (
    INSTANCE_TYPE_OFFERINGS,
    INSTANCE_TYPES,
    InstanceType,
    InstanceTypeBackend,
)
from moto.ec2.responses import EC2Response
from moto.server import ThreadedMotoServer

from tests.providers.exchanges import Recording, listening

PAGE = 2
"""Rows on a page of what the fixture serves."""

RACK_TYPE = "p6e-gb200.36xlarge"

_SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")

Row = dict[str, Any]


class Refusals:
    """The refusals that the next questions get, by action and region."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], list[str]] = {}

    @contextmanager
    def of(self, action: str, region: str, *codes: str) -> Iterator[None]:
        """Refuse an action in a region, once for each code."""
        self._codes[action, region] = list(codes)
        yield
        del self._codes[action, region]

    def next(self, action: str, region: str) -> None:
        if codes := self._codes.get((action, region)):
            raise EC2ClientError(codes.pop(0), "as the test wants it")


REFUSALS = Refusals()


@contextmanager
def serving_aws(noted: set[str] | None = None) -> Iterator[str]:
    """Serve AWS at an address of this machine; `noted` collects the actions, as IAM names them."""
    upstream = _moto()
    served = Recording.of("aws").content["served"]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: two of them wait 40 ms for each other

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            signed = _SIGNED_FOR.search(self.headers.get("authorization", ""))
            if signed is None:
                self._send(403, {}, b"{}")
                return
            action = _action(self.path, self.headers.get("x-amz-target"), body)
            if noted is not None:
                noted.add(f"{signed['service']}:{action}")
            answer = _ANSWERS.get(action)
            if answer is None:
                self._send(*_from_moto(upstream, self.path, dict(self.headers.items()), body))
                return
            told = answer(served, json.loads(body or b"{}"), signed["region"])
            headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "r-1"}
            self._send(200, headers, json.dumps(told).encode())

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the tests speak."""

    with listening(Handler) as url:
        yield url


def _action(path: str, target: str | None, body: bytes) -> str:
    if target is not None:
        return target.rsplit(".", 1)[1]
    if path != "/":
        return path.strip("/")
    return parse_qs(body.decode())["Action"][0]


def _from_moto(
    upstream: tuple[str, int], path: str, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*upstream, timeout=30)
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower() not in ("connection", "accept-encoding", "content-length")
    }
    connection.request("POST", path, body=body, headers=kept)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    drop = ("connection", "content-length", "transfer-encoding", "date", "server")
    told = {name: value for name, value in response.getheaders() if name.lower() not in drop}
    return response.status, told, answer


def _paged(rows: Sequence[Row], token: str | None) -> tuple[list[Row], str | None]:
    start = int(token or 0)
    end = start + PAGE
    return list(rows[start:end]), str(end) if end < len(rows) else None


def _of_region(served: Sequence[Row], region: str) -> list[Row]:
    return [
        {name: _dated(value) for name, value in row.items() if name != "region"}
        for row in served
        if row["region"] == region
    ]


def _dated(value: Any) -> Any:
    """Return an instant for a text that is one: moto writes instants in AWS's own form."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
        return datetime.fromisoformat(value)
    return value


def _products(served: Row, asked: Row, _region: str) -> Row:
    terms = {each["Field"]: each["Value"] for each in asked["Filters"]}
    assert asked["ServiceCode"] == "AmazonEC2"
    # A row at $0.00 for blocks comes along whatever is asked, as traps do.
    del terms["marketoption"]
    fitting = [
        json.dumps(product)
        for product in served["products"]
        if all(product["product"]["attributes"].get(k) == v for k, v in terms.items())
    ]
    rows, token = _paged(fitting, asked.get("NextToken"))  # type: ignore[arg-type]
    return {"FormatVersion": "aws_v1", "PriceList": rows} | ({"NextToken": token} if token else {})


def _plans(served: Row, asked: Row, _region: str) -> Row:
    rows, token = _paged(served["savings_plans"], asked.get("nextToken"))
    return {"savingsPlans": rows} | ({"nextToken": token} if token else {})


def _limits(served: Row, asked: Row, region: str) -> Row:
    assert asked["ServiceCode"] == "ec2"
    of_region = _of_region(served["quotas"], region)
    rows, token = _paged(of_region, asked.get("NextToken"))
    return {"Quotas": rows} | ({"NextToken": token} if token else {})


_ANSWERS: dict[str, Callable[[Row, Row, str], Row]] = {
    "GetProducts": _products,
    "DescribeSavingsPlans": _plans,
    "ListServiceQuotas": _limits,
}


@cache  # one server for all tests: it takes seconds to read its types, and nothing changes it
def _moto() -> tuple[str, int]:
    served = Recording.of("aws").content["served"]
    _fill("describe_capacity_reservations", "CapacityReservations", served["reservations"])
    _fill("describe_capacity_blocks", "CapacityBlocks", served["blocks"])
    _fill("describe_reserved_instances", "ReservedInstances", served["reserved"], pages=False)
    _fill("describe_capacity_block_offerings", "CapacityBlockOfferings", served["offerings"])
    _fill("describe_spot_price_history", "SpotPriceHistory", served["spot"])
    _wrap_types()
    INSTANCE_TYPES[RACK_TYPE] = served["rack_type"]
    every = InstanceTypeBackend.instance_types
    every.append(InstanceType(RACK_TYPE))
    every[:] = [kind for kind in every if kind.get("GpuInfo")]  # of the others there are 1,330
    for kind, place in (("region", "us-east-1"), ("availability-zone-id", "use1-az4")):
        INSTANCE_TYPE_OFFERINGS[kind]["us-east-1"].append(
            {"InstanceType": RACK_TYPE, "LocationType": kind, "Location": place}
        )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    return server.get_host_and_port()


def _fill(method: str, rows_name: str, served: Sequence[Row], *, pages: bool = True) -> None:
    """Give moto an answer that it has not: rows of the fixture, paged, as true EC2 XML."""

    def answer(self: Any) -> ActionResult:
        REFUSALS.next(method, self.region)
        rows = _fitting(self, method, _of_region(served, self.region))
        if not pages:
            return ActionResult({rows_name: rows})
        some, token = _paged(rows, self._get_param("NextToken"))
        return ActionResult({rows_name: some} | ({"NextToken": token} if token else {}))

    setattr(EC2Response, method, answer)


def _fitting(response: Any, method: str, rows: list[Row]) -> list[Row]:
    if method == "describe_spot_price_history":
        return _spot_since(response, rows)
    if method == "describe_capacity_block_offerings":
        hours = response._get_param("CapacityDurationHours")
        rack = response._get_param("UltraserverType")
        wanted = response._get_param("InstanceType")
        return [
            row
            for row in rows
            if row["CapacityBlockDurationHours"] == int(hours)
            and (row.get("UltraserverType") == rack if rack else row["InstanceType"] == wanted)
        ]
    return rows


def _spot_since(response: Any, rows: list[Row]) -> list[Row]:
    """Return the changes since StartTime, and the last one before it: the price at that time."""
    since = response._get_param("StartTime").replace(tzinfo=UTC)
    names = response._get_param("InstanceTypes", [])
    kinds = response._get_param("ProductDescriptions", [])
    fitting = [
        row for row in rows if row["InstanceType"] in names and row["ProductDescription"] in kinds
    ]
    before: dict[tuple[str, str], Row] = {}
    for row in sorted(fitting, key=lambda each: each["Timestamp"]):
        if row["Timestamp"] < since:
            before[row["InstanceType"], row["AvailabilityZone"]] = row
    return [*before.values(), *(row for row in fitting if row["Timestamp"] >= since)]


def _wrap_types() -> None:
    real = EC2Response.describe_instance_types

    def answer(self: Any) -> Any:
        REFUSALS.next("describe_instance_types", self.region)
        return real(self)

    setattr(EC2Response, "describe_instance_types", answer)  # noqa: B010 - of another's class
