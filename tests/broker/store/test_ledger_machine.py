"""The ledger under any sequence of events, on both databases: what must always hold, holds.

I1 tranches add up · I6, I7 one price for each delivered day · I8 the chain verifies · I9 tables are
what events tell · I10 states move along the graph · I11 one open lapsing obligation · I16 a dead
quote is not accepted · I21 later knowledge does not change an earlier belief.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.contracts.contract import Contract
from broker.contracts.event import (
    Event,
    EventDraft,
    EventKind,
    contract_stream,
    first_fault,
    supplier_stream,
)
from broker.contracts.fold import believed_at, fold
from broker.contracts.line import Line
from broker.contracts.line_terms import (
    LineTerms,
    RenewalType,
    TrancheTerms,
    terms_from_json,
    terms_to_json,
)
from broker.contracts.quote import QuoteState
from broker.contracts.state import EDITABLE, IN_FORCE, NEXT, ContractState
from broker.errors import RefusedError
from broker.identity import new_id
from broker.renewals.obligations import LAPSING, ObligationKind, ObligationState, obligations_of
from broker.renewals.roll import next_step
from broker.store import ledger, projection
from broker.store.engine import Database
from tests.builders import (
    NOON,
    a_draft,
    a_quote,
    contract_recorded,
    line_recorded,
    quote_recorded,
    some_terms,
    state_changed,
    supplier_recorded,
)
from tests.conftest import postgres_database, sqlite_database

START = date(2026, 1, 1)
days = st.integers(min_value=0, max_value=500).map(lambda n: START + timedelta(days=n))
prices = st.decimals(min_value="0.05", max_value="50", places=6)
notices = st.sampled_from([None, "P30D", "P90D", "P3M"])


@st.composite
def terms(draw: st.DrawFn) -> LineTerms:
    """Terms that could be signed, in one delivery or in tranches."""
    start = draw(days)
    last_day = start + timedelta(days=draw(st.integers(min_value=0, max_value=400)))
    counts = draw(st.lists(st.integers(min_value=1, max_value=64), min_size=1, max_size=3))
    in_tranches = draw(st.booleans())
    price = draw(prices)
    tranches = [
        TrancheTerms(
            tranche_no=number,
            gpu_count=count,
            delivery_date=start + timedelta(days=min(number - 1, (last_day - start).days)),
            unit_price=price,
            price_per_gpu_hour=price,
            accept_by_date=draw(st.none() | days),
            drop_dead_date=None,
            late_credit_pct_per_week=None,
            site=None,
        )
        for number, count in enumerate(counts, start=1)
    ]
    return some_terms(
        gpu_count=sum(counts),
        unit_price=price,
        start_date=start,
        end_date=last_day,
        renewal_type=draw(st.sampled_from(RenewalType)),
        renewal_term_months=12,
        notice_period=draw(notices),
        tranches=tuple(tranches) if in_tranches else (),
    )


class LedgerMachine(RuleBasedStateMachine):
    """One contract, anything that can happen to it, and the same contract told from its events."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.contract_id = new_id()
        self.stream = contract_stream(self.contract_id)
        self.now: datetime = NOON
        self.beliefs: dict[datetime, Contract] = {}
        self.refused_quotes: list[str] = []
        self.count = 0

    @initialize(first=terms(), state=st.sampled_from(ContractState))
    def sign(self, first: LineTerms, state: ContractState) -> None:
        drafts = [
            contract_recorded(self.contract_id, ref=self.contract_id, state=state),
            line_recorded(first),
        ]
        self.write(*drafts)

    def write(self, *drafts: EventDraft) -> bool:
        self.now += timedelta(seconds=1)
        try:
            with self.database.writing() as session:
                ledger.append(session, self.stream, drafts, recorded_at=self.now)
        except RefusedError:
            return False
        self.count += len(drafts)
        self.beliefs[self.now] = self.contract()
        return True

    def events(self) -> list[Event]:
        with self.database.reading() as session:
            return ledger.events_of(session, self.stream)

    def contract(self) -> Contract:
        return fold(self.events())

    @precondition(lambda self: self.count < 20)
    @rule(more=terms(), line_no=st.integers(min_value=1, max_value=3))
    def add_a_line(self, more: LineTerms, line_no: int) -> None:
        taken = {line.line_no for line in self.contract().lines}

        assert self.write(line_recorded(more, line_no=line_no)) == (line_no not in taken)

    @rule(
        target_state=st.sampled_from(ContractState),
        evidence=st.sampled_from([None, "mail"]),
        since=days,
    )
    def move(self, target_state: ContractState, evidence: str | None, since: date) -> None:
        before = self.contract().state
        written = self.write(state_changed(target_state, evidence=evidence, valid_from=since))

        assert not written or target_state in NEXT[before]  # I10

    @rule(tranche_no=st.integers(min_value=1, max_value=3), on=days)
    def accept_a_tranche(self, tranche_no: int, on: date) -> None:
        payload = {"line_no": 1, "tranche_no": tranche_no, "accepted_on": on.isoformat()}
        self.write(a_draft(EventKind.TRANCHE_ACCEPTED, payload))

    @rule(new=terms(), since=days, approve=st.booleans())
    def amend(self, new: LineTerms, since: date, approve: bool) -> None:
        before = self.contract()
        amendable = before.state in IN_FORCE or before.ended_from is not None
        amendment_id = new_id()
        proposed = self.write(
            a_draft(
                EventKind.AMENDMENT_PROPOSED,
                {
                    "amendment_id": amendment_id,
                    "line_no": 1,
                    "terms": terms_to_json(new),
                    "changes": {},
                    "source": "amendment 1",
                },
            )
        )
        assert proposed == amendable
        kind = EventKind.AMENDMENT_APPROVED if approve else EventKind.AMENDMENT_REJECTED
        self.write(a_draft(kind, {"amendment_id": amendment_id}, valid_from=since))

    @rule(new_price=prices, since=days)
    def raise_the_price(self, new_price: Decimal, since: date) -> None:
        signed = terms_to_json(self.contract().line(1).terms)
        signed["unit_price"] = signed["price_per_gpu_hour"] = format(new_price, "f")
        for tranche in signed["tranches"]:
            tranche["unit_price"] = tranche["price_per_gpu_hour"] = format(new_price, "f")
        amendment_id = new_id()
        payload = {"amendment_id": amendment_id, "line_no": 1, "terms": signed}
        payload |= {"changes": {}, "source": "amendment 2"}
        decided = {"amendment_id": amendment_id}
        self.write(
            a_draft(EventKind.AMENDMENT_PROPOSED, payload),
            a_draft(EventKind.AMENDMENT_APPROVED, decided, valid_from=since),
        )

    @rule(corrected=terms())
    def correct_a_typing_error(self, corrected: LineTerms) -> None:
        editable = self.contract().state in EDITABLE

        assert not (self.restate(EventKind.LINE_CORRECTED, corrected) and editable)

    @rule(restated=terms())
    def restate_a_draft(self, restated: LineTerms) -> None:
        editable = self.contract().state in EDITABLE

        assert not self.restate(EventKind.LINE_RESTATED, restated) or editable

    def restate(self, kind: EventKind, new: LineTerms) -> bool:
        payload = {"line_no": 1, "terms": terms_to_json(new), "source": "contracts.csv:2"}
        return self.write(a_draft(kind, payload))

    @rule(as_of=days)
    def let_the_day_turn(self, as_of: date) -> None:
        while step := next_step(self.contract(), as_of=as_of, country="US"):
            assert self.write(*step)

    @rule(valid_for=st.integers(min_value=0, max_value=30))
    def receive_an_offer(self, valid_for: int) -> None:
        quote = a_quote(received_on=START, valid_until=START + timedelta(days=valid_for))

        assert self.write(quote_recorded(quote))

    @precondition(lambda self: self.count and self.contract().quotes)
    @rule(
        target_state=st.sampled_from(QuoteState),
        on=days,
        override=st.sampled_from([None, "", "agreed by phone"]),
        data=st.data(),
    )
    def decide_an_offer(
        self, target_state: QuoteState, on: date, override: str | None, data: st.DataObject
    ) -> None:
        quote = data.draw(st.sampled_from(self.contract().quotes))
        payload = {"quote_id": quote.id, "to": target_state, "override_reason": override}
        written = self.write(a_draft(EventKind.QUOTE_MOVED, payload, valid_from=on))
        dead = quote.state in (QuoteState.EXPIRED, QuoteState.WITHDRAWN) or quote.lapsed_on(on)

        assert not (written and target_state is QuoteState.ACCEPTED and dead and not override)

    @precondition(lambda self: self.count)
    @rule(outcome=st.sampled_from(["done", "waived", "missed"]))
    def close_an_obligation(self, outcome: str) -> None:
        for obligation in obligations_of(self.contract(), country="US"):
            payload = {"obligation_id": obligation.id, "state": outcome, "evidence": "mail"}
            written = self.write(a_draft(EventKind.OBLIGATION_CLOSED, payload))
            assert written == (obligation.state is ObligationState.OPEN)
            return

    @precondition(lambda self: self.count)
    @invariant()
    def what_must_always_hold_holds(self) -> None:
        with self.database.reading() as session:
            events = ledger.events_of(session, self.stream)
            assert projection.differences(session, self.stream, events) == []  # I9
        assert first_fault(self.stream, events, events[-1].hash) is None  # I8
        assert len(events) == self.count
        contract = fold(events)
        for line in contract.lines:
            check_line(line)
            assert terms_from_json(terms_to_json(line.terms)) == line.terms
        check_lapsing(contract)
        for moment, belief in self.beliefs.items():
            assert believed_at(events, moment) == belief  # I21


def check_line(line: Line) -> None:
    """I1, I6, I7: tranches add up, and each delivered day has one price, up to the end."""
    assert sum(tranche.gpu_count for tranche in line.tranches) == line.gpu_count
    assert line.end_on is not None
    assert line.start_on < line.end_on
    edges = {day for price in line.live_prices for day in (price.valid_from, price.valid_to) if day}
    for tranche in line.tranches:
        first = tranche.accepted_on or tranche.delivery_on
        near = {first, *edges, *(edge - timedelta(days=1) for edge in edges)}
        for day in near:
            if first <= day < line.end_on:
                assert len(prices_on(line, tranche.tranche_no, day)) == 1
        assert prices_on(line, tranche.tranche_no, line.end_on) == []


def check_lapsing(contract: Contract) -> None:
    """I11: a line in force that can lapse has one open obligation of that kind."""
    obligations = [each for each in obligations_of(contract, country="US") if each.kind in LAPSING]
    for line in contract.lines:
        mine = [each for each in obligations if each.line_no == line.line_no]
        open_ones = [each for each in mine if each.state is ObligationState.OPEN]
        settled = contract.accepted_renewal(line) is not None or any(
            each.kind is ObligationKind.EXPIRY and each.state is not ObligationState.OPEN
            for each in mine
        )
        assert len(open_ones) == int(contract.state in IN_FORCE and not settled)
        assert all(each.due_on < (line.end_on or date.max) for each in open_ones)


def prices_on(line: Line, tranche_no: int, day: date) -> list[Any]:
    return [
        price
        for price in line.live_prices
        if price.tranche_no in (None, tranche_no) and price.covers(day)
    ]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def machine_on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[type[LedgerMachine]]:
    if request.param == "sqlite":
        url = sqlite_database(request.getfixturevalue("sqlite_template"), tmp_path)
    else:
        url = postgres_database(request.getfixturevalue("postgres_server"))
    database = Database(url)
    with database.writing() as session:
        stream = supplier_stream("harbor-compute")
        ledger.append(session, stream, [supplier_recorded()], recorded_at=NOON)
    yield type("Machine", (LedgerMachine,), {"database": database})
    database.close()


def test_the_ledger_holds_under_any_sequence_of_events(machine_on: type[LedgerMachine]) -> None:
    run_state_machine_as_test(
        machine_on,
        settings=settings(
            max_examples=15,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
