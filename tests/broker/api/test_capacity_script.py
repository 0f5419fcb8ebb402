"""How GPUs are obtained, step by step: what is done next, without a network."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.api.capacity_calls import Call, Told, capacity_request
from broker.api.capacity_script import (
    LONGEST_LOOK_SECONDS,
    Obtained,
    Once,
    Script,
    Step,
    Wait,
    obtain,
)
from broker.api.heartbeat import SECOND
from broker.api.wire.capacity import CapacityAnswer, CapacityRequest, CapacityRequestDetail
from broker.api.wire.leases import Lease, LeaseDetail
from broker.capacity.lease import LeaseState
from broker.capacity.request import RequestState
from broker.errors import InsufficientCapacityError, LeaseLostError, RefusedError

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
PENDING, GRANTED = RequestState.PENDING, RequestState.GRANTED


def a_request(ttl_seconds: int = 60) -> CapacityRequest:
    return capacity_request(
        ["B200"], 8, holder="chat", wanted={"queue": True, "ttl_seconds": ttl_seconds}
    )


def the_lease(state: LeaseState = LeaseState.GRANTED) -> LeaseDetail:
    lease = Lease(
        id="lease-1",
        request_id="request-1",
        state=state,
        lines=[],
        fence=7,
        ttl_seconds=60,
        expires_at=NOON,
    )
    return LeaseDetail(
        **dict(lease),
        holder="chat",
        reason=None,
        gpu_count=8,
        priority=500,
        preemptible=False,
        granted_at=NOON,
        starts_at=NOON,
        ends_at=None,
        confirmed_at=None,
        ended_at=None,
    )


def asked(state: RequestState, lease: Lease | None = None) -> CapacityAnswer:
    return CapacityAnswer(id="request-1", state=state, reason=None, detail=None, lease=lease)


def seen(
    state: RequestState, *, lease_id: str | None = None, detail: str | None = None
) -> CapacityRequestDetail:
    return CapacityRequestDetail(
        id="request-1",
        state=state,
        reason="no-capacity" if detail else None,
        detail=detail,
        position=None,
        lease_id=lease_id,
        created_at=NOON,
        decided_at=None,
        request=a_request(),
    )


class Stage:
    """Runs a script: gives the answers in turn; a call takes a second, a wait what it says."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.steps: list[Step] = []
        self.now = 0

    def ticks(self) -> int:
        return self.now * SECOND

    def play(self, script_of: Callable[[Callable[[], int]], Script[Obtained]]) -> Obtained:
        script = script_of(self.ticks)
        try:
            step = next(script)
            while True:
                answer = self.done(step)
                step = (
                    script.throw(answer)
                    if isinstance(answer, BaseException)
                    else script.send(answer)
                )
        except StopIteration as over:
            result: Obtained = over.value
            return result

    def done(self, step: Step) -> Any:
        self.steps.append(step)
        if isinstance(step, Wait):
            self.now += max(1, round(step.seconds))
            return None
        answer, asked_at = self.answers.pop(0), self.ticks()
        self.now += 1
        if isinstance(answer, BaseException):
            return answer
        return Told(answer=answer, asked_at=asked_at)

    def calls(self) -> list[str]:
        made = [step.call if isinstance(step, Once) else step for step in self.steps]
        return [f"{call.method} {call.path}" for call in made if isinstance(call, Call)]


def play(stage: Stage, *, wait_seconds: float | None = None, ttl_seconds: int = 60) -> Obtained:
    request = a_request(ttl_seconds)
    return stage.play(
        lambda ticks: obtain(request, key="key-1", wait_seconds=wait_seconds, ticks=ticks)
    )


ASK, LOOK = "POST /v1/capacity-requests", "GET /v1/capacity-requests/request-1"
CANCEL, READ = f"{LOOK.replace('GET', 'POST')}/cancel", "GET /v1/leases/lease-1"


def test_what_is_granted_at_once_counts_from_before_it_was_asked_for() -> None:
    stage = Stage(asked(GRANTED, the_lease()))

    got = play(stage)

    assert (got.lease.fence, got.not_before) == (7, 0)
    assert stage.calls() == [ASK]


def test_what_waits_is_looked_at_until_it_is_granted_and_counts_from_the_look_before() -> None:
    stage = Stage(
        asked(PENDING), seen(PENDING), seen(PENDING), seen(GRANTED, lease_id="lease-1"), the_lease()
    )

    got = play(stage)

    assert stage.calls() == [ASK, LOOK, LOOK, LOOK, READ]
    # asked 0-1, wait 1-2, look 2-3, wait 3-4, look 4-5: that one still found it pending
    assert got.not_before == 4 * SECOND


def test_looks_become_rarer_but_never_rarer_than_a_short_lease_allows() -> None:
    def waits(ttl_seconds: int) -> list[float]:
        answers = [asked(PENDING), *[seen(PENDING)] * 6, seen(GRANTED, lease_id="lease-1")]
        stage = Stage(*answers, the_lease())
        play(stage, ttl_seconds=ttl_seconds)
        return [step.seconds for step in stage.steps if isinstance(step, Wait)]

    assert waits(600) == [0.5, 1, 2, 4, 5, 5, LONGEST_LOOK_SECONDS]
    assert set(waits(1)) == {1 / 3}


def test_a_request_that_is_refused_while_it_waits_says_what_would_have_helped() -> None:
    stage = Stage(asked(PENDING), seen(RequestState.REJECTED, detail="8 more B200 free"))

    with pytest.raises(InsufficientCapacityError, match=r"no-capacity.*8 more B200 free"):
        play(stage)


def test_a_request_that_somebody_cancelled_is_no_lack_of_capacity() -> None:
    with pytest.raises(RefusedError, match="cancelled while it waited"):
        play(Stage(asked(PENDING), seen(RequestState.CANCELLED)))


def test_giving_up_cancels() -> None:
    stage = Stage(asked(PENDING), seen(PENDING), seen(RequestState.CANCELLED, detail="patience"))

    with pytest.raises(InsufficientCapacityError, match="patience"):
        play(stage, wait_seconds=2)

    assert stage.calls() == [ASK, LOOK, CANCEL]


def test_a_grant_in_the_very_moment_of_giving_up_is_taken() -> None:
    stage = Stage(
        asked(PENDING),
        RefusedError("it was granted"),
        seen(GRANTED, lease_id="lease-1"),
        the_lease(),
    )

    got = play(stage, wait_seconds=0.5)

    assert got.lease.id == "lease-1"
    assert stage.calls() == [ASK, CANCEL, LOOK, READ]


def test_a_lease_that_lapsed_before_it_was_found_is_not_used() -> None:
    with pytest.raises(LeaseLostError, match="nobody kept it alive"):
        play(Stage(asked(GRANTED, the_lease(LeaseState.EXPIRED))))


@pytest.mark.parametrize("answer", [seen(RequestState.CANCELLED), RefusedError("granted")])
def test_whoever_leaves_while_waiting_cancels_once_and_quickly(answer: object) -> None:
    stage = Stage(asked(PENDING), KeyboardInterrupt(), answer)

    with pytest.raises(KeyboardInterrupt):
        play(stage)

    assert stage.calls() == [ASK, LOOK, CANCEL]
    assert isinstance(stage.steps[-1], Once)
