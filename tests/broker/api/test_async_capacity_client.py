"""The client of leases for event loops: the same promises, with tasks instead of threads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.api.async_capacity_client import AsyncCapacityClient, TaskLease, TaskPulse
from broker.api.held_lease import LeaseEvent, LeaseEventKind
from broker.api.wire.pools import PoolChange
from broker.capacity.lease import LeaseState
from broker.errors import InsufficientCapacityError, LeaseLostError
from tests.broker.api.lease_world import Stage, World, a_stage, answers, cut_off, refused
from tests.conftest import sqlite_database

ASK, RENEW = "/capacity-requests", "/leases:renew"


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with a_stage(sqlite_database(sqlite_template, tmp_path_factory.mktemp("leases"))) as found:
        yield found


@pytest.fixture
def world(stage: Stage) -> World:
    return stage.world()


def run(world: World, work: Callable[[AsyncCapacityClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with world.async_client() as client:
            await work(client)

    asyncio.run(main())


@asynccontextmanager
async def leased(
    world: World, client: AsyncCapacityClient, gpu_count: int = 8
) -> AsyncIterator[TaskLease]:
    async with client.lease(gpu_models=[world.model], gpu_count=gpu_count) as lease:
        yield lease


def test_gpus_are_ours_for_as_long_as_the_block_runs(world: World) -> None:
    async def work(client: AsyncCapacityClient) -> None:
        async with leased(world, client) as lease:
            assert lease.is_safe()
            assert world.pool() == (8, 0, 8)

    run(world, work)

    assert world.states() == ["released"]


def test_a_lost_answer_and_a_busy_server_are_asked_again_with_one_key(world: World) -> None:
    world.network.breaks(ASK, answers(503, Retry_After="2"), refused, cut_off)

    async def work(client: AsyncCapacityClient) -> None:
        async with leased(world, client):
            assert world.pool() == (8, 0, 8)

    run(world, work)

    assert len({sent.headers["Idempotency-Key"] for sent in world.network.paths(ASK)}) == 1
    assert len(world.network.paths(ASK)) == 4
    assert len(world.leases()) == 1
    assert world.time.waited == [2.0, 0.5, 1.0]


def test_heartbeats_that_get_through_keep_it_and_others_lose_it(world: World) -> None:
    told: list[LeaseEvent] = []

    async def work(client: AsyncCapacityClient) -> None:
        lease = await client.hold(gpu_models=[world.model], gpu_count=8, listener=told.append)
        world.time.pass_(20)
        assert await world.async_pulse.round() == 20.0
        assert lease.seconds_left() == 54.0

        world.network.is_down = RENEW
        while (seconds := await world.async_pulse.round()) is not None:
            world.time.pass_(seconds)

        assert lease.lost.is_set()
        with pytest.raises(LeaseLostError):
            await client.give_back(lease)

    run(world, work)

    assert [event.kind for event in told] == [LeaseEventKind.LOST]
    assert world.states() == ["released"]


def test_a_task_that_is_cancelled_gives_its_gpus_back(world: World) -> None:
    async def work(client: AsyncCapacityClient) -> None:
        began = asyncio.Event()

        async def hold() -> None:
            async with leased(world, client):
                began.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(world, work)

    assert world.pool() == (16, 0, 0)


def test_a_task_that_is_cancelled_while_it_waits_cancels_its_request(world: World) -> None:
    def cancel() -> None:
        raise asyncio.CancelledError

    async def work(client: AsyncCapacityClient) -> None:
        async with leased(world, client, gpu_count=16):
            world.time.while_waiting = cancel
            with pytest.raises(asyncio.CancelledError):
                await client.hold(gpu_models=[world.model], gpu_count=8, wait_seconds=None)

    run(world, work)

    assert world.requests() == ["granted", "cancelled"]


def test_everything_else_is_there_too(world: World) -> None:
    async def work(client: AsyncCapacityClient) -> None:
        got = await client.obtain(gpu_models=[world.model], gpu_count=8)
        again = await client.request(gpu_models=[world.model], gpu_count=8, key="mine")
        explained = await client.explain(gpu_models=[world.model], gpu_count=24)
        with pytest.raises(InsufficientCapacityError):
            await client.obtain(gpu_models=[world.model], gpu_count=8)

        assert (await client.find_lease(got.id)).state is LeaseState.GRANTED
        assert (await client.look(again.id)).lease_id is not None
        assert explained.reason is not None
        await client.release(got.id, fence=got.fence)
        listed = [each.id async for each in client.leases(holder=world.holder)]
        assert listed[-1] == got.id
        assert (await client.change_pool(world.pool_id, PoolChange(draining=True))).draining
        assert world.pool_id in {pool.id for pool in (await client.pools()).items}
        waits = await client.request(gpu_models=[world.model], gpu_count=8, queue=True)
        assert (await client.cancel(waits.id)).state == "cancelled"

    run(world, work)


def test_the_pulse_beats_in_a_task_until_it_is_stopped() -> None:
    async def main() -> int:
        beats, enough = 0, asyncio.Event()

        async def round_() -> float | None:
            nonlocal beats
            beats += 1
            if beats == 3:
                enough.set()
                return None
            return 0.0

        pulse = TaskPulse()
        pulse.start(round_)
        await enough.wait()
        await pulse.stop()
        return beats

    assert asyncio.run(main()) == 3
