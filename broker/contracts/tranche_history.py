"""How the deliveries of a line come to be and change; `line_history` does the same for its rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from broker.contracts.line import Line, ReturnedGpus, Tranche
from broker.contracts.line_terms import LineTerms
from broker.errors import RefusedError


def tranches_of(terms: LineTerms, accepted: Mapping[int, date]) -> Iterator[Tranche]:
    """Yield the deliveries that terms promise, with the days on which some were accepted."""
    if not terms.tranches:
        yield Tranche(
            tranche_no=1,
            gpu_count=terms.gpu_count,
            delivery_on=terms.start_date,
            site=terms.site,
            accepted_on=accepted.get(1),
        )
    for tranche in terms.tranches:
        yield Tranche(
            tranche_no=tranche.tranche_no,
            gpu_count=tranche.gpu_count,
            delivery_on=tranche.delivery_date,
            accept_by=tranche.accept_by_date,
            drop_dead_on=tranche.drop_dead_date,
            late_credit_pct_per_week=tranche.late_credit_pct_per_week,
            site=tranche.site,
            accepted_on=accepted.get(tranche.tranche_no),
        )


def accepted_days(line: Line) -> dict[int, date]:
    """Return on which day each tranche was accepted, by its number."""
    return {t.tranche_no: t.accepted_on for t in line.tranches if t.accepted_on is not None}


def changed_tranches(line: Line, terms: LineTerms, since: date) -> tuple[Tranche, ...]:
    """Return the deliveries of a line whose terms change on a day.

    Terms that list no tranches change those of a line in one delivery: more GPUs come as one more
    tranche on that day, fewer are taken from the last ones, and what was not accepted yet moves
    with the first day of the line. Raises RefusedError for a line that was signed in tranches.
    """
    if terms.tranches:
        return tuple(tranches_of(terms, accepted_days(line)))
    if line.terms.tranches:
        raise RefusedError(
            f"line {line.line_no} was signed in tranches; the amendment must list them all"
        )
    moved = [_moved(tranche, line, terms) for tranche in line.tranches]
    more = terms.gpu_count - line.gpu_count
    if more > 0:
        number = max(tranche.tranche_no for tranche in moved) + 1
        extra = Tranche(tranche_no=number, gpu_count=more, delivery_on=max(since, terms.start_date))
        return (*moved, replace(extra, site=terms.site))
    return tuple(_first(moved, terms.gpu_count))


def returned_gpus(
    line: Line, tranches: tuple[Tranche, ...], since: date
) -> tuple[ReturnedGpus, ...]:
    """Return what was in service before a day and no longer is afterwards, by what remains."""
    left = {tranche.tranche_no: tranche.gpu_count for tranche in tranches}
    fresh = tuple(
        ReturnedGpus(
            gpu_count=tranche.gpu_count - left.get(tranche.tranche_no, 0),
            delivery_on=tranche.delivery_on,
            accepted_on=tranche.accepted_on,
            returned_on=since,
        )
        for tranche in line.tranches
        if tranche.gpu_count > left.get(tranche.tranche_no, 0)
        and (tranche.accepted_on or tranche.delivery_on) < since
    )
    return (*line.returned, *fresh)


def corrected_tranches(line: Line, terms: LineTerms) -> tuple[Tranche, ...]:
    """Return the deliveries as corrected terms promise them, accepted where they were.

    A delivery in one piece that was accepted on the first day moves with that day.
    """
    accepted = accepted_days(line)
    if not terms.tranches and accepted.get(1) == line.start_on:
        accepted[1] = terms.start_date
    return tuple(tranches_of(terms, accepted))


def check_keeps_accepted(line: Line, tranches: tuple[Tranche, ...]) -> None:
    """Raise RefusedError if a correction would lose a delivery that did take place."""
    lost = sorted(accepted_days(line).keys() - {tranche.tranche_no for tranche in tranches})
    if lost:
        raise RefusedError(
            f"tranche {lost[0]} of line {line.line_no} was accepted, so a correction must keep it; "
            "list it, or give it back by an amendment"
        )


def accepted_line(line: Line, payload: Mapping[str, Any]) -> Line:
    """Return the line with one tranche accepted, on a day for which it has a price."""
    number, day = payload["tranche_no"], date.fromisoformat(payload["accepted_on"])
    if number not in {tranche.tranche_no for tranche in line.tranches}:
        numbers = ", ".join(str(tranche.tranche_no) for tranche in line.tranches)
        raise RefusedError(f"line {line.line_no} has no tranche {number}; it has {numbers}")
    return replace(
        line,
        tranches=tuple(
            _accepted(line, tranche, day) if tranche.tranche_no == number else tranche
            for tranche in line.tranches
        ),
    )


def _accepted(line: Line, tranche: Tranche, day: date) -> Tranche:
    which = f"tranche {tranche.tranche_no} of line {line.line_no}"
    if tranche.accepted_on is not None:
        raise RefusedError(f"{which} was already accepted on {tranche.accepted_on}")
    if line.end_on is not None and day >= line.end_on:
        raise RefusedError(
            f"{which} cannot be accepted on {day}: the last day of service is "
            f"{line.last_day_of_service}; check the day"
        )
    if line.base_price_of(tranche.tranche_no, day) is None:
        raise RefusedError(
            f"{which} cannot be accepted on {day}: its price holds from its delivery day, "
            f"{tranche.delivery_on}, on; accept it on that day or later, or first amend the line "
            "to an earlier delivery day"
        )
    return replace(tranche, accepted_on=day)


def _moved(tranche: Tranche, line: Line, terms: LineTerms) -> Tranche:
    first = tranche.accepted_on is None and tranche.delivery_on == line.start_on
    return replace(
        tranche,
        delivery_on=terms.start_date if first else tranche.delivery_on,
        site=terms.site,
    )


def _first(tranches: list[Tranche], gpus: int) -> Iterator[Tranche]:
    """Yield the first tranches up to a number of GPUs, the last of them cut to fit."""
    for tranche in tranches:
        taken = min(tranche.gpu_count, gpus)
        if taken:
            yield replace(tranche, gpu_count=taken)
        gpus -= taken
