"""One supplier, one key, however its name is written.

"Harbor Compute", "HARBOR COMPUTE, INC." and "Harbor-Compute" are one supplier. Names that are only
similar are two: near matches need a person and are not made here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from broker.contracts.sheets.issue import CellRefusedError, Code

_LEGAL_FORMS = """
ab ag aps as asa bv co company corp corporation gmbh inc incorporated kg kk limited llc llp lp
ltd nv oy oyj plc pte pty sa sarl sas se spa srl ulc
"""
_DROPPED = frozenset(".'\u2019`\u00b4")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSupplier:
    """A supplier of the books: its key, and other names it goes by."""

    key: str
    aliases: Sequence[str] = ()


def supplier_slug(name: str) -> str:
    """Return the folded name: lower case, no accents, no legal form, words joined by dashes."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(
        mark for mark in plain if not unicodedata.combining(mark) and mark not in _DROPPED
    )
    words = "".join(mark if mark.isalnum() else " " for mark in kept.casefold()).split()
    forms = _LEGAL_FORMS.split()
    while len(words) > 1 and words[-1] in forms:
        words.pop()
    return "-".join(words)


def supplier_names(suppliers: Sequence[KnownSupplier]) -> Callable[[str], str]:
    """Return a reader of supplier cells: a known name gives its key, a new one its own slug."""
    keys: dict[str, set[str]] = {}
    for supplier in suppliers:
        for name in (supplier.key, *supplier.aliases):
            keys.setdefault(supplier_slug(name), set()).add(supplier.key)

    def supplier_key(name: str) -> str:
        slug = supplier_slug(name)
        if not slug:
            raise CellRefusedError(
                Code.UNKNOWN_VALUE, "the supplier has no letter or digit; write its name"
            )
        found = keys.get(slug, {slug})
        if len(found) > 1:
            raise CellRefusedError(
                Code.UNKNOWN_VALUE,
                f"{name!r} is a name of {' and '.join(sorted(found))}; write the key of one",
            )
        return next(iter(found))

    return supplier_key
