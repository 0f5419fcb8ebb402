"""Asking a supplier once: what it comes to, whatever the supplier does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind, supplier_error
from providers.reading import Reading, ReadingState, read
from providers.supplier import Answer, Ask, Fetched, Page, Place, PlaceState, Profile
from tests.readings import RecordedSupplier, an_offer

BEGUN = datetime(2026, 11, 20, 8, tzinfo=UTC)


def an_access() -> Access:
    """An access whose clock moves on by a second whenever it is looked at."""
    ticks = iter(range(100))
    return Access(now=lambda: BEGUN + timedelta(seconds=next(ticks)))


def read_with(*places: Place) -> Reading:
    return read(RecordedSupplier("northwind", an_offer(), places=places), Ask(), an_access())


def a_place(state: PlaceState, region: str = "east", kind: ErrorKind | None = None) -> Place:
    code = None if kind is None else f"{kind}-code"
    return Place(region=region, state=state, kind=kind, code=code, message=code)


class Unreadable(RecordedSupplier):
    """Answers something that its parser does not know."""

    def parse(self, pages: Sequence[Page]) -> Answer:
        raise AnswerChanged("list: data: Field required", supplier="northwind")


def test_an_answer_is_kept_with_its_pages_and_when_it_was_asked_for() -> None:
    reading = read_with(a_place(PlaceState.OK))

    assert reading.state is ReadingState.OK
    assert reading.started_at == BEGUN
    assert reading.finished_at > reading.started_at
    assert [page.call for page in reading.pages] == ["list"]
    assert reading.answer.offers == (an_offer(),)
    assert (reading.kind, reading.code, reading.message) == (None, None, None)


def test_requests_are_counted_by_how_they_ended() -> None:
    def asked(access: Access) -> None:
        for code in ("429", "200", "200"):
            access.heard(code)

    supplier = RecordedSupplier("northwind", an_offer(), before=asked)

    assert read(supplier, Ask(), an_access()).requests == {"200": 2, "429": 1}


def test_of_a_library_that_keeps_them_to_itself_pages_and_faults_are_counted() -> None:
    failed = a_place(PlaceState.FAILED, "west", ErrorKind.THROTTLED)

    assert read_with(a_place(PlaceState.OK), failed).requests == {"ok": 1, "throttled": 1}


def test_a_supplier_without_credentials_is_not_asked_and_is_no_fault() -> None:
    def asked(_access: Access) -> None:
        pytest.fail("it was asked")

    supplier = RecordedSupplier("northwind", missing=("TONNAGE_NORTHWIND_KEY",), before=asked)

    reading = read(supplier, Ask(), an_access())

    assert reading.state is ReadingState.NOT_CONFIGURED
    assert reading.missing == ("TONNAGE_NORTHWIND_KEY",)
    assert reading.kind is None


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_supplier_that_refuses_altogether_is_a_failed_reading(kind: ErrorKind) -> None:
    def refuse(_access: Access) -> None:
        raise supplier_error(kind, "list: no", supplier="northwind", code="E1")

    reading = read(RecordedSupplier("northwind", before=refuse), Ask(), an_access())

    assert reading.state is ReadingState.FAILED
    assert (reading.kind, reading.message) == (kind, "list: no")
    assert reading.code == (None if kind is ErrorKind.CONTRACT else "E1")
    assert reading.answer == Answer()


def test_pages_that_cannot_be_read_are_kept_to_see_what_has_changed() -> None:
    reading = read(Unreadable("northwind"), Ask(), an_access())

    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.CONTRACT)
    assert reading.message == "list: data: Field required"
    assert len(reading.pages) == 1
    assert reading.places == ()


def test_our_own_mistakes_are_not_reported_as_the_suppliers() -> None:
    class Broken(RecordedSupplier):
        def fetch(self, ask: Ask, access: Access) -> Fetched:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read(Broken("northwind"), Ask(), an_access())


def test_of_several_faults_a_failure_is_told_before_a_part_and_a_skipped_region_never() -> None:
    skipped = a_place(PlaceState.SKIPPED, "a", ErrorKind.REGION_NOT_ENABLED)
    partial = a_place(PlaceState.PARTIAL, "b", ErrorKind.THROTTLED)
    failed = a_place(PlaceState.FAILED, "c", ErrorKind.PERMISSION)

    assert read_with(skipped, partial, failed).kind is ErrorKind.PERMISSION
    assert read_with(skipped, partial).kind is ErrorKind.THROTTLED
    assert read_with(skipped).kind is None
    assert read_with(skipped, failed).code == "permission-code"


@given(states=st.lists(st.sampled_from(PlaceState), max_size=5))
def test_a_reading_is_whole_or_in_part_or_failed_as_its_places_are(
    states: list[PlaceState],
) -> None:
    places = [a_place(state, region=str(number)) for number, state in enumerate(states)]
    tried = {state for state in states if state is not PlaceState.SKIPPED}

    state = read_with(*places).state

    if tried <= {PlaceState.OK}:
        assert state is ReadingState.OK
    elif tried == {PlaceState.FAILED}:
        assert state is ReadingState.FAILED
    else:
        assert state is ReadingState.PARTIAL


def test_a_profile_is_all_that_a_reading_needs_to_name_its_supplier() -> None:
    class Other(RecordedSupplier):
        @property
        def profile(self) -> Profile:
            return RecordedSupplier("harbor").profile

    assert read(Other("northwind"), Ask(), an_access()).supplier == "harbor"
