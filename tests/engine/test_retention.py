"""Retention: one worker removes for all, batch by batch, and goes on where its World was away."""

import asyncio
import logging

import pytest

from perdure.engine import retention as module
from perdure.engine.retention import EVERY_S, Keeper, prunable, prune
from perdure.model.ids import WorkerId
from perdure.testing.conformance.sample import LEASE_MS, ONE, TWO, append_to, beat, born, do, done, run_id, start_of
from perdure.world import RunFilter, World
from tests.engine.moody import MoodyWorld
from tests.engine.program import one
from tests.engine.stage import Stage, new

DAY_MS = 24 * 3_600_000
KEPT_MS = 10 * 60_000


async def ended(world: World, *numbers: int) -> None:
    for number in numbers:
        await born(world, number)
        await done(world, append_to(number, 3, status="completed"))


async def left(world: World) -> int:
    return len((await world.list_runs(RunFilter(limit=1000))).runs)


def keeper(world: World, worker_id: WorkerId = ONE, kept_ms: int = KEPT_MS) -> Keeper:
    return Keeper(world, worker_id, kept_ms, lambda: 0.5)


def test_batches_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    stage = Stage()

    async def scene() -> None:
        await ended(stage.world, *range(1, 11))
        await born(stage.world, 11)
        assert await prune(stage.world, 1) == 0
        assert await prune(stage.world, 0) == 10
        assert await prune(stage.world, 0) == 0
        assert await left(stage.world) == 1

    stage.play(scene)


def test_what_would_be_removed_is_what_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees: their roots first, none whose parent stays; a run that is its own parent stays for ever."""
    monkeypatch.setattr("perdure.engine.listing.PAGE", 2)
    stage = Stage()

    async def scene() -> None:
        world = stage.world
        parents = {2: 1, 3: 2, 4: 3, 5: 99, 6: 6, 8: 7, 9: 8, 11: 10}
        await beat(world)
        for number in range(1, 12):
            parent = parents.get(number)
            await do(world, start_of(number, owner=ONE, parent_id=None if parent is None else run_id(parent)))
            if number not in (7, 10):
                await done(world, append_to(number, 3, status="failed"))
        stage.universe.now_us += DAY_MS * 1000
        await beat(world)
        await done(world, append_to(10, 3, status="completed"))
        assert await prunable(world, DAY_MS + 1) == 0
        assert await prunable(world, DAY_MS) == 5
        assert await prunable(world, 0) == 7
        assert await left(world) == 11
        assert await prune(world, DAY_MS) == 5
        assert await prunable(world, DAY_MS) == 0
        assert await prune(world, 0) == 2
        assert await left(world) == 4

    stage.play(scene)


def test_the_live_worker_with_the_least_id_leads() -> None:
    stage = Stage()

    async def scene() -> None:
        world = stage.world
        assert not await keeper(world, ONE).leads(), "it has no lease"
        await beat(world, TWO)
        assert await keeper(world, TWO).leads()
        await beat(world, ONE)
        assert (await keeper(world, ONE).leads(), await keeper(world, TWO).leads()) == (True, False)
        await do(world, start_of(1, owner=ONE))
        stage.universe.now_us += LEASE_MS * 1000
        await beat(world, TWO)
        assert (await keeper(world, ONE).leads(), await keeper(world, TWO).leads()) == (False, True), (
            "it left a run behind"
        )

    stage.play(scene)


def test_workers_remove_what_is_old_and_only_the_leader_does() -> None:
    stage = Stage()
    asked: list[int] = []

    class Counting(MoodyWorld):
        def __init__(self, number: int) -> None:
            super().__init__(stage.world)
            self.number, self.retention = number, self

        async def prune(self, ended_for_ms: int, limit: int) -> int:
            asked.append(self.number)
            return await stage.world.retention.prune(ended_for_ms, limit)

    async def scene() -> None:
        engines = [stage.engine(one, world=Counting(number), retention_ms=KEPT_MS) for number in range(2)]
        workers = [await engine.work() for engine in engines]
        leader = min((0, 1), key=lambda number: workers[number].worker_id)
        started = await engines[0].start(new(one, "x"))
        await engines[0].end(started.run_id)
        await passes(KEPT_MS - 60_000)
        assert await stage.world.read_run(started.run_id) is not None
        await passes(60_000 + 2 * EVERY_S * 1000)
        assert await stage.world.read_run(started.run_id) is None
        assert set(asked) == {leader}
        await engines[leader].close()
        asked.clear()
        await passes(2 * EVERY_S * 1000)
        assert set(asked) == {1 - leader}
        await engines[1 - leader].close()

    stage.play(scene)


def test_without_a_retention_nothing_is_removed() -> None:
    stage = Stage()

    async def scene() -> None:
        engine = await stage.working(one)
        started = await engine.start(new(one, "x"))
        await engine.end(started.run_id)
        await passes(30 * 60_000)
        assert await stage.world.read_run(started.run_id) is not None
        await engine.close()

    stage.play(scene)


def test_a_world_that_is_away_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()

    async def scene() -> None:
        world = MoodyWorld(stage.world)
        await ended(stage.world, 1)
        world.away = True
        keeping = asyncio.create_task(keeper(world, kept_ms=0).prune_for_ever())
        await passes(2 * EVERY_S * 1000)
        assert await left(stage.world) == 1
        world.away = False
        await beat(stage.world)
        await passes(EVERY_S * 1000 - 1)
        await beat(stage.world)
        await passes(2)
        assert await left(stage.world) == 0
        keeping.cancel()

    with caplog.at_level(logging.INFO, logger="perdure"):
        stage.play(scene)
    said = [record.getMessage() for record in caplog.records]
    assert (
        "old runs could not be removed, the next minute will try again: the world can't be reached: it is away" in said
    )
    assert said[-1] == "1 runs that ended long ago were removed"


async def passes(milliseconds: float) -> None:
    await asyncio.sleep(milliseconds / 1000)
