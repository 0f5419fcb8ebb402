"""Every spelling of a GPU → one name, memory and form factor.

Two levels: the *model* (H100) is what markets compare, the *part* (H100-SXM) is what a machine
holds. A spelling that leaves the form factor open stays at model level; nothing is guessed.

The spellings live in `gpu_aliases.csv`, a table of this package and not of the user: rows of one
provider, and rows of `*` that hold for everybody. `map` names the part, `ambiguous` only the
model (several rows: several models, told apart by memory), `exclude` is not a whole GPU. Names
match as whole tokens in order, so H20 is not H200, GH200 is not H200 and L4 is not L40 or L40S.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import NoReturn

ALIASES = "gpu_aliases.csv"
ANY_PROVIDER = "*"

MEMORY_TOLERANCE_PERCENT = 7
"""How far a stated memory may lie from a part's: B300 is sold as 262, 268, 270 and 288 GB."""

_SUPERCHIP_RACKS = {"GB200": "NVL72", "GB300": "NVL72"}
_PCIE_CARDS = re.compile(r"A10|A16|A30|A40|L4|L40|L40S|T4|(?:QUADRO)?RTX.*")
_BOARDS = {"HGX": "SXM"}
_FORM_IN_PART = re.compile(r"-(SXM|PCIE|NVL)")

_TOKEN_BREAK = re.compile(r"[\W_]+")
_SPELLED_FORM = re.compile(r"(?P<rest>.*?)(?P<form>SXM[0-9]?|PCIE?[0-9]?|NVL[0-9]*|OAM|HGX)")
_SPELLED_MEMORY = re.compile(r"([0-9]{2,3})(?:G|GB|GIB)")
_NUMBER = re.compile(r"[0-9]{2,3}")
_COUNT = re.compile(r"[0-9]{1,4}X|X[0-9]{1,4}")
# HBM3 marks an SXM card with some sellers and an NVL card with others; NVLINK may be a bridge
# between PCIe cards: neither decides a form factor.
_NOISE = frozenset(
    {"NVIDIA", "AMD", "TESLA", "GEFORCE", "INSTINCT", "DGX", "GPU", "GPUS", "TENSOR", "CORE"}
    | {"NVLINK", "HBM2", "HBM2E", "HBM3", "HBM3E", "GDDR6", "GDDR7"}
)


class GpuFault(StrEnum):
    """Why a spelling names no GPU."""

    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"  # several models bear the name
    SLICE = "slice"  # a fraction of a GPU


class UnknownGpuError(ValueError):
    """A spelling names no GPU, several, or only a part of one."""

    def __init__(
        self,
        message: str,
        *,
        spelling: str,
        suggestion: str | None = None,
        fault: GpuFault = GpuFault.UNKNOWN,
    ) -> None:
        super().__init__(message)
        self.spelling = spelling
        self.suggestion = suggestion
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU by its canonical names.

    `part` is None when the spelling leaves the form factor (or edition) open. `memory_gb` is the
    part's nominal memory; at model level what was stated, or what all its parts share, else None.
    """

    model: str
    part: str | None
    memory_gb: int | None
    form_factor: str | None
    vendor: str

    def memory_differs(self, observed_gb: int | None) -> bool:
        """Say whether an observed memory is not this GPU's: often a slice sold under its name."""
        if observed_gb is None or self.memory_gb is None:
            return False
        distance = abs(observed_gb - self.memory_gb)
        return distance * 100 > MEMORY_TOLERANCE_PERCENT * self.memory_gb


def canonical_gpu(
    spelling: str, *, provider: str | None = None, memory_gb: int | None = None
) -> Gpu:
    """Return the GPU that a spelling means, or raise UnknownGpuError.

    Looked up in this order: the provider's own names, names that hold for everybody, the name
    read token by token ("NVIDIA H100 80GB SXM5"), names of other providers as far as they agree.
    `memory_gb` is what was stated beside the name. It decides where the name leaves parts open,
    and moves a named part to its sibling of that memory (A100-SXM-40 to A100-SXM-80); a memory
    that no sibling has changes nothing.
    """
    catalogue = _catalogue()
    read = _read(spelling)
    exact = _folded(spelling)
    for key in ((_folded(provider or ""), exact), (ANY_PROVIDER, exact)):
        if aliases := catalogue.aliases.get(key):
            return _as_listed(aliases, read, memory_gb)
    if read.is_slice:
        _refuse_slice(spelling)
    stated = memory_gb or read.memory_gb
    for name, memory in ((read.name, stated), (read.name_without_number, memory_gb or read.number)):
        if aliases := catalogue.aliases.get((ANY_PROVIDER, name)):
            return _as_described(aliases, read, memory)
    if aliases := catalogue.elsewhere.get(exact):
        return _as_listed(aliases, read, memory_gb)
    raise _unknown(spelling, read)


def known_models() -> frozenset[str]:
    """Return the canonical model names."""
    return frozenset(_catalogue().parts)


def least_memory_gb(model: str) -> int | None:
    """Return the memory of a model's smallest part; None if no part of it is known."""
    parts = _catalogue().parts.get(model, ())
    return min((part.memory_gb for part in parts if part.memory_gb is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alias:
    """One row of the table: a part, or only a model, or neither when it may not be priced."""

    model: str
    part: Gpu | None
    is_slice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Catalogue:
    aliases: Mapping[tuple[str, str], tuple[_Alias, ...]]
    elsewhere: Mapping[str, tuple[_Alias, ...]]
    parts: Mapping[str, tuple[Gpu, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spelling:
    """What the tokens of a name say: the model's name, its form, its memory."""

    spelling: str
    name: str
    form_factor: str | None
    memory_gb: int | None
    name_without_number: str
    number: int | None
    is_slice: bool


@cache  # the table ships with the code and cannot change while it runs
def _catalogue() -> _Catalogue:
    text = resources.files("pricing").joinpath(ALIASES).read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    parts: dict[str, dict[str, Gpu]] = defaultdict(dict)
    aliases: dict[tuple[str, str], list[_Alias]] = defaultdict(list)
    elsewhere: dict[str, list[_Alias]] = defaultdict(list)
    for row in rows:
        part = _part_of(row) if row["canonical_part"] else None
        if part is not None:
            parts[part.model][row["canonical_part"]] = part
        alias = _Alias(
            model=row["family"],
            part=part if row["action"] == "map" else None,
            is_slice=row["action"] == "exclude",
        )
        aliases[(_folded(row["provider"]), _folded(row["alias"]))].append(alias)
        elsewhere[_folded(row["alias"])].append(alias)
    for canonical in _canonical_names(parts):
        aliases.setdefault(*canonical)
    return _Catalogue(
        aliases={key: tuple(found) for key, found in aliases.items()},
        elsewhere={key: tuple(found) for key, found in elsewhere.items()},
        parts={model: tuple(its_parts.values()) for model, its_parts in parts.items()},
    )


def _canonical_names(
    parts: Mapping[str, Mapping[str, Gpu]],
) -> Iterator[tuple[tuple[str, str], list[_Alias]]]:
    """Yield our own names as aliases: of each part, and of each model."""
    for model, its_parts in parts.items():
        for name, part in its_parts.items():
            yield (ANY_PROVIDER, _folded(name)), [_Alias(model=model, part=part, is_slice=False)]
        only = next(iter(its_parts.values())) if len(its_parts) == 1 else None
        yield (ANY_PROVIDER, _folded(model)), [_Alias(model=model, part=only, is_slice=False)]


def _part_of(row: Mapping[str, str]) -> Gpu:
    model, part = row["family"], row["canonical_part"]
    spelled = _FORM_IN_PART.search(part)
    form = spelled.group(1) if spelled else _SUPERCHIP_RACKS.get(model)
    if form is None and row["vendor"] == "amd":
        form = "OAM"
    if form is None and _PCIE_CARDS.fullmatch(model):
        form = "PCIE"
    return Gpu(
        model=model,
        part=part,
        memory_gb=int(row["memory_gb"]),
        form_factor=form,
        vendor=row["vendor"],
    )


def _tokens(spelling: str) -> list[str]:
    # Letters and digits of other scripts stay in their token, so they match nothing.
    return [token for token in _TOKEN_BREAK.split(spelling.upper()) if token]


def _folded(spelling: str) -> str:
    return spelling if spelling == ANY_PROVIDER else "".join(_tokens(spelling))


def _read(spelling: str) -> _Spelling:
    tokens = _tokens(spelling)
    form = memory = None
    left: list[str] = []
    for token in tokens:
        if token in _NOISE or _COUNT.fullmatch(token):
            continue
        if found := _SPELLED_MEMORY.fullmatch(token):
            memory = int(found.group(1))
            continue
        if token in ("GB", "GIB") and left and _NUMBER.fullmatch(left[-1]):
            memory = int(left.pop())
            continue
        if spelled := _SPELLED_FORM.fullmatch(token):
            form, token = _form(spelled.group("form")), spelled.group("rest")
        if token:
            left.append(token)
    number = int(left[-1]) if left and _NUMBER.fullmatch(left[-1]) else None
    return _Spelling(
        spelling=spelling,
        name="".join(left),
        form_factor=form,
        memory_gb=memory,
        name_without_number="".join(left[:-1]) if number else "",
        number=number,
        is_slice="MIG" in tokens,
    )


def _form(token: str) -> str:
    if token in _BOARDS:
        return _BOARDS[token]
    return token if token.startswith("NVL") else token.rstrip("0123456789").replace("PCIE", "PCI")


def _as_listed(aliases: tuple[_Alias, ...], read: _Spelling, memory_gb: int | None) -> Gpu:
    """Decide by the table: the name itself is listed."""
    if any(alias.is_slice for alias in aliases):
        _refuse_slice(read.spelling)
    parts = {alias.part for alias in aliases}
    if len(parts) == 1 and (part := parts.pop()) is not None:
        return _sibling(part, memory_gb)
    return _of_models(aliases, read, memory_gb or read.memory_gb)


def _as_described(aliases: tuple[_Alias, ...], read: _Spelling, memory_gb: int | None) -> Gpu:
    """Decide by the tokens: the listed name is only what is left after form and memory."""
    part = aliases[0].part
    if len(aliases) == 1 and part is not None and _fits(part, read.form_factor):
        return _sibling(part, memory_gb)
    return _of_models(aliases, read, memory_gb)


def _sibling(part: Gpu, memory_gb: int | None) -> Gpu:
    if not part.memory_differs(memory_gb) or memory_gb is None:
        return part
    siblings = [
        other
        for other in _catalogue().parts[part.model]
        if other.form_factor == part.form_factor and not other.memory_differs(memory_gb)
    ]
    return siblings[0] if len(siblings) == 1 else part


def _of_models(aliases: Iterable[_Alias], read: _Spelling, memory_gb: int | None) -> Gpu:
    models = list(dict.fromkeys(alias.model for alias in aliases if alias.model))
    every = [part for model in models for part in _catalogue().parts[model]]
    if not every:
        raise _unknown(read.spelling, read)
    fitting = [part for part in every if _fits(part, read.form_factor)]
    if read.form_factor:  # a part of known form before one whose form nobody states
        fitting = [part for part in fitting if part.form_factor] or fitting
    if not fitting:
        sold_as = sorted({part.form_factor or "unknown form" for part in every})
        raise UnknownGpuError(
            f"{_shown(read.spelling)}: {models[0]} is known as {', '.join(sold_as)} only; "
            "correct the form factor, or add the new part to the GPU alias table",
            spelling=read.spelling,
            suggestion=models[0],
        )
    near = [part for part in fitting if memory_gb and not part.memory_differs(memory_gb)]
    return _narrowed(near or fitting, read, memory_gb=None if near else memory_gb)


def _narrowed(parts: list[Gpu], read: _Spelling, *, memory_gb: int | None) -> Gpu:
    if len(parts) == 1 and not parts[0].memory_differs(memory_gb):
        return parts[0]
    models = {part.model for part in parts}
    if len(models) > 1:
        choices = sorted({f"{part.model} ({part.memory_gb} GB)" for part in parts})
        raise UnknownGpuError(
            f"{_shown(read.spelling)} may be {', '.join(choices)}; state the memory",
            spelling=read.spelling,
            fault=GpuFault.AMBIGUOUS,
        )
    memories = {part.memory_gb for part in parts}
    forms = {part.form_factor for part in parts}
    return Gpu(
        model=models.pop(),
        part=None,
        memory_gb=memory_gb or (memories.pop() if len(memories) == 1 else None),
        form_factor=forms.pop() if len(forms) == 1 else None,
        vendor=parts[0].vendor,
    )


def _fits(part: Gpu, form: str | None) -> bool:
    if form is None or part.form_factor is None:
        return True
    return part.form_factor.startswith(form)


def _unknown(spelling: str, read: _Spelling) -> UnknownGpuError:
    close = difflib.get_close_matches(read.name[:40], sorted(known_models()), n=1)
    suggestion = close[0] if close else None
    hint = f"did you mean {suggestion}? If not, " if suggestion else ""
    return UnknownGpuError(
        f"{_shown(spelling)} is not a GPU in the alias table; {hint}correct the name, "
        "or add a row for it to the GPU alias table",
        spelling=spelling,
        suggestion=suggestion,
    )


def _refuse_slice(spelling: str) -> NoReturn:
    raise UnknownGpuError(
        f"{_shown(spelling)} is a fraction of a GPU and cannot be priced as a whole one; "
        "leave the row out",
        spelling=spelling,
        fault=GpuFault.SLICE,
    )


def _shown(spelling: str) -> str:
    return ascii(spelling if len(spelling) <= 60 else f"{spelling[:57]}...")
