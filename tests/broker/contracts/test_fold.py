"""The fold: what events make of a contract, and what the books do not allow."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.event import Event, EventDraft, EventKind, seal
from broker.contracts.fold import believed_at, fold, known_by
from broker.contracts.line_terms import RenewalType
from broker.contracts.quote import QuoteState
from broker.contracts.state import NEXT, ContractState
from broker.errors import BrokenLedgerError, NotFoundError, RefusedError
from pricing.money import Currency
from tests.broker.contracts.happenings import (
    END,
    START,
    a_contract,
    amended,
    amendment_approved,
    amendment_proposed,
    amendment_rejected,
    contract_of,
    corrected,
    events_of,
    obligation_closed,
    quote_moved,
    rolled,
    tranche_accepted,
)
from tests.builders import (
    NOON,
    a_draft,
    a_quote,
    chained,
    contract_recorded,
    line_recorded,
    quote_recorded,
    some_terms,
    state_changed,
    supplier_recorded,
)

LONGER = some_terms(end_date=date(2027, 9, 30))
OFFER, OTHER = a_quote(), a_quote()
ACCEPTED = (quote_recorded(OFFER), quote_moved(OFFER.id, "accepted"))


def test_a_stream_begins_with_its_contract() -> None:
    with pytest.raises(BrokenLedgerError, match="cannot begin with line_recorded"):
        fold(chained(line_recorded()))
    with pytest.raises(BrokenLedgerError, match="no events"):
        fold([])


@pytest.mark.parametrize("stranger", [supplier_recorded(), contract_recorded()])
def test_what_does_not_belong_in_a_contract_is_refused(stranger: EventDraft) -> None:
    with pytest.raises(BrokenLedgerError, match="does not belong"):
        a_contract(stranger)


@pytest.mark.parametrize("before", ContractState)
@pytest.mark.parametrize("after", ContractState)
def test_states_move_only_along_the_graph(before: ContractState, after: ContractState) -> None:
    move = state_changed(after, evidence="letter of 1 June")
    delivers = before is ContractState.SIGNED and after is ContractState.ACTIVE
    if after in NEXT[before] and not delivers:
        assert a_contract(move, state=before).state is after
    else:
        with pytest.raises(RefusedError):
            a_contract(move, state=before)


def test_a_refused_move_names_the_moves_there_are() -> None:
    with pytest.raises(
        RefusedError, match="possible from here: expired, in_notice, renewed, terminated"
    ):
        a_contract(state_changed("signed"))
    with pytest.raises(RefusedError, match="none: it is final"):
        a_contract(state_changed("active"), state="expired")


def test_a_signed_contract_is_not_just_called_active() -> None:
    with pytest.raises(RefusedError, match="tonnage contracts accept"):
        a_contract(state_changed("active"), state="signed")


@pytest.mark.parametrize("evidence", [None, ""])
def test_notice_needs_its_evidence(evidence: str | None) -> None:
    with pytest.raises(RefusedError, match="how and when it was given"):
        a_contract(state_changed("in_notice", evidence=evidence))


def test_notice_keeps_its_evidence_until_it_is_taken_back() -> None:
    given_notice = a_contract(state_changed("in_notice", evidence="letter"))
    ended = a_contract(state_changed("in_notice", evidence="letter"), state_changed("expired"))
    taken_back = a_contract(
        state_changed("in_notice", evidence="letter"), state_changed("active", evidence="mail")
    )

    assert (given_notice.notice_evidence, ended.notice_evidence) == ("letter", "letter")
    assert (taken_back.state, taken_back.notice_evidence) == (ContractState.ACTIVE, None)


def test_a_contract_imported_in_notice_says_where_that_is_written() -> None:
    contract = a_contract(state="in_notice")

    assert contract.notice_evidence == "as told"


def test_a_line_number_is_given_once() -> None:
    with pytest.raises(RefusedError, match="already has a line 1"):
        a_contract(line_recorded())


def test_lines_stand_in_order_of_their_numbers() -> None:
    contract = contract_of(line_recorded(line_no=3), line_recorded(line_no=1))

    assert [line.line_no for line in contract.lines] == [1, 3]


def test_a_contract_in_euro_takes_lines_in_euro_only() -> None:
    euro = Currency("EUR")
    contract = contract_of(line_recorded(some_terms(currency=euro)), currency=euro)

    price = contract.line(1).price_on(START)
    assert price is not None
    assert price.currency == euro
    with pytest.raises(RefusedError, match="it is in EUR, the contract in USD"):
        contract_of(line_recorded(some_terms(currency=euro)))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([date(2026, 9, 30), date(2026, 12, 31)], date(2027, 1, 1)),
        ([date(2026, 9, 30), None], None),
        ([], None),
    ],
)
def test_a_contract_ends_with_its_last_line(ends: list[date | None], expected: date | None) -> None:
    lines = [
        line_recorded(some_terms(end_date=end), line_no=number)
        for number, end in enumerate(ends, start=1)
    ]

    assert contract_of(*lines).end_on == expected


def test_a_renewal_that_nobody_stated_is_unknown_and_not_none() -> None:
    contract = contract_of(line_recorded(some_terms(renewal_type=None)))

    assert contract.line(1).renewal.renewal_type is None


# Amendments


def test_a_proposed_amendment_changes_nothing_yet() -> None:
    contract = a_contract(amendment_proposed(LONGER))

    assert contract.line(1).end_on == END
    assert [(each.id, each.proposed_by) for each in contract.amendments] == [("a1", "dana")]


def test_an_amendment_is_decided_once() -> None:
    assert a_contract(amendment_proposed(LONGER), amendment_rejected()).amendments == ()
    with pytest.raises(RefusedError, match="no pending amendment a1"):
        a_contract(amendment_proposed(LONGER), amendment_approved(START), amendment_rejected())


def test_a_newer_proposal_for_a_line_replaces_the_older() -> None:
    contract = a_contract(
        amendment_proposed(LONGER, name="old"),
        amendment_proposed(some_terms(region="x"), name="new"),
    )

    assert [each.id for each in contract.amendments] == ["new"]


def test_an_amendment_of_a_line_that_there_is_not_is_refused() -> None:
    with pytest.raises(NotFoundError, match="no line 2"):
        a_contract(amendment_proposed(LONGER, line_no=2))


@pytest.mark.parametrize("state", ["draft", "quoted"])
def test_a_draft_is_restated_and_not_amended(state: str) -> None:
    with pytest.raises(RefusedError, match="before signature terms are restated"):
        a_contract(amendment_proposed(LONGER), state=state)


# Renewal offers


def test_an_accepted_offer_renews_the_end_it_was_made_for() -> None:
    contract = a_contract(*ACCEPTED)

    renewal = contract.accepted_renewal(contract.line(1))
    assert renewal is not None
    assert (renewal.id, renewal.state) == (OFFER.id, QuoteState.ACCEPTED)


def test_an_offer_that_is_only_open_renews_nothing() -> None:
    contract = a_contract(quote_recorded(OFFER))

    assert contract.accepted_renewal(contract.line(1)) is None
    assert [quote.id for quote in contract.open_renewal_offers(1, date(2026, 5, 20))] == [OFFER.id]


def test_an_offer_for_an_end_that_an_amendment_moved_on_is_past() -> None:
    contract = a_contract(*ACCEPTED, *amended(LONGER, END))

    assert contract.accepted_renewal(contract.line(1)) is None


def test_an_offer_for_an_end_that_rolled_over_meanwhile_is_past() -> None:
    contract = a_contract(
        quote_recorded(OFFER), rolled(date(2027, 9, 30)), quote_moved(OFFER.id, "accepted")
    )

    assert contract.accepted_renewal(contract.line(1)) is None


def test_an_offer_that_came_before_the_roll_and_was_entered_after_it_is_for_the_old_end() -> None:
    late = (rolled(date(2027, 9, 30)), *ACCEPTED)
    after = a_quote(received_on=date(2026, 10, 1), valid_until=None)
    new = (rolled(date(2027, 9, 30)), quote_recorded(after), quote_moved(after.id, "accepted"))

    for drafts, renewed in ((late, False), (new, True)):
        contract = a_contract(*drafts)
        assert (contract.accepted_renewal(contract.line(1)) is not None) == renewed


def test_an_offer_follows_an_end_that_was_typed_wrongly() -> None:
    contract = a_contract(*ACCEPTED, corrected(some_terms(end_date=date(2026, 10, 31))))

    assert contract.accepted_renewal(contract.line(1)) is not None


def test_of_two_offers_for_one_end_one_is_accepted() -> None:
    with pytest.raises(RefusedError, match="was already accepted"):
        a_contract(*ACCEPTED, quote_recorded(OTHER), quote_moved(OTHER.id, "accepted"))


def test_the_next_end_has_an_offer_of_its_own() -> None:
    contract = a_contract(
        *ACCEPTED,
        *amended(LONGER, END),
        quote_recorded(OTHER),
        quote_moved(OTHER.id, "accepted"),
    )

    renewal = contract.accepted_renewal(contract.line(1))
    assert renewal is not None
    assert renewal.id == OTHER.id


def test_an_offer_is_recorded_once() -> None:
    with pytest.raises(RefusedError, match="already on record"):
        a_contract(quote_recorded(OFFER), quote_recorded(OFFER))


def test_an_offer_renews_a_line_that_there_is() -> None:
    with pytest.raises(NotFoundError, match="no line 7"):
        a_contract(quote_recorded(a_quote(renews_line_no=7)))
    with pytest.raises(NotFoundError, match="no quote"):
        a_contract(quote_moved("nobody", "declined"))


def test_a_dead_offer_is_accepted_with_a_reason_only() -> None:
    withdrawn = (quote_recorded(OFFER), quote_moved(OFFER.id, "withdrawn"))

    with pytest.raises(RefusedError, match="override reason"):
        a_contract(*withdrawn, quote_moved(OFFER.id, "accepted"))
    contract = a_contract(
        *withdrawn, quote_moved(OFFER.id, "accepted", override_reason="confirmed by phone")
    )
    assert contract.quotes[0].state is QuoteState.ACCEPTED


# Duties, notes, and what was believed


def test_a_duty_is_closed_once() -> None:
    with pytest.raises(RefusedError, match="already closed"):
        a_contract(obligation_closed("o1", "done"), obligation_closed("o1", "waived"))


def test_owner_and_notes_are_ours_to_change() -> None:
    note = {"line_no": 1, "owner": "erik", "notes": "call them"}
    contract = a_contract(a_draft(EventKind.NOTE_CHANGED, note))

    assert (contract.owner, contract.line(1).notes) == ("erik", "call them")
    assert contract.line(1).terms == some_terms()


def test_a_move_from_a_day_in_the_past_is_believed_only_since_it_was_recorded() -> None:
    events = events_of()
    moved = state_changed("terminated", valid_from=date(2026, 1, 1))
    later = NOON + timedelta(days=30)
    events.append(seal(moved, stream="contract/c1", recorded_at=later, before=events[-1]))

    assert state_at(events, NOON + timedelta(days=29)) is ContractState.ACTIVE
    assert state_at(events, later) is ContractState.TERMINATED


@given(days=st.integers(-3, 3))
def test_nothing_is_believed_before_it_was_recorded(days: int) -> None:
    events, moment = events_of(), NOON + timedelta(days=days)

    assert (believed_at(events, moment) is None) == (days < 0)
    assert known_by(events, moment) == (events if days >= 0 else [])


def test_a_first_delivery_makes_a_contract_active_and_later_ones_do_not_move_it() -> None:
    more = some_terms(gpu_count=2048)
    contract = a_contract(
        tranche_accepted(START),
        *amended(more, date(2026, 7, 1)),
        state_changed("in_notice", evidence="letter"),
        tranche_accepted(date(2026, 7, 1), tranche_no=2),
        state="signed",
    )

    assert contract.state is ContractState.IN_NOTICE
    assert contract.line(1).accepted_by(date(2026, 7, 1)) == 2048


@pytest.mark.parametrize("renewal", RenewalType)
def test_terms_come_back_as_they_went_in(renewal: RenewalType) -> None:
    terms = some_terms(renewal_type=renewal, renewal_term_months=12)

    assert contract_of(line_recorded(terms)).line(1).terms == terms


def state_at(events: list[Event], moment: datetime) -> ContractState:
    believed = believed_at(events, moment)
    assert believed is not None
    return believed.state
