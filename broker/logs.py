"""Logs: one JSON object a line on standard error, with nothing in it that must stay secret.

Three fences, because each alone has a hole: fields with telling names lose their value, values
that look like a key, a bearer token or a URL with a password lose that part, and an exception is
told by its type and its frames only, because its message may quote the input that caused it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

HIDDEN: Final = "[hidden]"

_TELLING: Final = re.compile(
    r"(?i)^(api_?)?key$|authorization|cookie|token|secret|passw|pepper|credential|digest"
    r"|price|amount|cost|body|payload|(database|webhook|apprise)_urls?$"
)
_KEY: Final = re.compile(r"\btng_[0-9A-Za-z]+_[0-9A-Za-z]+")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[^\s,;\"']+")
_USERINFO: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@]+@")
_QUERY: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s?]*)\?[^\s\"']+")

_ALWAYS_THERE: Final = frozenset(
    vars(logging.LogRecord("", 0, "", 0, "", (), None)) | {"message": "", "asctime": ""}
)
_FRAMES_SHOWN: Final = 12


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; see the module on what it leaves out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": without_secrets(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _ALWAYS_THERE and not name.startswith("color_"):
                line[name] = shown(name, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = told(record.exc_info[1])
        return json.dumps(line, default=str)


class StandardError(logging.Handler):
    """Writes to whatever standard error is at the moment, not to what it was at the start."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stderr.write(self.format(record) + "\n")
        sys.stderr.flush()


def log_to_stderr(level: str) -> None:
    """Send every log of this process to standard error as JSON lines."""
    out = StandardError()
    out.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[out], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it speaks whenever it is asked


def shown(name: str, value: object) -> object:
    """Return the value of a log field as it may be shown."""
    if _TELLING.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(inner): shown(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown("", item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return without_secrets(str(value))


def without_secrets(text: str) -> str:
    """Return the text without what looks like a key, a token, a password or a query."""
    text = _KEY.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    return _QUERY.sub(rf"\1?{HIDDEN}", text)


def told(failure: BaseException) -> list[dict[str, object]]:
    """Return an exception and its causes, the outermost first: their types and last frames."""
    return [
        {"type": type(one).__name__, "frames": _frames(one.__traceback__)}
        for one in _chain(failure)
    ]


def _chain(failure: BaseException) -> list[BaseException]:
    chain = [failure]
    while (before := chain[-1].__cause__ or chain[-1].__context__) and before not in chain:
        chain.append(before)
    return chain


def _frames(trace: TracebackType | None) -> list[str]:
    frames = [
        f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(trace)
    ]
    return frames[-_FRAMES_SHOWN:]
