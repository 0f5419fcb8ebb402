"""What goes wrong when a supplier is asked, as one closed list.

    SupplierError        any of the kinds below
    ├── Unreachable      throttled, transient: the same question may be answered later
    ├── NotAllowed       auth, permission, region_not_enabled, billing: somebody must act
    └── AnswerChanged    contract: the answer is not what the adapter was written for

An adapter decides the kind by the supplier's own code first and by the HTTP status second: the
same shortage is a 400 with one cloud, a 409 or a 500 with others. Messages never hold a
credential, and never the body of an answer.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class ErrorKind(StrEnum):
    """What sort of fault it is, the same for every supplier."""

    AUTH = "auth"
    PERMISSION = "permission"
    REGION_NOT_ENABLED = "region_not_enabled"
    THROTTLED = "throttled"
    QUOTA = "quota"
    CAPACITY_UNAVAILABLE = "capacity_unavailable"
    NOT_OFFERED = "not_offered"
    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    BILLING = "billing"
    TRANSIENT = "transient"
    UNSUPPORTED = "unsupported"
    CONTRACT = "contract"

    @property
    def is_retryable(self) -> bool:
        """Say whether asking the same again, later, may help."""
        return self in (ErrorKind.THROTTLED, ErrorKind.TRANSIENT)


class SupplierError(Exception):
    """A supplier could not be asked, or refused, or answered something unreadable.

    `code` and `status` are the supplier's; `location` is the region concerned, None for all.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        supplier: str,
        code: str | None = None,
        status: int | None = None,
        location: str | None = None,
        request_id: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.supplier = supplier
        self.code = code
        self.status = status
        self.location = location
        self.request_id = request_id
        self.retry_after = retry_after


class Unreachable(SupplierError):
    """The supplier did not answer, or asked for patience."""


class NotAllowed(SupplierError):
    """The supplier knows who asks, or does not, and refuses either way."""


class AnswerChanged(SupplierError):
    """The answer is not of the shape that the adapter was written for; the message says where."""

    def __init__(self, message: str, *, supplier: str, location: str | None = None) -> None:
        super().__init__(ErrorKind.CONTRACT, message, supplier=supplier, location=location)


_CLASS_OF = {
    ErrorKind.THROTTLED: Unreachable,
    ErrorKind.TRANSIENT: Unreachable,
    ErrorKind.AUTH: NotAllowed,
    ErrorKind.PERMISSION: NotAllowed,
    ErrorKind.REGION_NOT_ENABLED: NotAllowed,
    ErrorKind.BILLING: NotAllowed,
}


def supplier_error(
    kind: ErrorKind,
    message: str,
    *,
    supplier: str,
    code: str | None = None,
    status: int | None = None,
    location: str | None = None,
    request_id: str | None = None,
    retry_after: timedelta | None = None,
) -> SupplierError:
    """Return the error of a kind, of the class that callers catch."""
    if kind is ErrorKind.CONTRACT:
        return AnswerChanged(message, supplier=supplier, location=location)
    return _CLASS_OF.get(kind, SupplierError)(
        kind,
        message,
        supplier=supplier,
        code=code,
        status=status,
        location=location,
        request_id=request_id,
        retry_after=retry_after,
    )


def kind_of_status(status: int) -> ErrorKind:
    """Return what an HTTP status means where the supplier gave no code that says more."""
    known = {
        400: ErrorKind.INVALID_REQUEST,
        401: ErrorKind.AUTH,
        402: ErrorKind.BILLING,
        403: ErrorKind.PERMISSION,
        404: ErrorKind.NOT_FOUND,
        408: ErrorKind.TRANSIENT,
        409: ErrorKind.CONFLICT,
        422: ErrorKind.INVALID_REQUEST,
        429: ErrorKind.THROTTLED,
    }
    if status in known:
        return known[status]
    return ErrorKind.TRANSIENT if status >= 500 else ErrorKind.INVALID_REQUEST
