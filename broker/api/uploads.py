"""A file in a request: the body itself as text/csv, or the one file of a form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from starlette.datastructures import UploadFile

from broker.errors import BadInputError

LONGEST_FILE_NAME: Final = 200
NAMELESS: Final = "upload.csv"

_AS_BYTES: Final = {"type": "string", "format": "binary"}
_AS_FORM: Final = {"type": "object", "required": ["file"], "properties": {"file": _AS_BYTES}}
CSV_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "multipart/form-data": {"schema": _AS_FORM},
        },
    }
}
"""What OpenAPI says of such a request: `openapi_extra` of a route that takes an upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was sent, under the name that the books will know it by."""

    file: str
    content: bytes


# The one async place here: the body arrives in pieces, before the route's own thread begins.
async def _upload(
    request: Request,
    file: Annotated[
        str | None,
        Query(max_length=LONGEST_FILE_NAME, description="the file's name, for the books"),
    ] = None,
) -> Upload:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return Upload(file=_name(file), content=await request.body())
    async with request.form(max_files=1) as form:
        sent = [part for part in form.values() if isinstance(part, UploadFile)]
        if len(sent) != 1:
            raise BadInputError("the form holds no file; send exactly one, as the field file")
        return Upload(file=_name(file or sent[0].filename), content=await sent[0].read())


CsvUpload = Annotated[Upload, Depends(_upload)]


def _name(told: str | None) -> str:
    """Return the last part of a path as text that can be stored and shown."""
    last = PurePath((told or "").replace("\\", "/")).name
    return "".join(one for one in last if one.isprintable())[:LONGEST_FILE_NAME] or NAMELESS
