"""The client of leases: asks once however often it sends, and stops before the server lets go."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, current_thread, main_thread

import pytest

from broker.access.scope import Role
from broker.api.capacity_client import ThreadPulse
from broker.api.client import Client
from broker.api.held_lease import LeaseEvent, LeaseEventKind
from broker.api.wire.pools import PoolChange
from broker.capacity.lease import LeaseState
from broker.errors import (
    BadInputError,
    InsufficientCapacityError,
    LeaseLostError,
    ReusedKeyError,
    StaleError,
    UnreachableError,
)
from pricing.money import Currency, Money
from tests.broker.api.lease_world import (
    Mishap,
    Stage,
    World,
    a_stage,
    answers,
    cut_off,
    goes_through,
    refused,
)
from tests.conftest import sqlite_database

ASK, RENEW = "/capacity-requests", "/leases:renew"


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with a_stage(sqlite_database(sqlite_template, tmp_path_factory.mktemp("leases"))) as found:
        yield found


@pytest.fixture
def world(stage: Stage) -> World:
    return stage.world()


def test_gpus_are_ours_for_as_long_as_the_block_runs(world: World) -> None:
    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8) as lease:
        assert world.pool() == (8, 0, 8)
        assert lease.is_safe()
        assert (lease.gpu_count, lease.state) == (8, LeaseState.ACTIVE)

    assert world.pool() == (16, 0, 0)
    assert world.states() == ["released"]


def test_the_usual_client_leads_to_leases(world: World) -> None:
    key = world.served.a_key(name=world.holder)

    with (
        Client(world.served.url, key) as api,
        api.lease(gpu_models=[world.model], gpu_count=8) as lease,
    ):
        (row,) = world.leases()
        assert (row.id, row.fence) == (lease.id, lease.fence)


def test_an_answer_that_is_lost_after_the_commit_is_asked_for_again_by_its_key(
    world: World,
) -> None:
    world.network.breaks(ASK, cut_off, cut_off)

    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8):
        assert world.pool() == (8, 0, 8)

    assert [sent.headers["Idempotency-Key"] for sent in world.network.paths(ASK)] == ["key-1"] * 3
    assert len(world.leases()) == 1


def test_a_lease_whose_first_answer_was_lost_is_counted_from_the_first_sending(
    world: World,
) -> None:
    began = world.time.now
    world.network.breaks(ASK, cut_off)
    world.network.is_down = RENEW

    with world.client() as client:
        lease = client.hold(gpu_models=[world.model], gpu_count=8)

    assert world.time.now > began
    assert lease.hold.end == began + lease.hold.ttl


@pytest.mark.parametrize("mishap", [refused, answers(502), answers(503), answers(504)])
def test_where_the_outcome_is_unknown_the_same_is_sent_again(world: World, mishap: Mishap) -> None:
    world.network.breaks(ASK, mishap)

    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8):
        assert len(world.network.paths(ASK)) == 2

    assert world.states() == ["released"]


def test_too_many_requests_are_sent_again_when_the_server_says(world: World) -> None:
    world.network.breaks(ASK, answers(429, Retry_After="7"))

    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8):
        assert world.time.waited == [7.0]


def test_sending_again_ends_with_the_patience_and_waits_longer_each_time(world: World) -> None:
    world.network.is_down = ASK

    with (
        world.client(patience_seconds=12.0) as client,
        pytest.raises(UnreachableError, match="no API answers"),
    ):
        client.hold(gpu_models=[world.model], gpu_count=8)

    assert world.time.waited == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert sum(world.time.waited) < 12


def test_a_refusal_is_final_and_says_what_would_have_helped(world: World) -> None:
    with world.client() as client, pytest.raises(InsufficientCapacityError) as refusal:
        client.hold(gpu_models=[world.model], gpu_count=24)

    assert "at most 16 GPUs" in str(refusal.value)
    assert len(world.network.paths(ASK)) == 1


def test_what_cannot_be_asked_for_is_told_before_anything_is_sent(world: World) -> None:
    with world.client() as client, pytest.raises(BadInputError) as refusal:
        client.hold(
            gpu_models=[world.model], gpu_count=8, node_size=3, priority=2000, residency="D"
        )

    assert {fault.field for fault in refusal.value.faults} == {"priority", "residency"}
    assert world.network.sent == []


def test_another_request_with_a_key_that_was_used_is_refused(world: World) -> None:
    with world.client() as client:
        client.request(gpu_models=[world.model], gpu_count=8, key="mine")

        with pytest.raises(ReusedKeyError):
            client.request(gpu_models=[world.model], gpu_count=16, key="mine")


def test_prices_come_as_money_to_whoever_may_know_them(world: World) -> None:
    with world.client() as buyer, buyer.lease(gpu_models=[world.model], gpu_count=8) as lease:
        assert [line.effective for line in lease.lines] == [Money(Decimal("2.5"), Currency("USD"))]

    with (
        world.client(Role.SCHEDULER) as other,
        other.lease(gpu_models=[world.model], gpu_count=8) as lease,
    ):
        assert [line.effective for line in lease.lines] == [None]


def test_a_cap_on_the_price_crosses_the_network_exactly(world: World) -> None:
    def asked(cap: str) -> None:
        with world.client() as client:
            price = Money(Decimal(cap), Currency("USD"))
            client.give_back(client.hold(gpu_models=[world.model], gpu_count=8, max_price=price))

    asked("2.50")
    world.change_pool(usd_effective=Decimal("2.5"))
    asked("2.500000")
    with pytest.raises(InsufficientCapacityError, match="price-cap"):
        asked("2.499999")


def test_a_heartbeat_is_due_after_a_third_of_the_ttl_and_gives_another_ttl(world: World) -> None:
    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8) as lease:
        assert world.pulse.round() == 20.0
        world.time.pass_(20)
        assert lease.seconds_left() == 34.0

        assert world.pulse.round() == 20.0

        assert lease.seconds_left() == 54.0
        assert len(world.network.paths(RENEW)) == 2


def test_all_leases_of_a_client_are_renewed_in_one_call(world: World) -> None:
    with (
        world.client() as client,
        client.lease(gpu_models=[world.model], gpu_count=8) as one,
        client.lease(gpu_models=[world.model], gpu_count=8) as other,
    ):
        world.time.pass_(20)
        before = len(world.network.paths(RENEW))
        world.pulse.round()

        (sent,) = world.network.paths(RENEW)[before:]
        assert one.id.encode() in sent.content
        assert other.id.encode() in sent.content


def test_a_contract_that_ends_sooner_than_a_ttl_ends_the_use_of_its_gpus(world: World) -> None:
    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8) as lease:
        world.change_pool(closes_at=world.time.clock() + timedelta(seconds=70))
        world.time.pass_(20)

        world.pulse.round()

        assert lease.seconds_left() == 44.0


def test_without_heartbeats_the_holder_is_told_before_the_server_lets_go(world: World) -> None:
    told: list[LeaseEvent] = []

    with world.client() as client:
        lease = client.hold(gpu_models=[world.model], gpu_count=8, listener=told.append)
        world.network.is_down = RENEW
        while (seconds := world.pulse.round()) is not None:
            assert seconds > 0
            assert lease.is_safe()
            world.time.pass_(seconds)

        assert not lease.is_safe()
        assert lease.lost.is_set()
        assert world.states() == ["active"]
        with pytest.raises(LeaseLostError, match="no heartbeat got through"):
            client.give_back(lease)

    assert [(event.kind, event.fence) for event in told] == [(LeaseEventKind.LOST, lease.fence)]
    assert world.states() == ["released"]


def test_heartbeats_that_went_astray_for_a_while_do_not_lose_a_lease(world: World) -> None:
    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8) as lease:
        world.network.breaks(RENEW, refused, answers(503, Retry_After="3"), cut_off)
        for _ in range(5):
            world.time.pass_(world.pulse.round() or 0)

        assert lease.is_safe()
        assert lease.hold.misses == 0

    assert world.states() == ["released"]


def test_a_holder_that_slept_too_long_is_not_safe_even_if_nobody_told_it(world: World) -> None:
    with world.client() as client:
        lease = client.hold(gpu_models=[world.model], gpu_count=8)
        world.time.pass_(54)

        with pytest.raises(LeaseLostError):
            lease.check()
        with pytest.raises(LeaseLostError):
            client.give_back(lease)


def test_a_lease_that_somebody_else_ended_is_lost_with_the_next_heartbeat(world: World) -> None:
    with world.client() as client, world.client() as other:
        lease = client.hold(gpu_models=[world.model], gpu_count=8)
        other.release(lease.id, fence=lease.fence)
        world.time.pass_(20)

        assert world.pulse.round() is None

        assert not lease.is_safe()
        with pytest.raises(LeaseLostError, match="the server has ended it"):
            client.give_back(lease)


def test_a_block_that_ends_after_its_lease_was_lost_is_told(world: World) -> None:
    with (
        world.client() as client,
        pytest.raises(LeaseLostError),
        client.lease(gpu_models=[world.model], gpu_count=8),
    ):
        world.time.pass_(60)


def test_an_error_of_the_block_outranks_a_lost_lease_which_is_noted_on_it(world: World) -> None:
    def work() -> None:
        world.time.pass_(60)
        raise ZeroDivisionError

    with (
        world.client() as client,
        pytest.raises(ZeroDivisionError) as failure,
        client.lease(gpu_models=[world.model], gpu_count=8),
    ):
        work()

    assert any("is lost" in note for note in failure.value.__notes__)


def test_gpus_are_given_back_when_the_block_fails(world: World) -> None:
    with (
        world.client() as client,
        pytest.raises(KeyboardInterrupt),
        client.lease(gpu_models=[world.model], gpu_count=8),
    ):
        raise KeyboardInterrupt

    assert world.pool() == (16, 0, 0)


def test_a_release_that_is_not_heard_is_no_error_as_the_lease_ends_by_itself(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with world.client() as client, client.lease(gpu_models=[world.model], gpu_count=8) as lease:
        world.network.is_down = lease.id

    assert world.states() == ["active"]
    assert "ends with its time to live" in caplog.text


def test_a_lease_may_be_given_back_twice(world: World) -> None:
    with world.client() as client:
        lease = client.obtain(gpu_models=[world.model], gpu_count=8)

        client.release(lease.id, fence=lease.fence)
        client.release(lease.id, fence=lease.fence)

    assert world.states() == ["released"]


def test_a_wait_that_is_over_cancels_the_request(world: World) -> None:
    with (
        world.client() as client,
        client.lease(gpu_models=[world.model], gpu_count=16),
        pytest.raises(InsufficientCapacityError, match="so the request is cancelled"),
    ):
        client.hold(gpu_models=[world.model], gpu_count=8, wait_seconds=10)

    assert sum(world.time.waited) == 10
    assert world.requests() == ["granted", "cancelled"]


def test_ctrl_c_during_the_wait_cancels_the_request(world: World) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    world.time.while_waiting = interrupt
    with (
        world.client() as client,
        client.lease(gpu_models=[world.model], gpu_count=16),
        pytest.raises(KeyboardInterrupt),
    ):
        client.hold(gpu_models=[world.model], gpu_count=8, wait_seconds=None)

    assert world.requests() == ["granted", "cancelled"]


def test_a_pool_is_cordoned_and_takes_leases_again(world: World) -> None:
    with world.client() as client:
        assert client.change_pool(world.pool_id, PoolChange(cordoned=True)).cordoned
        with pytest.raises(InsufficientCapacityError, match="cordon"):
            client.hold(gpu_models=[world.model], gpu_count=8)

        assert not client.change_pool(world.pool_id, PoolChange(cordoned=False)).cordoned
        assert client.pool(world.pool_id).free == 16
        assert world.pool_id in {pool.id for pool in client.pools().items}


def test_a_pool_that_changed_since_it_was_read_is_not_changed(world: World) -> None:
    def meanwhile(_: object) -> None:
        world.change_pool(gen=7)

    world.network.breaks(world.pool_id, goes_through, meanwhile)

    with world.client() as client, pytest.raises(StaleError):
        client.change_pool(world.pool_id, PoolChange(cordoned=True))


def test_a_change_of_a_pool_is_not_sent_twice(world: World) -> None:
    world.network.breaks(world.pool_id, goes_through, cut_off)

    with world.client() as client, pytest.raises(UnreachableError):
        client.change_pool(world.pool_id, PoolChange(cordoned=True))

    assert [sent.method for sent in world.network.sent] == ["GET", "PATCH"]


def test_leases_are_listed_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.api.capacity_calls.MOST_PER_PAGE", 2)

    with world.client() as client:
        for _ in range(5):
            got = client.obtain(gpu_models=[world.model], gpu_count=8)
            client.release(got.id, fence=got.fence)
        client.obtain(gpu_models=[world.model], gpu_count=8, holder=f"batch-{world.number}")

        assert len(list(client.leases(holder=world.holder))) == 5
        granted = client.leases(holder=f"batch-{world.number}", states=[LeaseState.GRANTED])
        assert len(list(granted)) == 1


def test_an_explanation_writes_nothing(world: World) -> None:
    with world.client() as client:
        found = client.explain(gpu_models=[world.model], gpu_count=8, regions=["nowhere"])

    reasons = {failing.pool_id: failing.reason for failing in found.failing}
    assert reasons[world.pool_id] == "region"
    assert found.candidates == []
    assert world.leases() == []


def test_a_fault_of_ours_in_the_heartbeats_is_told_as_a_loss(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> float:
        raise ArithmeticError

    with world.client(jitter=broken) as client:
        lease = client.hold(gpu_models=[world.model], gpu_count=8)
        world.network.is_down = RENEW
        world.time.pass_(20)

        assert world.pulse.round() is None

    assert lease.lost.is_set()
    assert "heartbeats have ended" in caplog.text


def test_the_pulse_beats_in_a_thread_until_it_is_stopped() -> None:
    beats, enough = [], Event()

    def round_() -> float:
        beats.append(current_thread())
        if len(beats) == 3:
            enough.set()
        return 0.0

    pulse = ThreadPulse()
    pulse.start(round_)
    assert enough.wait(10)
    pulse.stop()

    assert main_thread() not in beats
    assert len(set(beats)) == 1
    assert not beats[0].is_alive()


def test_a_pulse_with_nothing_to_do_is_woken_by_a_new_lease() -> None:
    beats: list[None] = []
    once, twice = Event(), Event()

    def round_() -> None:
        beats.append(None)
        (once if len(beats) == 1 else twice).set()

    pulse = ThreadPulse()
    pulse.start(round_)
    assert once.wait(10)
    pulse.start(round_)
    assert twice.wait(10)
    pulse.stop()
