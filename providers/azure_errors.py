"""What the codes of Azure's refusals mean: a shortage is a 409, as a mere conflict is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from providers.errors import ErrorKind

KEY: Final = "azure"
NAME: Final = "Microsoft Azure"

_KIND_OF: Final[Mapping[str, ErrorKind]] = {
    "AuthenticationFailed": ErrorKind.AUTH,
    "AuthenticationFailedMissingToken": ErrorKind.AUTH,
    "ExpiredAuthenticationToken": ErrorKind.AUTH,
    "InvalidAuthenticationToken": ErrorKind.AUTH,
    "InvalidAuthenticationTokenTenant": ErrorKind.AUTH,
    "AuthorizationFailed": ErrorKind.PERMISSION,
    "LinkedAuthorizationFailed": ErrorKind.PERMISSION,
    "LocationNotAvailable": ErrorKind.REGION_NOT_ENABLED,
    "LocationNotAvailableForResourceType": ErrorKind.REGION_NOT_ENABLED,
    "MissingSubscriptionRegistration": ErrorKind.REGION_NOT_ENABLED,
    "NoRegisteredProviderFound": ErrorKind.REGION_NOT_ENABLED,
    "ReadOnlyDisabledSubscription": ErrorKind.BILLING,
    "SubscriptionRequestsThrottled": ErrorKind.THROTTLED,
    "TooManyRequests": ErrorKind.THROTTLED,
    "OperationNotAllowed": ErrorKind.QUOTA,
    "QuotaExceeded": ErrorKind.QUOTA,
    "AllocationFailed": ErrorKind.CAPACITY_UNAVAILABLE,
    "OverconstrainedAllocationRequest": ErrorKind.CAPACITY_UNAVAILABLE,
    "OverconstrainedZonalAllocationRequest": ErrorKind.CAPACITY_UNAVAILABLE,
    "ZonalAllocationFailed": ErrorKind.CAPACITY_UNAVAILABLE,
    "NotAvailableForSubscription": ErrorKind.NOT_OFFERED,
    "SkuNotAvailable": ErrorKind.NOT_OFFERED,
}


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by Azure's code. OperationNotAllowed is a quota; a throttle says TooManyRequests too.

    Resource Manager writes {"error": {"code"}}, the price list {"Error": {"Code"}}.
    """
    if not isinstance(content, dict):
        return None, None
    error = content.get("error", content.get("Error"))
    code = error.get("code", error.get("Code")) if isinstance(error, dict) else None
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)
