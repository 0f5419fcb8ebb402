"""Model profiles as a sheet: one row for a configuration and a class.

What is said of the model, or of the configuration, stands in its first row and may be left empty
in the others. The rows become the same document that JSON states, so both are read by one reading,
and its faults are told by line and column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from broker.contracts.named_rows import Columns, RowReading, read_rows
from broker.contracts.sheets.issue import Code
from broker.errors import Fault
from broker.placement.model_reading import DEFAULT_CLASS, read_models
from broker.placement.throughput_profile import ModelProfile

_OF_MODEL: Final = (
    "priority",
    "headroom",
    "survival",
    "survival_scope",
    "max_spot_share",
    "min_gold_share",
    "start_cost",
    "counted",
)
_OF_MEMORY: Final = ("parameters_billion", "kv_bytes_per_token", "kv_shards", "cached_tokens")
_OF_CONFIG: Final = ("gpu_model", "gpus", "precision", "memory_gb", "weights_gb")
_OF_THROUGHPUT: Final = ("class", "tokens_per_second", "basis", "source", "as_of", "conditions")

MODEL_COLUMNS: Final = Columns(
    names=("model", *_OF_MODEL, *_OF_MEMORY, "config", *_OF_CONFIG, *_OF_THROUGHPUT),
    required=frozenset({"model", "config"}),
)

_LAST_FIELD: Final = re.compile(r"([A-Za-z0-9_]+)(?:\[[0-9]+\])*$")


@dataclass(slots=True, kw_only=True)
class _Document:
    """The document that the rows make, and the line on which each part of it first stands."""

    models: list[dict[str, Any]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_model_sheet(content: bytes) -> tuple[tuple[ModelProfile, ...], tuple[Fault, ...]]:
    """Return the profiles of a sheet, and everything wrong with it. Never raises on content."""
    rows, faults = read_rows(content, MODEL_COLUMNS)
    made = _Document(faults=faults)
    for row in rows:
        _add(made, row)
    if not made.models:
        return (), tuple(made.faults)
    profiles, wrong = read_models({"models": made.models})
    told = [*made.faults, *(_by_line(fault, made.lines) for fault in wrong)]
    return profiles, tuple(sorted(told, key=lambda fault: fault.line or 0))


def _add(made: _Document, row: RowReading) -> None:
    row.require(MODEL_COLUMNS.required)
    if row.faults:
        made.faults += row.faults
        return
    line, cells = row.line or 0, {name: text.strip() for name, text in row.cells.items()}
    number = _place_of(made.models, "model", cells["model"])
    model, path = made.models[number], f"models[{number}]"
    made.lines.setdefault(path, line)
    _settle(model, cells, _OF_MODEL, row)
    _settle(model.setdefault("memory", {}), cells, _OF_MEMORY, row)
    configs = model.setdefault("configs", [])
    place = _place_of(configs, "config", cells["config"])
    config, path = configs[place], f"{path}.configs[{place}]"
    made.lines.setdefault(path, line)
    _settle(config, cells, _OF_CONFIG, row)
    throughput = config.setdefault("throughput", [])
    made.lines[f"{path}.throughput[{len(throughput)}]"] = line
    stated = {name: cells[name] for name in _OF_THROUGHPUT if cells.get(name)}
    throughput.append(stated)
    classes = model.setdefault("classes", [])
    class_name = stated.get("class", DEFAULT_CLASS)
    if class_name not in classes:
        classes.append(class_name)
    made.faults += row.faults


def _place_of(among: list[dict[str, Any]], kind: str, name: str) -> int:
    """Return where the one of this name stands; it is added if it is not there yet."""
    for number, each in enumerate(among):
        if each[kind] == name:
            return number
    among.append({kind: name})
    return len(among) - 1


def _settle(
    part: dict[str, Any], cells: dict[str, str], names: tuple[str, ...], row: RowReading
) -> None:
    for name in names:
        text = cells.get(name, "")
        if text and part.setdefault(name, text) != text:
            row.refuse(
                name,
                Code.CONFLICT_IN_FILE,
                "an earlier row says otherwise; say it in one row and leave the others empty",
            )


def _by_line(fault: Fault, lines: dict[str, int]) -> Fault:
    """Return a fault of the document by the line and column that said it."""
    path = fault.field or ""
    holders = [place for place in lines if path.startswith(place)]
    last = _LAST_FIELD.search(path)
    return replace(
        fault,
        line=lines[max(holders, key=len)] if holders else None,
        field=last.group(1) if last else None,
    )
