"""Lists that do not fit in one answer: read to the end, never for ever, and honest when cut off."""

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import AnswerChanged, ErrorKind, supplier_error
from providers.http import Answered
from providers.paging import (
    MOST_PAGES,
    by_cursor,
    by_number,
    failed,
    gathered,
    joined,
    only,
    softened,
)
from providers.supplier import Fetched, Page, Place, PlaceState
from tests.providers.counterpart import NOW

DOWN = supplier_error(ErrorKind.TRANSIENT, "list: down", supplier="acme", code="503")


def a_page(name: object) -> Page:
    return Page(call="list", url="u", body=str(name).encode(), fetched_at=NOW)


def names(pages: Sequence[Page]) -> list[str]:
    return [page.body.decode() for page in pages]


Listing = Mapping[str, Any]


def cursors(following: Mapping[str | None, str | None]) -> list[str]:
    """Return the pages of a list in which each cursor names the next."""

    def ask(cursor: str | None) -> Answered:
        return Answered(page=a_page(cursor), content=following[cursor], headers={})

    return names(list(by_cursor(ask, lambda answered: answered.content, supplier="acme")))


def numbered(*listings: Listing, page_size: int = 2) -> list[str]:
    """Return the pages of a numbered list; each listing has `rows` and perhaps a `total`."""

    def ask(number: int) -> Answered:
        content = listings[number - 1] if number <= len(listings) else {"rows": 0}
        return Answered(page=a_page(number), content=content, headers={})

    pages = by_number(
        ask,
        lambda content: content["rows"],
        page_size=page_size,
        total_of=lambda content: content.get("total"),
        supplier="acme",
    )
    return names(list(pages))


def a_fetch(*states: tuple[str | None, PlaceState], page: object = "p") -> Fetched:
    places = tuple(Place(region=region, state=state) for region, state in states)
    return Fetched(pages=(a_page(page),), places=places)


# Cursors


def test_a_list_is_read_from_cursor_to_cursor_until_none_is_named() -> None:
    assert cursors({None: "b", "b": "c", "c": None}) == ["None", "b", "c"]


def test_an_empty_cursor_is_the_end_too() -> None:
    assert cursors({None: ""}) == ["None"]


def test_a_cursor_that_comes_twice_stops_the_list() -> None:
    with pytest.raises(AnswerChanged, match="follows twice"):
        cursors({None: "b", "b": "c", "c": "b"})


def test_an_empty_page_that_names_a_next_one_is_no_end() -> None:
    contents: dict[str | None, dict[str, Any]] = {
        None: {"rows": [], "next": "b"},
        "b": {"rows": [1], "next": None},
    }

    def ask(cursor: str | None) -> Answered:
        return Answered(page=a_page(cursor), content=contents[cursor], headers={})

    pages = list(by_cursor(ask, lambda answered: answered.content["next"], supplier="acme"))

    assert names(pages) == ["None", "b"]


def test_cursors_that_never_end_are_stopped() -> None:
    endless: dict[str | None, str | None] = {None: "0"}
    endless |= {str(number): str(number + 1) for number in range(MOST_PAGES)}

    with pytest.raises(AnswerChanged, match=f"more than {MOST_PAGES} pages"):
        cursors(endless)


@given(count=st.integers(min_value=1, max_value=30))
def test_every_page_of_a_list_is_read_once_and_in_order(count: int) -> None:
    following: dict[str | None, str | None] = {None: "1"}
    following |= {str(number): str(number + 1) for number in range(1, count)}
    following[str(count)] = None

    assert cursors(following) == ["None", *map(str, range(1, count + 1))]


# Page numbers


def test_a_short_page_is_the_last() -> None:
    assert numbered({"rows": 2}, {"rows": 1}, {"rows": 2}) == ["1", "2"]


def test_a_full_last_page_is_followed_by_an_empty_one() -> None:
    assert numbered({"rows": 2}, {"rows": 2}, {"rows": 0}) == ["1", "2", "3"]


def test_a_stated_total_is_reached_whatever_the_size_of_the_pages() -> None:
    pages = ({"rows": 1, "total": 4}, {"rows": 1, "total": 4}, {"rows": 2, "total": 4})

    assert numbered(*pages) == ["1", "2", "3"]


@pytest.mark.parametrize(("second", "read"), [(3, 2), (4, 2), (5, 3)])
def test_of_a_total_that_changes_between_pages_the_last_one_counts(second: int, read: int) -> None:
    pages = ({"rows": 2, "total": 4}, {"rows": 2, "total": second}, {"rows": 1, "total": 5})

    assert len(numbered(*pages)) == read


def test_a_list_that_ends_before_its_total_is_not_taken_for_whole() -> None:
    with pytest.raises(AnswerChanged, match="ended after 2 of 5 rows"):
        numbered({"rows": 2, "total": 5}, {"rows": 0, "total": 5})


def test_an_empty_list_is_whole() -> None:
    assert numbered({"rows": 0}) == ["1"]
    assert numbered({"rows": 0, "total": 0}) == ["1"]


def test_numbers_that_never_end_are_stopped() -> None:
    with pytest.raises(AnswerChanged, match=f"more than {MOST_PAGES} pages"):
        numbered(*[{"rows": 2}] * (MOST_PAGES + 1))


# What came


def coming(*answers: Page | Exception) -> Callable[[], Fetched]:
    def pages() -> Any:
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer

    return lambda: gathered(pages(), region="us-east")


def test_a_list_read_to_its_end_leaves_the_place_whole() -> None:
    fetched = coming(a_page(1), a_page(2))()

    assert names(fetched.pages) == ["1", "2"]
    assert fetched.places == (Place(region="us-east", state=PlaceState.OK),)


def test_a_second_page_that_fails_leaves_the_place_partial_and_keeps_the_first() -> None:
    fetched = coming(a_page(1), DOWN)()

    assert names(fetched.pages) == ["1"]
    assert fetched.places == (
        Place(
            region="us-east",
            state=PlaceState.PARTIAL,
            kind=ErrorKind.TRANSIENT,
            code="503",
            message="list: down",
        ),
    )


def test_a_first_page_that_fails_leaves_the_place_failed() -> None:
    fetched = coming(DOWN)()

    assert fetched.pages == ()
    assert [place.state for place in fetched.places] == [PlaceState.FAILED]


def test_our_own_mistakes_are_not_taken_for_the_suppliers() -> None:
    with pytest.raises(ZeroDivisionError):
        coming(a_page(1), ZeroDivisionError())()


def test_the_one_page_of_a_list_is_asked_for_when_wanted_and_kept_only_if_readable() -> None:
    asked: list[str] = []

    def ask() -> Answered:
        asked.append("list")
        return Answered(page=a_page(1), content=None, headers={})

    def unreadable(_page: Page) -> None:
        raise AnswerChanged("list: changed", supplier="acme")

    pages = only(ask)
    assert asked == []
    assert names(list(pages)) == ["1"]
    assert gathered(only(ask, reading=unreadable), region=None).pages == ()


# Several questions as one

STATES = st.tuples(st.sampled_from([None, "east", "west"]), st.sampled_from(PlaceState))
PARTS = st.lists(st.lists(STATES, max_size=4), max_size=4)
WORSE = [PlaceState.OK, PlaceState.SKIPPED, PlaceState.PARTIAL, PlaceState.FAILED]


@given(parts=PARTS)
def test_joined_keeps_every_page_and_the_worst_state_of_each_region(
    parts: list[list[tuple[str | None, PlaceState]]],
) -> None:
    fetched = [a_fetch(*part, page=number) for number, part in enumerate(parts)]
    told = [state for part in parts for state in part]

    for order in permutations(fetched):
        whole = joined(*order)

        assert sorted(names(whole.pages)) == [str(number) for number in range(len(parts))]
        assert {place.region: place.state for place in whole.places} == {
            region: max((state for where, state in told if where == region), key=WORSE.index)
            for region, _ in told
        }
        assert len(whole.places) == len({region for region, _ in told})


def test_what_others_can_do_without_makes_the_whole_partial_and_says_why() -> None:
    stock = softened(Fetched(pages=(), places=(failed("east", DOWN),)))

    whole = joined(a_fetch(("east", PlaceState.OK)), stock)

    assert [(place.state, place.kind, place.message) for place in whole.places] == [
        (PlaceState.PARTIAL, ErrorKind.TRANSIENT, "list: down")
    ]


@given(part=st.lists(STATES, max_size=4))
def test_softening_changes_nothing_but_failures(
    part: list[tuple[str | None, PlaceState]],
) -> None:
    fetched = a_fetch(*part)

    for before, after in zip(fetched.places, softened(fetched).places, strict=True):
        failing = before.state is PlaceState.FAILED
        assert after.state is (PlaceState.PARTIAL if failing else before.state)
        assert after.region == before.region
    assert softened(fetched).pages == fetched.pages
