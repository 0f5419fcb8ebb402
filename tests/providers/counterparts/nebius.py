"""Nebius's recorded exchanges, served over real gRPC in the messages of its own SDK."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from nebius.api.nebius.billing import v1 as billing
from nebius.api.nebius.capacity import v1 as capacity
from nebius.api.nebius.compute import v1 as compute
from nebius.api.nebius.iam import v2 as iam

from providers import nebius, nebius_sdk
from tests.providers.counterpart import MARK, Counterpart
from tests.providers.exchanges import Recording

RECORDING = Recording.of(nebius_sdk.KEY)
TENANT = "tenant-e00t"
ESTIMATES = "nebius.billing.v1.CalculatorService/EstimateBatch"

MESSAGES: dict[str, tuple[Any, Any]] = {
    "nebius.iam.v2.ProjectService/List": (iam.ListProjectsRequest, iam.ListProjectsResponse),
    "nebius.compute.v1.PlatformService/List": (
        compute.ListPlatformsRequest,
        compute.ListPlatformsResponse,
    ),
    ESTIMATES: (billing.EstimateBatchRequest, billing.EstimateBatchResponse),
    "nebius.capacity.v1.ResourceAdviceService/List": (
        capacity.ListResourceAdviceRequest,
        capacity.ListResourceAdviceResponse,
    ),
    "nebius.capacity.v1.CapacityBlockGroupService/List": (
        capacity.ListCapacityBlockGroupsRequest,
        capacity.ListCapacityBlockGroupsResponse,
    ),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived, in the short form of the recording; `number` counts from 1."""

    number: int
    method: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcFault:
    """What is answered instead: a status, bytes of no message, or nothing until it is over."""

    code: grpc.StatusCode | None = None
    message: str = ""
    body: bytes | None = None
    hang: Callable[[], Any] | None = None


Plan = Callable[[Call], GrpcFault | None]


@dataclass(slots=True)
class NebiusServer(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc is untyped
    """The five services: recorded answers, except where the plan has a fault."""

    plan: Plan
    calls: list[Call] = field(default_factory=list)
    address: str = ""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        method = details.method.lstrip("/")
        if method not in MESSAGES:
            return None  # unimplemented: nothing else may ever be called
        asked, _ = MESSAGES[method]
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(method, request, context),
            request_deserializer=asked.FromString,
        )

    def _answer(self, method: str, request: Any, context: grpc.ServicerContext) -> bytes:
        headers = {each.key: each.value for each in context.invocation_metadata()}
        if headers.get("authorization") != f"Bearer {MARK}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no credential of the recorded form")
        content = _in_short(request) if method == ESTIMATES else json.loads(_written(request))
        call = Call(len(self.calls) + 1, method, content)
        self.calls.append(call)
        fault = self.plan(call)
        if fault is not None and fault.hang is not None:
            fault.hang()
        if fault is not None and fault.code is not None:
            context.abort(fault.code, fault.message)
        if fault is not None and fault.body is not None:
            return fault.body
        answer = _recorded(call)
        if answer["status"] != 200:
            refusal = answer["json"]
            context.abort(grpc.StatusCode[refusal["grpc_status"]], refusal["message"])
        _, answered = MESSAGES[method]
        message: bytes = answered.from_json(json.dumps(answer["json"])).SerializeToString()
        return message


@contextmanager
def listening(plan: Plan = lambda _call: None) -> Iterator[NebiusServer]:
    """Run the services at a free port of this machine."""
    handler = NebiusServer(plan)
    with ThreadPoolExecutor(4) as workers:
        server = grpc.server(workers)
        server.add_generic_rpc_handlers((handler,))
        handler.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield handler
        finally:
            server.stop(None).wait()


@dataclass(slots=True)
class _Serving:
    """Remembers where the server is: the suite's HTTP proxy cannot stand before gRPC."""

    address: str = ""

    @contextmanager
    def __call__(self) -> Iterator[str]:
        with listening() as server:
            self.address = server.address
            yield server.address


def _in_short(request: Any) -> dict[str, Any]:
    """Return a question to the calculator in the recording's short form."""
    (asked,) = request.resource_specs
    creation = billing.REGISTRY.unpack_any(asked.spec)
    resources = creation.spec.resources  # type: ignore[attr-defined]
    market = nebius_sdk.ON_DEMAND
    if creation.spec.check_presence("preemptible"):  # type: ignore[attr-defined]
        market = nebius_sdk.PREEMPTIBLE
    if billing.OfferType.OFFER_TYPE_CONTRACT_PRICE in list(request.offer_types):
        market = nebius_sdk.CONTRACT
    return {
        "project": creation.metadata.parent_id,  # type: ignore[attr-defined]
        "platform": resources.platform,
        "preset": resources.preset,
        "market": market,
    }


def _written(request: Any) -> str:
    text: str = request.to_json(preserving_proto_field_name=True)
    return text


def _recorded(call: Call) -> dict[str, Any]:
    said = {name: str(value) for name, value in call.content.items()}
    fitting = [
        each
        for each in RECORDING.exchanges
        if each.request["path"] == call.method
        and all(said.get(name) == str(value) for name, value in each.request["json"].items())
    ]
    best = max(fitting, key=lambda each: len(each.request["json"]))
    return dict(best.response)


SERVING = _Serving()


def environment(address: str) -> dict[str, str]:
    return {"TONNAGE_NEBIUS_URL": address, nebius.TENANT: TENANT}


_OVER_GRPC = "it is asked over gRPC, which the suite's HTTP proxy cannot disturb; "

COUNTERPART = Counterpart(
    key=nebius_sdk.KEY,
    recording=RECORDING,
    serve=SERVING,
    credentials={nebius_sdk.IAM_ACCESS: MARK},
    environment=lambda _proxy: environment(SERVING.address),
    classify=nebius_sdk.classify,
    exempt=dict.fromkeys(
        ("second page", "rate limit", "refusal", "time out", "malformed"),
        f"{_OVER_GRPC}test_nebius.py does it with a gRPC status or message",
    )
    | {"redirect": "gRPC knows no redirects; test_nebius.py tries an address elsewhere"},
)
