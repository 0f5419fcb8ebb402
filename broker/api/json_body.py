"""JSON bodies read the short way: straight from the bytes that arrived into the wire model.

The usual way parses the text into objects and then the objects into the model; on the routes that
are asked hundreds of times a second that is a third of the whole work. Reading is strict, too: a
number in quotes is no number.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from broker.errors import MediaTypeError

JSON: Final = "application/json"

Model = TypeVar("Model", bound=BaseModel)


def json_body(model: type[Model]) -> Any:
    """Return the dependency that reads a body as this model; 415 and 422 where it cannot."""

    async def read(request: Request) -> Model:
        return await read_json(request, model)

    return Depends(read)


async def read_json(request: Request, model: type[Model]) -> Model:
    """Return the body of a request as this model."""
    kind = request.headers.get("content-type", "")
    if kind != JSON and kind.partition(";")[0].strip().lower() != JSON:
        raise MediaTypeError(f"this route reads {JSON}; name it in the header Content-Type")
    try:
        return model.model_validate_json(await request.body(), strict=True)
    except ValidationError as failure:
        faults = failure.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**fault, "loc": ("body", *fault["loc"])} for fault in faults]
        ) from None


def described_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of such a body; `app` adds the schema itself."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}
