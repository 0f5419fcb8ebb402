"""What Microsoft's clients raise, as our errors: by Azure's code first, by the status second."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
)

from providers.access import Access
from providers.azure_errors import KEY, NAME, classify
from providers.errors import AnswerChanged, ErrorKind, SupplierError, kind_of_status, supplier_error
from providers.http import ADVICE, retry_after


@contextmanager
def asking(call: str, access: Access, location: str | None = None) -> Iterator[None]:
    """Turn what the clients raise into our errors; messages never hold an answer's body."""
    try:
        yield
    except SupplierError as ours:
        raise supplier_error(
            ours.kind,
            f"{call}: {ours}",
            supplier=KEY,
            code=ours.code,
            location=location,
            retry_after=ours.retry_after,
        ) from None
    except (DecodeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as changed:
        # The clients build their models as they read: an answer of another shape fails anyhow.
        raise AnswerChanged(
            f"{call}: expected Azure's JSON, got something else ({type(changed).__name__})",
            supplier=KEY,
            location=location,
        ) from None
    except ClientAuthenticationError as refused:
        raise _unsigned(refused, call=call, location=location) from None
    except HttpResponseError as refused:
        raise _refusal(refused, call=call, location=location, access=access) from None
    except AzureError as failure:
        raise supplier_error(
            ErrorKind.TRANSIENT,
            f"{call}: {NAME} did not answer ({type(failure).__name__})",
            supplier=KEY,
            location=location,
        ) from None


def _unsigned(
    refused: ClientAuthenticationError, *, call: str, location: str | None
) -> SupplierError:
    _, code = classify(401, _content(refused))
    return supplier_error(
        ErrorKind.AUTH,
        f"{call}: {NAME} knows no credential of ours ({type(refused).__name__}); sign in with "
        "'az login', or give the process an identity or AZURE_CLIENT_ID and its secret",
        supplier=KEY,
        code=code,
        status=refused.status_code,
        location=location,
    )


def _refusal(
    refused: HttpResponseError, *, call: str, location: str | None, access: Access
) -> SupplierError:
    status = refused.status_code or 0
    response: Any = refused.response
    headers: Mapping[str, str] = {} if response is None else response.headers
    kind, code = classify(status, _content(refused))
    kind = kind or (ErrorKind.CONTRACT if status < 400 else kind_of_status(status))
    named = f" ({code})" if code else ""
    advice = ADVICE.get(kind, "see the supplier's documentation of this call")
    return supplier_error(
        kind,
        f"{call}: {NAME} answered {status}{named}; {advice}",
        supplier=KEY,
        code=code,
        status=status,
        location=location,
        request_id=headers.get("x-ms-request-id"),
        retry_after=retry_after(headers.get("retry-after"), now=access.now()),
    )


def _content(refused: HttpResponseError) -> Any:
    try:
        return None if refused.response is None else json.loads(refused.response.text())
    except ValueError:
        return None  # plain text, or a proxy's page: the status has to do
