"""What amendments, corrections and tacit renewals do to a line, its prices and its deliveries."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.contract import Contract
from broker.contracts.event import Event, EventDraft, seal
from broker.contracts.fold import believed_at, fold
from broker.contracts.line import Line
from broker.contracts.line_terms import LineTerms
from broker.contracts.state import ContractState
from broker.errors import RefusedError
from tests.broker.contracts.happenings import (
    END,
    START,
    a_contract,
    amended,
    amendment_approved,
    amendment_proposed,
    contract_of,
    corrected,
    ended,
    in_tranches,
    restated,
    rolled,
    the_line,
    tranche_accepted,
)
from tests.builders import (
    NOON,
    contract_recorded,
    line_recorded,
    some_terms,
    state_changed,
)

JULY, DECEMBER = date(2026, 7, 1), date(2026, 12, 1)
A_DAY = timedelta(days=1)
ROLLED = rolled(date(2027, 9, 30))
NEXT_END = date(2027, 10, 1)
dear = some_terms(unit_price=Decimal("2.95"))
days = st.dates(START, END - A_DAY)


def price(line: Line, on: date) -> str | None:
    found = line.price_on(on)
    return None if found is None else str(found.amount)


def amended_by(terms: LineTerms, since: date, *before: EventDraft) -> Line:
    return the_line(*before, *amended(terms, since))


def test_an_amended_price_holds_from_its_day_on_and_not_before() -> None:
    line = amended_by(dear, JULY)

    assert [price(line, day) for day in (START, JULY - A_DAY, JULY, END - A_DAY, END)] == [
        "2.63",
        "2.63",
        "2.95",
        "2.95",
        None,
    ]


def test_two_amendments_leave_three_prices() -> None:
    line = the_line(
        *amended(dear, date(2026, 3, 1)), *amended(some_terms(unit_price=Decimal("3.15")), JULY)
    )

    assert [str(each.price_per_gpu_hour) for each in line.live_prices] == ["2.63", "2.95", "3.15"]
    assert [each.valid_to for each in line.live_prices] == [date(2026, 3, 1), JULY, END]


def test_what_an_amendment_replaced_stays_on_record() -> None:
    line = amended_by(dear, JULY)

    replaced = [each for each in line.prices if each.superseded_at is not None]
    assert [(each.valid_from, each.valid_to) for each in replaced] == [(START, END)]
    assert replaced[0].superseded_at == NOON


def test_an_amendment_may_extend_a_line() -> None:
    line = amended_by(some_terms(end_date=date(2027, 3, 31)), JULY)

    assert line.last_day_of_service == date(2027, 3, 31)
    assert price(line, date(2027, 3, 31)) == "2.63"


def test_an_amendment_that_counts_after_the_new_end_is_refused() -> None:
    with pytest.raises(RefusedError, match="would not add up"):
        amended_by(some_terms(end_date=date(2026, 5, 31)), JULY)


def test_more_gpus_come_as_one_more_tranche_on_the_day_of_the_amendment() -> None:
    line = amended_by(some_terms(gpu_count=1536), JULY)

    assert [(t.tranche_no, t.gpu_count, t.delivery_on) for t in line.tranches] == [
        (1, 1024, START),
        (2, 512, JULY),
    ]
    assert line.accepted_by(JULY) == 1024
    assert line.delivered_on(JULY) == 1536


def test_fewer_gpus_serve_from_the_day_of_the_amendment_and_not_before() -> None:
    line = amended_by(some_terms(gpu_count=256), JULY)

    assert line.gpu_count == 256
    assert [line.accepted_by(day) for day in (START, JULY - A_DAY, JULY, END)] == [
        1024,
        1024,
        256,
        0,
    ]


def test_gpus_that_an_amendment_takes_back_before_they_came_were_never_ours() -> None:
    signed = contract_of(
        line_recorded(some_terms(start_date=JULY, gpu_count=1024)),
        *amended(some_terms(start_date=JULY, gpu_count=256), date(2026, 6, 1)),
        state="signed",
    ).line(1)

    assert signed.returned == ()
    assert signed.delivered_on(JULY) == 256


def test_a_start_that_slips_takes_the_delivery_with_it() -> None:
    later = date(2026, 8, 1)
    line = contract_of(
        line_recorded(some_terms(start_date=JULY)),
        *amended(some_terms(start_date=later), date(2026, 6, 1)),
        state="signed",
    ).line(1)

    assert line.tranches[0].delivery_on == later
    assert (price(line, JULY), price(line, later)) == (None, "2.63")


def test_a_delivery_that_took_place_does_not_slip() -> None:
    with pytest.raises(RefusedError, match="no base price holds"):
        amended_by(some_terms(start_date=JULY), date(2025, 9, 1))


def test_an_amendment_in_tranches_keeps_what_was_accepted() -> None:
    line = amended_by(in_tranches((1024, START), (512, JULY)), date(2026, 6, 1))

    assert [t.accepted_on for t in line.tranches] == [START, None]
    assert line.accepted_by(JULY) == 1024


def test_an_accepted_tranche_that_an_amendment_leaves_out_was_given_back_on_that_day() -> None:
    signed = in_tranches((512, START), (512, date(2026, 1, 1)))
    smaller = in_tranches((512, START))
    line = contract_of(
        line_recorded(signed),
        tranche_accepted(START),
        tranche_accepted(date(2026, 1, 1), tranche_no=2),
        *amended(smaller, JULY),
    ).line(1)

    assert [line.accepted_by(day) for day in (START, date(2026, 1, 1), JULY - A_DAY, JULY)] == [
        512,
        1024,
        1024,
        512,
    ]


def test_a_line_in_tranches_is_amended_tranche_by_tranche() -> None:
    signed = line_recorded(in_tranches((512, START), (512, JULY)))

    with pytest.raises(RefusedError, match="must list them all"):
        contract_of(signed, *amended(some_terms(gpu_count=1024), JULY))


@given(since=days, gpus=st.integers(1, 3000), asked=days)
def test_an_amendment_never_changes_what_served_before_it(
    since: date, gpus: int, asked: date
) -> None:
    line = amended_by(some_terms(gpu_count=gpus), since)

    expected = 1024 if asked < since else min(gpus, 1024)
    assert line.accepted_by(asked) == expected
    assert sum(tranche.gpu_count for tranche in line.tranches) == gpus


# Corrections


def test_a_correction_counts_from_the_start() -> None:
    line = the_line(corrected(dear))

    assert price(line, START) == "2.95"
    assert [str(each.price_per_gpu_hour) for each in line.live_prices] == ["2.95"]
    assert line.source == "contracts.csv:3"


def test_a_correction_moves_a_delivery_that_was_taken_for_granted() -> None:
    line = the_line(corrected(some_terms(start_date=date(2025, 11, 1))))

    assert line.tranches[0].accepted_on == date(2025, 11, 1)
    assert line.accepted_by(START) == 0


def test_a_correction_after_an_amendment_leaves_the_time_before_it_alone() -> None:
    right = some_terms(unit_price=Decimal("2.85"), region="us-east")
    line = the_line(*amended(dear, JULY), corrected(right))

    assert (price(line, JULY - A_DAY), price(line, JULY)) == ("2.63", "2.85")
    assert line.region == "us-east"


def test_a_correction_after_an_amendment_does_not_touch_the_number_of_gpus() -> None:
    more = some_terms(gpu_count=1536)

    with pytest.raises(RefusedError, match="propose an amendment"):
        the_line(*amended(more, JULY), corrected(some_terms(gpu_count=1280)))


def test_a_correction_keeps_a_delivery_that_took_place() -> None:
    signed = line_recorded(in_tranches((512, START), (512, START)))

    with pytest.raises(RefusedError, match="tranche 2 of line 1 was accepted"):
        contract_of(
            signed,
            tranche_accepted(START, tranche_no=2),
            corrected(in_tranches((1024, START))),
        )


def test_a_correction_settles_the_amendment_that_said_the_same() -> None:
    other = amendment_proposed(some_terms(region="us-east"), name="b", line_no=2)
    contract = contract_of(
        line_recorded(),
        line_recorded(line_no=2),
        amendment_proposed(dear),
        other,
        corrected(dear),
    )

    assert [each.id for each in contract.amendments] == ["b"]


def test_an_amendment_that_says_more_than_the_correction_stays() -> None:
    contract = a_contract(amendment_proposed(dear), corrected(some_terms(region="us-east")))

    assert [each.id for each in contract.amendments] == ["a1"]


@pytest.mark.parametrize("state", ["draft", "quoted"])
def test_terms_of_a_draft_are_restated_and_not_corrected(state: str) -> None:
    assert price(the_line(restated(dear), state=state), START) == "2.95"
    with pytest.raises(RefusedError, match="before signature terms are restated"):
        the_line(corrected(dear), state=state)


@pytest.mark.parametrize("state", ["signed", "active", "in_notice", "expired"])
def test_signed_terms_are_not_restated(state: str) -> None:
    with pytest.raises(RefusedError, match="by amendment only"):
        the_line(restated(dear), state=state)


@pytest.mark.parametrize("state", ["expired", "renewed", "terminated", "withdrawn", "lapsed"])
def test_what_is_over_is_corrected_and_not_amended(state: str) -> None:
    assert price(the_line(corrected(dear), state=state), START) == "2.95"
    with pytest.raises(RefusedError, match="import a correction"):
        a_contract(amendment_proposed(dear), state=state)


def test_an_amendment_that_waited_until_somebody_ended_it_is_not_approved_any_more() -> None:
    with pytest.raises(RefusedError, match="terminated"):
        a_contract(amendment_proposed(dear), ended("terminated"), amendment_approved(JULY))


LATE = ended("expired", by_calendar=True)
LONGER = some_terms(end_date=date(2027, 9, 30))


def test_an_extension_that_is_entered_late_takes_the_end_back() -> None:
    contract = a_contract(LATE, *amended(LONGER, END))

    assert (contract.state, contract.ended_from) == (ContractState.ACTIVE, None)
    assert contract.end_on == date(2027, 10, 1)


def test_an_end_that_was_typed_wrongly_is_taken_back_with_its_correction() -> None:
    in_notice = state_changed("in_notice", evidence="letter")
    contract = a_contract(in_notice, LATE, corrected(LONGER))

    assert contract.state is ContractState.IN_NOTICE


def test_an_amendment_of_what_has_ended_does_not_revive_it() -> None:
    contract = a_contract(LATE, *amended(dear, JULY))

    assert contract.state is ContractState.EXPIRED
    assert price(contract.line(1), JULY) == "2.95"


def test_what_a_person_has_ended_stays_ended_when_it_is_corrected() -> None:
    assert a_contract(ended("expired"), corrected(LONGER)).state is ContractState.EXPIRED


# Tacit renewals


def test_an_amendment_after_a_tacit_renewal_keeps_the_new_end() -> None:
    line = amended_by(dear, DECEMBER, ROLLED)

    assert line.end_on == NEXT_END
    assert [price(line, day) for day in (END, DECEMBER - A_DAY, DECEMBER, NEXT_END - A_DAY)] == [
        "2.63",
        "2.63",
        "2.95",
        "2.95",
    ]


def test_an_amendment_that_was_proposed_before_the_renewal_keeps_the_new_end_too() -> None:
    line = the_line(amendment_proposed(dear), ROLLED, amendment_approved(DECEMBER))

    assert (line.end_on, price(line, DECEMBER)) == (NEXT_END, "2.95")


def test_an_amendment_with_an_end_of_its_own_sets_it() -> None:
    shorter = some_terms(end_date=date(2027, 3, 31))
    line = amended_by(shorter, DECEMBER, ROLLED)

    assert (line.last_day_of_service, line.rolled_past) == (date(2027, 3, 31), ())


def test_a_correction_after_a_tacit_renewal_keeps_the_new_end() -> None:
    line = the_line(ROLLED, corrected(dear))

    assert (line.end_on, price(line, NEXT_END - A_DAY)) == (NEXT_END, "2.95")


def test_a_corrected_end_takes_the_renewal_back_for_the_calendar_to_do_again() -> None:
    line = the_line(ROLLED, corrected(some_terms(end_date=date(2026, 12, 31))))

    assert (line.last_day_of_service, line.rolled_past) == (date(2026, 12, 31), ())


def test_a_line_does_not_roll_twice_over_one_end() -> None:
    with pytest.raises(RefusedError, match="rolled before"):
        the_line(ROLLED, ROLLED)


def test_a_line_without_an_end_does_not_roll() -> None:
    with pytest.raises(RefusedError, match="no end"):
        contract_of(line_recorded(some_terms(end_date=None)), ROLLED)


def test_notice_given_in_time_and_entered_late_takes_the_renewal_back() -> None:
    notice = state_changed("in_notice", evidence="letter", valid_from=date(2026, 6, 1))
    line = the_line(ROLLED, notice)

    assert (line.end_on, line.rolled_past) == (END, ())
    assert (price(line, END - A_DAY), price(line, END)) == ("2.63", None)


def test_notice_counts_for_the_first_end_after_it() -> None:
    twice = (ROLLED, rolled(date(2028, 9, 30)))
    notice = state_changed("in_notice", evidence="letter", valid_from=date(2027, 6, 1))

    assert the_line(*twice, notice).end_on == NEXT_END


def test_notice_given_after_a_renewal_leaves_it() -> None:
    notice = state_changed("in_notice", evidence="letter", valid_from=END)

    assert the_line(ROLLED, notice).end_on == NEXT_END


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["amend", "correct", "roll", "notice"]), days),
        min_size=1,
        max_size=5,
    )
)
def test_later_knowledge_never_changes_an_earlier_belief(steps: list[tuple[str, date]]) -> None:
    drafts = [contract_recorded(), line_recorded()]
    beliefs: dict[int, Contract] = {}
    for number, (kind, day) in enumerate(steps):
        tried = [*drafts, *happened(kind, day, number)]
        try:
            contract = fold(one_a_second(tried))
        except RefusedError:
            continue
        drafts = tried
        beliefs[len(drafts)] = contract

    events = one_a_second(drafts)
    for known, belief in beliefs.items():
        assert believed_at(events, NOON + timedelta(seconds=known)) == belief
    assert believed_at(events, NOON) is None


def happened(kind: str, day: date, number: int) -> list[EventDraft]:
    terms = some_terms(unit_price=Decimal(number + 1), gpu_count=1024 - number)
    if kind == "amend":
        return list(amended(terms, day))
    if kind == "correct":
        return [corrected(some_terms(unit_price=Decimal(number + 1)))]
    if kind == "roll":
        return [rolled(END + timedelta(days=100 * (number + 1)))]
    return [state_changed("in_notice", evidence="letter", valid_from=day)]


def one_a_second(drafts: list[EventDraft]) -> list[Event]:
    events: list[Event] = []
    for number, draft in enumerate(drafts, start=1):
        moment = NOON + timedelta(seconds=number)
        before = events[-1] if events else None
        events.append(seal(draft, stream="contract/c1", recorded_at=moment, before=before))
    return events
