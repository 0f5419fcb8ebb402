"""Reads lists that do not fit in one answer, to the end, and says when the end was not reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from providers.errors import AnswerChanged, SupplierError
from providers.http import Answered
from providers.supplier import Fetched, Page, Place, PlaceState

MOST_PAGES: Final = 1000


def only(
    ask: Callable[[], Answered], *, reading: Callable[[Page], object] | None = None
) -> Iterator[Page]:
    """Yield the one page of a list that comes whole; nothing is asked before it is wanted.

    `reading` is tried before the page is kept: for lists that others can do without, which must
    not take the others along when their shape has changed.
    """
    page = ask().page
    if reading is not None:
        reading(page)
    yield page


def by_cursor(
    ask: Callable[[str | None], Answered],
    next_of: Callable[[Answered], str | None],
    *,
    supplier: str,
) -> Iterator[Page]:
    """Yield pages until none names a next one: a cursor, a link or a token.

    A cursor that comes twice would never end: it raises AnswerChanged. An empty page that names a
    next one is no end.
    """
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        answered = ask(cursor)
        yield answered.page
        cursor = next_of(answered)
        if not cursor:
            return
        if cursor in seen:
            raise AnswerChanged(
                f"{answered.page.call}: the same page follows twice", supplier=supplier
            )
        seen.add(cursor)
    raise AnswerChanged(f"more than {MOST_PAGES} pages", supplier=supplier)


def by_number(
    ask: Callable[[int], Answered],
    rows_of: Callable[[Any], int],
    *,
    page_size: int,
    total_of: Callable[[Any], int | None] = lambda _content: None,
    supplier: str,
) -> Iterator[Page]:
    """Yield pages 1, 2, … until one is short and the stated total, if any, has been reached.

    The total may change between two pages: the last one stated counts. An empty page before it is
    reached raises AnswerChanged: what is missing is not gone.
    """
    rows = 0
    for number in range(1, MOST_PAGES + 1):
        answered = ask(number)
        yield answered.page
        found, total = rows_of(answered.content), total_of(answered.content)
        rows += found
        if found < page_size if total is None else rows >= total:
            return
        if found == 0:
            raise AnswerChanged(
                f"{answered.page.call}: the list ended after {rows} of {total} rows",
                supplier=supplier,
            )
    raise AnswerChanged(f"more than {MOST_PAGES} pages", supplier=supplier)


def gathered(pages: Iterable[Page], *, region: str | None) -> Fetched:
    """Return the pages of one region as far as they came, and how that went.

    A failure after the first page leaves a partial place: what is absent may still be there.
    """
    came: list[Page] = []
    try:
        for page in pages:
            came.append(page)
    except SupplierError as error:
        return Fetched(pages=tuple(came), places=(failed(region, error, partly=bool(came)),))
    return Fetched(pages=tuple(came), places=(Place(region=region, state=PlaceState.OK),))


def failed(region: str | None, error: SupplierError, *, partly: bool = False) -> Place:
    """Return the place of a region that could not be read, or only partly."""
    return Place(
        region=region,
        state=PlaceState.PARTIAL if partly else PlaceState.FAILED,
        kind=error.kind,
        code=error.code,
        message=str(error),
    )


def joined(*parts: Fetched) -> Fetched:
    """Return the pages of several questions as one; each region has the worst of its states."""
    worst = (PlaceState.OK, PlaceState.SKIPPED, PlaceState.PARTIAL, PlaceState.FAILED)
    places: dict[str | None, Place] = {}
    for place in (place for part in parts for place in part.places):
        known = places.get(place.region)
        if known is None or worst.index(place.state) > worst.index(known.state):
            places[place.region] = place
    return Fetched(
        pages=tuple(page for part in parts for page in part.pages), places=tuple(places.values())
    )


def softened(part: Fetched) -> Fetched:
    """Return an answer that others can do without: where it failed, the whole is only partial."""
    return Fetched(
        pages=part.pages,
        places=tuple(
            Place(
                region=place.region,
                state=PlaceState.PARTIAL if place.state is PlaceState.FAILED else place.state,
                kind=place.kind,
                code=place.code,
                message=place.message,
            )
            for place in part.places
        ),
    )
