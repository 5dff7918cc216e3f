"""A worker's sign of life, and the watch over the thread that it works in."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure.engine import lease as module
from perdure.engine.lease import LeaseKeeper, Pulse, Watch
from perdure.errors import WorldUnavailable
from perdure.model.ids import RunId
from perdure.testing.conformance.sample import ONE
from perdure.world import Lease
from perdure.worlds.memory.world import MemoryWorld
from tests.engine.moody import MoodyWorld
from tests.engine.stage import Stage

PATIENCE_S = 20.0
RUN = RunId("wrun_1")


def lease() -> Lease:
    return Lease(worker_id=ONE, lease_ms=10_000, process="", workflows=("app:fulfil",))


class TestKeeper:
    @staticmethod
    def play(act: "Callable[[Stage, MoodyWorld, LeaseKeeper], Awaitable[None]]") -> None:
        stage = Stage()

        async def scene() -> None:
            world = MoodyWorld(stage.world)
            await act(stage, world, LeaseKeeper(world, lease, asyncio.get_running_loop().time, 2.0))

        stage.play(scene)

    def test_before_the_first_beat_nothing_is_sure(self) -> None:
        async def act(stage: Stage, world: MoodyWorld, keeper: LeaseKeeper) -> None:
            assert not keeper.live
            await keeper.beat()
            assert keeper.live

        self.play(act)

    def test_without_beats_it_lapses_here_before_it_lapses_there(self) -> None:
        async def act(stage: Stage, world: MoodyWorld, keeper: LeaseKeeper) -> None:
            await keeper.beat()
            await asyncio.sleep(8.99)
            assert keeper.live
            await asyncio.sleep(0.02)
            assert not keeper.live
            [worker] = await stage.world.workers()
            assert worker.lease_until_ms > worker.now_ms

        self.play(act)

    def test_a_beat_counts_from_when_it_was_sent(self) -> None:
        async def act(stage: Stage, world: MoodyWorld, keeper: LeaseKeeper) -> None:
            inner = stage.world.beat

            async def slow(made: Lease) -> int:
                until_ms = await inner(made)
                await asyncio.sleep(5)
                return until_ms

            stage.world.beat = slow  # type: ignore[method-assign]
            await keeper.beat()
            await asyncio.sleep(3.9)
            assert keeper.live
            await asyncio.sleep(0.2)
            assert not keeper.live

        self.play(act)

    def test_who_keeps_it_has_just_begun_it(self) -> None:
        async def act(stage: Stage, world: MoodyWorld, keeper: LeaseKeeper) -> None:
            keeping = asyncio.create_task(keeper.keep())
            await asyncio.sleep(1.9)
            assert not keeper.live
            await asyncio.sleep(0.2)
            assert keeper.live
            keeping.cancel()

        self.play(act)

    def test_it_is_kept_through_a_world_that_comes_and_goes(self) -> None:
        async def act(stage: Stage, world: MoodyWorld, keeper: LeaseKeeper) -> None:
            keeping = asyncio.create_task(keeper.keep())
            for _ in range(5):
                await asyncio.sleep(7)
                world.away = True
                await asyncio.sleep(5)
                world.away = False
                assert keeper.live
            world.away = True
            await asyncio.sleep(20)
            assert not keeper.live
            world.away = False
            await asyncio.sleep(2.1)
            assert keeper.live
            keeping.cancel()

        self.play(act)


@pytest.mark.anyio
class TestWatch:
    async def test_only_a_body_is_watched(self) -> None:
        watch = Watch()
        assert watch.held_s() == 0
        watch.activating(RUN)
        assert watch.held_s() >= 0
        watch.activating(None)
        assert watch.held_s() == 0

    async def test_it_is_told_of_each_activation_and_its_end(self) -> None:
        watch = Watch()
        watch.activating(RUN)
        assert watch.run_id == RUN
        watch.activating(None)
        assert (watch.run_id, watch.held_s()) == (None, 0.0)

    async def test_it_says_once_who_holds_the_thread_and_where(self, caplog: pytest.LogCaptureFixture) -> None:
        watch = Watch()

        def held_here() -> None:
            reporting = threading.Thread(target=lambda: (watch.report(), watch.report()))
            reporting.start()
            reporting.join()

        watch.report()
        watch.activating(RUN)
        held_here()
        [said] = [record.getMessage() for record in caplog.records]
        assert said.startswith("the body of run wrun_1 has held its worker's thread for 0.0 s:\n")
        assert ", in held_here\n" in said
        watch.activating(RUN)
        watch.report()
        assert len(caplog.records) == 2, "another activation is another report"


@pytest.mark.anyio
class TestPulse:
    """Real threads: waits are for conditions, and hold the loop's own thread."""

    @staticmethod
    def until(condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, "it never came true"
            threading.Event().wait(0.002)

    @staticmethod
    def pulse(world: Any, watch: Watch, give_up: Any, beat_s: float = 0.005) -> tuple[LeaseKeeper, Pulse]:
        keeper = LeaseKeeper(world, lease, time.monotonic, beat_s)
        return keeper, Pulse(keeper, watch, give_up)

    @staticmethod
    async def never(stuck: RunId | None) -> None:
        raise AssertionError("nothing is stuck")

    async def test_it_beats_while_the_loops_thread_is_held(self) -> None:
        world = MoodyWorld(MemoryWorld())
        keeper, pulse = self.pulse(world, Watch(), self.never)
        pulse.start()
        self.until(lambda: world.reads > 5)
        assert keeper.live
        pulse.stop()
        beats = world.reads
        assert not pulse._thread.is_alive()
        assert world.reads == beats
        pulse.stop()

    async def test_a_body_that_is_stuck_is_told_of_and_its_neighbours_given_up(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(module, "REPORT_AFTER_S", 0.01)
        monkeypatch.setattr(module, "GIVE_UP_AFTER_S", 0.03)
        given_up: list[RunId | None] = []

        async def give_up(stuck: RunId | None) -> None:
            given_up.append(stuck)
            if len(given_up) == 1:
                raise WorldUnavailable("away, for once")

        world, watch = MoodyWorld(MemoryWorld()), Watch()
        keeper, pulse = self.pulse(world, watch, give_up)
        with caplog.at_level(logging.WARNING):
            watch.activating(RUN)
            pulse.start()
            self.until(lambda: len(given_up) == 2)
            beats = world.reads
            self.until(lambda: world.reads > beats + 3)
        assert given_up == [RUN, RUN], "tried again, then once is enough"
        assert keeper.live, "the lease is kept: its own run goes on"
        told = [record.getMessage() for record in caplog.records]
        assert sum("has held its worker's thread" in line for line in told) == 1
        assert any("could not be given up, trying again" in line for line in told)
        watch.activating(None)
        pulse.stop()


def test_a_loop_that_was_closed_over_its_workers_head_ends_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody stopped the worker, and nothing of it goes on: others may have its runs at once."""
    monkeypatch.setattr(module, "REPORT_AFTER_S", 0.01)
    world = MemoryWorld()

    async def begin() -> Pulse:
        keeper, pulse = TestPulse.pulse(world, Watch(), TestPulse.never)
        await keeper.beat()
        assert len(await world.workers()) == 1
        pulse.start()
        return pulse

    pulse = asyncio.run(begin())
    TestPulse.until(lambda: not pulse._thread.is_alive())
    assert asyncio.run(world.workers()) == ()
