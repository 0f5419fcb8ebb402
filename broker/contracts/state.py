"""The states of a contract and the only moves between them.

    draft ──▶ quoted ──▶ signed ──▶ active ⇄ in_notice ──▶ expired | renewed
      │         │          │          │         │
      ▼         ▼          ▼          └────┬────┘
  withdrawn  lapsed    terminated ◀────────┘

`signed → active` happens on the first accepted tranche; `active → in_notice` when notice is
recorded with evidence; `in_notice → active` only when a notice is taken back.
"""

from __future__ import annotations

from enum import StrEnum

from broker.errors import RefusedError


class ContractState(StrEnum):
    """Where a contract stands in its life."""

    DRAFT = "draft"
    QUOTED = "quoted"
    SIGNED = "signed"
    ACTIVE = "active"
    IN_NOTICE = "in_notice"
    EXPIRED = "expired"
    RENEWED = "renewed"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    TERMINATED = "terminated"


NEXT: dict[ContractState, frozenset[ContractState]] = {
    ContractState.DRAFT: frozenset(
        {ContractState.QUOTED, ContractState.SIGNED, ContractState.WITHDRAWN}
    ),
    ContractState.QUOTED: frozenset(
        {ContractState.SIGNED, ContractState.LAPSED, ContractState.WITHDRAWN}
    ),
    ContractState.SIGNED: frozenset({ContractState.ACTIVE, ContractState.TERMINATED}),
    ContractState.ACTIVE: frozenset(
        {
            ContractState.IN_NOTICE,
            ContractState.EXPIRED,
            ContractState.RENEWED,
            ContractState.TERMINATED,
        }
    ),
    ContractState.IN_NOTICE: frozenset(
        {
            ContractState.ACTIVE,
            ContractState.EXPIRED,
            ContractState.RENEWED,
            ContractState.TERMINATED,
        }
    ),
    ContractState.EXPIRED: frozenset(),
    ContractState.RENEWED: frozenset(),
    ContractState.WITHDRAWN: frozenset(),
    ContractState.LAPSED: frozenset(),
    ContractState.TERMINATED: frozenset(),
}

EDITABLE = frozenset({ContractState.DRAFT, ContractState.QUOTED})
"""Before signature terms may be restated; afterwards they only change by amendment."""

IN_FORCE = frozenset({ContractState.SIGNED, ContractState.ACTIVE, ContractState.IN_NOTICE})
"""Signed and not over: the states in which a contract binds both sides."""

OVER = frozenset(state for state, following in NEXT.items() if not following)
"""Nothing follows on these: terms no longer change, they can only have been recorded wrongly."""

ENDED = frozenset({ContractState.EXPIRED, ContractState.RENEWED})
"""Over because the last day of service has passed, which the calendar records."""

DELIVERED_BY_IMPORT = frozenset(
    {
        ContractState.ACTIVE,
        ContractState.IN_NOTICE,
        ContractState.EXPIRED,
        ContractState.RENEWED,
        ContractState.TERMINATED,
    }
)
"""A line recorded in one of these without tranche rows was delivered in full on its first day."""


def is_no_news(said: ContractState, *, state: ContractState, stated: ContractState) -> bool:
    """Say whether what a sheet says of a contract's state is what was so, or was said, before.

    `stated` is what a person or a sheet said last. Where the calendar has ended the contract since,
    a sheet that still calls it in force is only older.
    """
    ended_by_calendar = state in ENDED and state is not stated
    return said in (state, stated) or (ended_by_calendar and said in IN_FORCE)


def check_move(before: ContractState, after: ContractState) -> None:
    """Raise RefusedError unless the graph has an edge from `before` to `after`."""
    if after in NEXT[before]:
        return
    ways = ", ".join(sorted(NEXT[before])) or "none: it is final"
    raise RefusedError(
        f"a contract that is {before} cannot become {after}; possible from here: {ways}"
    )
