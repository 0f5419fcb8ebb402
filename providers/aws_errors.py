"""What a refusal of AWS means: decided by its code first, because a shortage comes as a 500."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from providers.errors import ErrorKind, SupplierError, kind_of_status, supplier_error
from providers.http import ADVICE

KEY: Final = "aws"

_AUTH: Final = (
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationToken",
)
_THROTTLED: Final = (
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "EC2ThrottledException",
    "TooManyRequestsException",
    "SlowDown",
)
_QUOTA: Final = (
    "VcpuLimitExceeded",
    "InstanceLimitExceeded",
    "MaxSpotInstanceCountExceeded",
    "MaxFleetCountExceeded",
    "MaxConfigLimitExceeded",
    "ReservedInstancesLimitExceeded",
)
_CAPACITY: Final = (
    "InsufficientInstanceCapacity",
    "InsufficientCapacity",
    "InsufficientHostCapacity",
    "UnfulfillableCapacity",
    "ReservationCapacityExceeded",
)
_NOT_OFFERED: Final = ("Unsupported", "UnsupportedOperation", "InvalidInstanceType")
_PERMISSION: Final = ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")
_NOT_FOUND: Final = ("NoSuchResourceException", "ResourceNotFoundException", "NotFoundException")
_REGION: Final = ("OptInRequired", "SubscriptionRequiredException")

_KIND_OF: Final[Mapping[str, ErrorKind]] = {
    **dict.fromkeys(_AUTH, ErrorKind.AUTH),
    **dict.fromkeys(_PERMISSION, ErrorKind.PERMISSION),
    **dict.fromkeys(_REGION, ErrorKind.REGION_NOT_ENABLED),
    **dict.fromkeys(_THROTTLED, ErrorKind.THROTTLED),
    **dict.fromkeys(_QUOTA, ErrorKind.QUOTA),
    **dict.fromkeys(_CAPACITY, ErrorKind.CAPACITY_UNAVAILABLE),
    **dict.fromkeys(_NOT_OFFERED, ErrorKind.NOT_OFFERED),
    **dict.fromkeys(_NOT_FOUND, ErrorKind.NOT_FOUND),
}


def classify(status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Return what a refusal means, by its code; `content` is as the SDK reads it."""
    error = content.get("Error") if isinstance(content, dict) else None
    code = error.get("Code") if isinstance(error, dict) else None
    if not isinstance(code, str):
        return None, None
    if 300 <= status < 400:
        return ErrorKind.CONTRACT, code  # none of our calls is ever sent elsewhere
    if code.startswith("Throttling"):
        return ErrorKind.THROTTLED, code
    return _KIND_OF.get(code), code


def out_of_time(location: str | None = None) -> SupplierError:
    """Return the error of a question that the deadline cut off."""
    return supplier_error(
        ErrorKind.TRANSIENT,
        "out of time; the next poll tries again",
        supplier=KEY,
        code="deadline",
        location=location,
    )


def error_of(failure: Exception, *, call: str, location: str | None) -> Exception:
    """Return our error for one of the SDK's; any other is given back, being a fault of ours."""
    from botocore import exceptions as sdk
    from botocore.parsers import ResponseParserError

    if isinstance(failure, sdk.ClientError):
        return _refusal(failure, call=call, location=location)
    if not isinstance(failure, sdk.BotoCoreError | ResponseParserError):
        return failure
    unreadable = isinstance(failure, ResponseParserError | sdk.PaginationError)
    no_key = (
        sdk.NoCredentialsError,
        sdk.PartialCredentialsError,
        sdk.CredentialRetrievalError,
        sdk.TokenRetrievalError,
        sdk.SSOError,
    )
    kind, name = ErrorKind.TRANSIENT, type(failure).__name__
    if unreadable:
        kind = ErrorKind.CONTRACT
    elif isinstance(failure, no_key):
        kind = ErrorKind.AUTH
    elif isinstance(failure, sdk.ParamValidationError):
        kind = ErrorKind.INVALID_REQUEST
    elif isinstance(failure, sdk.EndpointConnectionError) and location is not None:
        kind = ErrorKind.REGION_NOT_ENABLED  # the home region answered before
    said = "could not be read" if unreadable else "was not given"
    return supplier_error(
        kind,
        f"{call}: an answer of AWS {said} ({name}); {ADVICE.get(kind, 'see the SDK')}",
        supplier=KEY,
        location=location,
    )


def _refusal(failure: Any, *, call: str, location: str | None) -> SupplierError:
    metadata = failure.response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    kind, code = classify(status, failure.response)
    kind = kind or kind_of_status(status)
    if kind is ErrorKind.AUTH and location is not None:
        kind = ErrorKind.REGION_NOT_ENABLED  # the same credential was good in the home region
    advice = ADVICE.get(kind, "see the documentation of this call")
    return supplier_error(
        kind,
        f"{call}: AWS answered {status} ({code}); {advice}",
        supplier=KEY,
        code=code,
        status=status,
        location=location,
        request_id=metadata.get("RequestId"),
    )
