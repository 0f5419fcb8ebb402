"""The five questions that Nebius is asked, through its own SDK: each answer becomes a JSON page.

The wire is gRPC, so the SDK is needed; nothing outside this file knows it. The SDK would ask again
at once and without a pause, even when it is told to slow down: it is held to one attempt, and what
may be asked again is asked again here, with jitter and never past the deadline. An answer is kept
in protobuf's JSON with the names of the schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind, SupplierError, supplier_error
from providers.http import ADVICE, ATTEMPTS, READ_SECONDS, Answered
from providers.supplier import Page

KEY: Final = "nebius"
IAM_ACCESS: Final = "TONNAGE_NEBIUS_IAM_TOKEN"
CREDENTIALS_FILE: Final = "TONNAGE_NEBIUS_CREDENTIALS_FILE"
USUAL_URL: Final = "https://api.nebius.cloud"

PROJECTS: Final = "projects"
PLATFORMS: Final = "platforms"
ESTIMATE: Final = "estimate"
ADVICE_LIST: Final = "resource-advice"
BLOCKS: Final = "capacity-block-groups"

ON_DEMAND: Final = "on_demand"
PREEMPTIBLE: Final = "preemptible"
CONTRACT: Final = "contract"

_PAGE_SIZE: Final = 1000
_PLATFORMS_AT_ONCE: Final = 999
_CLOSE_SECONDS: Final = 1.0
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

_KIND_OF: Final = {
    "UNAUTHENTICATED": ErrorKind.AUTH,
    "PERMISSION_DENIED": ErrorKind.PERMISSION,
    "INVALID_ARGUMENT": ErrorKind.INVALID_REQUEST,
    "OUT_OF_RANGE": ErrorKind.INVALID_REQUEST,
    "NOT_FOUND": ErrorKind.NOT_FOUND,
    "ABORTED": ErrorKind.CONFLICT,
    "ALREADY_EXISTS": ErrorKind.CONFLICT,
    "FAILED_PRECONDITION": ErrorKind.CONFLICT,
    "UNIMPLEMENTED": ErrorKind.UNSUPPORTED,
}
_DEADLINE: Final = "deadline"
_UNREADABLE: Final = "deserializ"
_SHORTAGE: Final = ("not_enough_resources", "not enough resources")
_QUOTA: Final = ("quota_failure", "quota")


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by the name of the gRPC status; an exhausted resource may be three things."""
    if not isinstance(content, dict) or not isinstance(content.get("grpc_status"), str):
        return None, None
    code = content["grpc_status"]
    said = f"{content.get('detail') or ''} {content.get('message') or ''}".lower()
    if code == "RESOURCE_EXHAUSTED":
        if any(word in said for word in _SHORTAGE):
            return ErrorKind.CAPACITY_UNAVAILABLE, code
        is_quota = any(word in said for word in _QUOTA)
        return ErrorKind.QUOTA if is_quota else ErrorKind.THROTTLED, code
    if code == "INTERNAL" and _UNREADABLE in said:
        return ErrorKind.CONTRACT, code
    return _KIND_OF.get(code, ErrorKind.TRANSIENT), code


@dataclass(slots=True, kw_only=True)
class Calls:
    """An open connection to Nebius. Close it, or use it as a context."""

    access: Access
    _sdk: Any = field(init=False, repr=False)

    def __enter__(self) -> Calls:
        """Open the connection, or raise SupplierError; no request is made yet."""
        self._sdk = _opened(self.access)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # the answers are in: a connection that closes late changes none
            self._sdk.sync_close(timeout=_CLOSE_SECONDS)

    def projects(self, tenant: str, cursor: str | None) -> Answered:
        """Return a page of the projects of a tenant: each lies in one region."""
        # Version 1 of this service ends on 2026-12-16.
        from nebius.api.nebius.iam import v2 as iam

        wanted = iam.ListProjectsRequest(
            parent_id=tenant, page_size=_PAGE_SIZE, page_token=cursor or ""
        )
        return self._answered(PROJECTS, None, iam.ProjectServiceClient(self._sdk).list, wanted)

    def platforms(self, project: str, region: str, cursor: str | None) -> Answered:
        """Return a page of the platforms of a project's region, with their presets."""
        from nebius.api.nebius.compute import v1 as compute

        wanted = compute.ListPlatformsRequest(
            parent_id=project, page_size=_PLATFORMS_AT_ONCE, page_token=cursor or ""
        )
        client = compute.PlatformServiceClient(self._sdk)
        return self._answered(PLATFORMS, region, client.list, wanted)

    def estimate(
        self, project: str, region: str, *, platform: str, preset: str, market: str
    ) -> Page:
        """Return what one machine costs an hour; an answer of null when it is not sold.

        Nothing is created: the calculator is shown the request that would create it.
        """
        from nebius.api.nebius.billing import v1 as billing

        offers = [billing.OfferType.OFFER_TYPE_CONTRACT_PRICE] if market == CONTRACT else []
        hours = billing.FilterAggregationUnit(
            filter_aggregation_unit_values=[
                billing.FilterAggregationUnit.FilterAggregationUnitValue.FILTER_AGGREGATION_UNIT_HOUR
            ]
        )
        creation = _creation(project, platform, preset, is_preemptible=market == PREEMPTIBLE)
        shown: Any = billing.REGISTRY.pack_any(creation)
        wanted = billing.EstimateBatchRequest(
            resource_specs=[billing.ResourceSpec(spec=shown)],
            offer_types=offers,
            currency="usd",
            filter_aggregation_unit=hours,
        )
        about = {"platform": platform, "preset": preset, "market": market}
        client = billing.CalculatorServiceClient(self._sdk)
        reply = self._reply(ESTIMATE, region, client.estimate_batch, wanted, none_if_invalid=True)
        return self._page(ESTIMATE, region, {**about, "answer": reply})

    def advice(self, tenant: str, cursor: str | None) -> Answered:
        """Return a page of what could be started now, in all regions of the tenant."""
        from nebius.api.nebius.capacity import v1 as capacity

        wanted = capacity.ListResourceAdviceRequest(
            parent_id=tenant, page_size=_PAGE_SIZE, page_token=cursor or ""
        )
        client = capacity.ResourceAdviceServiceClient(self._sdk)
        return self._answered(ADVICE_LIST, None, client.list, wanted)

    def capacity_blocks(self, tenant: str, cursor: str | None) -> Answered:
        """Return a page of the capacity that the tenant has bought."""
        from nebius.api.nebius.capacity import v1 as capacity

        wanted = capacity.ListCapacityBlockGroupsRequest(
            parent_id=tenant, page_size=_PAGE_SIZE, page_token=cursor or ""
        )
        client = capacity.CapacityBlockGroupServiceClient(self._sdk)
        return self._answered(BLOCKS, None, client.list, wanted)

    def _answered(
        self, call: str, location: str | None, method: Callable[..., Any], wanted: Any
    ) -> Answered:
        reply = self._reply(call, location, method, wanted)
        return Answered(page=self._page(call, location, reply), content=reply, headers={})

    def _page(self, call: str, location: str | None, content: Any) -> Page:
        return Page(
            call=call,
            location=location,
            url=f"{USUAL_URL}/{call}",
            body=json.dumps(content).encode(),
            fetched_at=self.access.now(),
        )

    def _reply(
        self,
        call: str,
        location: str | None,
        method: Callable[..., Any],
        wanted: Any,
        *,
        none_if_invalid: bool = False,
    ) -> Any:
        retrying = Retrying(
            retry=retry_if_exception(_may_try_again),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            sleep=self.access.sleep,
            reraise=True,
        )
        try:
            reply = retrying(self._once, call, location, method, wanted)
        except SupplierError as refused:
            if none_if_invalid and refused.kind is ErrorKind.INVALID_REQUEST:
                return None
            raise
        text = reply.to_json(
            preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        return json.loads(text)

    def _once(
        self, call: str, location: str | None, method: Callable[..., Any], wanted: Any
    ) -> Any:
        from nebius.aio.service_error import RequestError
        from nebius.base.error import SDKError

        seconds = self._seconds(call, location)
        try:
            reply = method(
                wanted,
                timeout=seconds,
                per_retry_timeout=seconds,
                auth_timeout=seconds,
                retries=1,  # attempts, all in all
            ).wait()
        except RequestError as refused:
            raise _refusal(call, location, refused.status) from None
        except (SDKError, TimeoutError, OSError) as failure:
            raise supplier_error(
                ErrorKind.TRANSIENT,
                f"{call}: Nebius did not answer ({type(failure).__name__})",
                supplier=KEY,
                location=location,
            ) from None
        if reply is None:  # what the SDK makes of bytes that are no message of the schema
            raise _changed(call, location)
        return reply

    def _seconds(self, call: str, location: str | None) -> float:
        left = self.access.seconds_left()
        if left is not None and left <= 0:
            raise supplier_error(
                ErrorKind.TRANSIENT,
                f"{call}: out of time; the next poll tries again",
                supplier=KEY,
                code=_DEADLINE,
                location=location,
            )
        return READ_SECONDS if left is None else min(READ_SECONDS, left)


def _may_try_again(error: BaseException) -> bool:
    return isinstance(error, SupplierError) and error.kind.is_retryable and error.code != _DEADLINE


def _creation(project: str, platform: str, preset: str, *, is_preemptible: bool) -> Any:
    from nebius.api.nebius.common.v1 import ResourceMetadata
    from nebius.api.nebius.compute import v1 as compute

    return compute.CreateInstanceRequest(
        metadata=ResourceMetadata(parent_id=project),
        spec=compute.InstanceSpec(
            resources=compute.ResourcesSpec(platform=platform, preset=preset),
            preemptible=compute.PreemptibleSpec() if is_preemptible else None,
        ),
    )


def _opened(access: Access) -> Any:
    from nebius.sdk import SDK

    token = access.value(IAM_ACCESS)
    try:
        return SDK(
            credentials=token,
            credentials_file_name=None if token else access.value(CREDENTIALS_FILE),
            user_agent_prefix="tonnage",
            **_elsewhere(access),
        )
    except AnswerChanged:
        raise
    except Exception as unusable:  # noqa: BLE001 - whatever the SDK finds wrong with a file
        raise supplier_error(
            ErrorKind.AUTH,
            f"the credentials cannot be used ({type(unusable).__name__}); check {IAM_ACCESS} or "
            f"the file of {CREDENTIALS_FILE}",
            supplier=KEY,
        ) from None


def _elsewhere(access: Access) -> Mapping[str, Any]:
    """Return what points the SDK at a server of this machine, without TLS; else nothing."""
    url = access.url(KEY, USUAL_URL)
    if url == USUAL_URL:
        return {}
    split = urlsplit(url)
    if split.hostname not in _LOOPBACK:
        raise AnswerChanged(
            f"{split.hostname} is not a declared host of Nebius; it was not asked", supplier=KEY
        )
    from nebius.base.options import INSECURE
    from nebius.base.resolver import Constant

    return {"resolver": Constant(split.netloc), "options": [(INSECURE, True)]}


def _refusal(call: str, location: str | None, status: Any) -> Exception:
    details = [error.details.field for error in status.service_errors if error.details is not None]
    code = status.code.name
    said = {"grpc_status": code, "message": status.message, "detail": " ".join(details)}
    kind, _ = classify(status.code.value[0], said)
    kind = kind or ErrorKind.TRANSIENT
    if kind is ErrorKind.CONTRACT:
        return _changed(call, location)
    advice = ADVICE.get(kind, "see Nebius's documentation of this call")
    return supplier_error(
        kind,
        f"{call}: Nebius answered {code}; {advice}",
        supplier=KEY,
        code=code,
        location=location,
        request_id=status.request_id or None,
    )


def _changed(call: str, location: str | None) -> AnswerChanged:
    return AnswerChanged(
        f"{call}: expected the message of the schema, got something else",
        supplier=KEY,
        location=location,
    )
