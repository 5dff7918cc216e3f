"""Waiting for the end of runs, here and elsewhere, whatever happens to the run meanwhile."""

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from perdure.engine.engine import Engine
from perdure.engine.follow import Reminders
from perdure.errors import DecodeError, RunNotFound, WorldUnavailable
from perdure.model.event import Fact, RunBlocked, RunCancelled, RunCompleted, RunFailed
from perdure.model.ids import RunId
from perdure.testing.conformance.sample import append_to, born, do, row, run_id
from perdure.world import RunFilter, RunPage, World
from tests.core.logs import raw
from tests.engine.moody import MoodyWorld
from tests.engine.program import ALL, clean, doomed, gate, held, nap, one, wait_for
from tests.engine.stage import Stage, new


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()


class Waiting:
    """Somebody waits for the end of a run of `held`, in the process that runs it or in another."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def begin(self) -> "Waiting":
        self.worker = await self.stage.working(*ALL)
        self.looker = self.stage.engine(*ALL)
        started = await self.worker.start(new(held, "x"))
        self.run_id = started.run_id
        self.here = self._wait(self.worker)
        self.elsewhere = self._wait(self.looker)
        await asyncio.sleep(0.1)
        assert not self.here.done()
        assert not self.elsewhere.done()
        return self

    def _wait(self, engine: Engine) -> "asyncio.Task[Fact]":
        return asyncio.create_task(engine.end(self.run_id))

    async def both(self) -> list[Fact]:
        async with asyncio.timeout(5):
            one, other = await asyncio.gather(self.here, self.elsewhere)
        assert one == other
        return [one]


def play(act: "Any") -> None:
    stage = Stage()

    async def scene() -> None:
        await act(await Waiting(stage).begin())

    stage.play(scene)


def test_an_end_is_told_here_and_elsewhere() -> None:
    async def act(on: Waiting) -> None:
        gate("x").set()
        assert await on.both() == [RunCompleted(result=raw('"x, then"'))]

    play(act)


def test_a_run_that_is_handed_back_is_followed_to_the_next_worker() -> None:
    async def act(on: Waiting) -> None:
        await on.worker.rest(0)
        await asyncio.sleep(3)
        assert not on.here.done()
        other = await on.stage.working(*ALL)
        gate("x").set()
        assert await on.both() == [RunCompleted(result=raw('"x, then"'))]
        await other.close()

    play(act)


def test_a_run_that_is_put_away_is_followed_until_it_comes_back() -> None:
    stage = Stage()

    async def scene() -> None:
        engine = await stage.working(*ALL)
        assert engine.worker is not None
        started = await engine.start(new(nap, 3600.0))
        waiting = asyncio.create_task(engine.end(started.run_id))
        await asyncio.sleep(5)
        assert started.run_id not in engine.worker.runs, "it is asleep"
        assert await waiting == RunCompleted(result=raw('"awake"'))
        assert 3_600_000 <= stage.passed_ms < 3_601_000

    stage.play(scene)


def test_a_run_that_is_taken_over_by_force() -> None:
    async def act(on: Waiting) -> None:
        assert await on.looker.cancel(on.run_id, "enough", 0)
        assert await on.both() == [RunCancelled(reason="enough", forced=True)]

    play(act)


def test_a_failure_elsewhere() -> None:
    stage = Stage()

    async def scene() -> None:
        first = await stage.working(*ALL)
        started = await first.start(new(one, "x"))
        assert isinstance(await first.end(started.run_id), RunCompleted)
        other = await stage.working(held, wait_for)  # its second step isn't known there
        started = await other.start(new(held, "y"))
        gate("y").set()
        assert isinstance(await first.end(started.run_id), RunFailed)

    stage.play(scene)


def test_a_retry_while_somebody_waits_is_no_end() -> None:
    """The failure may not have been seen yet, when the run goes on."""
    stage = Stage()

    async def scene() -> None:
        worker, looker = await stage.working(*ALL), stage.engine(*ALL)
        started = await worker.start(new(doomed, "x"))
        waiting = asyncio.create_task(looker.end(started.run_id))
        await asyncio.sleep(0)  # it has looked: the run was running
        while await stage.status(started.run_id) != "failed":
            await asyncio.sleep(0)
        await looker.retry(started.run_id)
        assert isinstance(await waiting, RunFailed)
        types = await stage.types(started.run_id)
        assert types.count("run_retried") == 1
        assert types.count("run_failed") >= 1

    stage.play(scene)


def test_after_a_close_nobody_waits_any_more() -> None:
    async def act(on: Waiting) -> None:
        await on.worker.close()
        await on.looker.close()
        for waiting in (on.here, on.elsewhere):
            with pytest.raises(WorldUnavailable, match="this process is closing its world"):
                await waiting

    play(act)


def test_whoever_gives_up_leaves_nothing_behind() -> None:
    async def act(on: Waiting) -> None:
        on.here.cancel()
        on.elsewhere.cancel()
        await asyncio.sleep(2)
        assert on.looker._follower._waiters == {}
        assert on.looker._follower._watcher is not None
        assert on.looker._follower._watcher.done()

    play(act)


def test_a_run_that_is_not_there() -> None:
    async def act(on: Waiting) -> None:
        with pytest.raises(RunNotFound):
            await on.looker.end(RunId("wrun_0"))

    play(act)


def test_a_world_that_is_away_is_asked_again() -> None:
    stage = Stage()

    async def scene() -> None:
        worker, world = await stage.working(*ALL), MoodyWorld(stage.world)
        looker = stage.engine(*ALL, world=world)
        started = await worker.start(new(held, "x"))
        waiting = asyncio.create_task(looker.end(started.run_id))
        await asyncio.sleep(0.1)
        world.away = True
        gate("x").set()
        await asyncio.sleep(5)
        assert not waiting.done()
        world.away = False
        assert isinstance(await asyncio.wait_for(waiting, 2), RunCompleted)

    stage.play(scene)


def test_a_world_that_is_away_when_somebody_comes_is_asked_again() -> None:
    stage = Stage()

    async def scene() -> None:
        worker, world = await stage.working(*ALL), MoodyWorld(stage.world)
        looker = stage.engine(*ALL, world=world)
        started = await worker.start(new(held, "x"))
        world.away = True
        waiting, absent = [asyncio.create_task(looker.end(run)) for run in (started.run_id, RunId("wrun_0"))]
        gate("x").set()
        await asyncio.sleep(5)
        assert not waiting.done()
        world.away = False
        assert isinstance(await asyncio.wait_for(waiting, 2), RunCompleted)
        with pytest.raises(RunNotFound):
            await asyncio.wait_for(absent, 3)

    stage.play(scene)


def test_whoever_comes_after_the_close_is_told() -> None:
    stage = Stage()

    async def scene() -> None:
        worker, world = await stage.working(*ALL), MoodyWorld(stage.world)
        looker = stage.engine(*ALL, world=world)
        started = await worker.start(new(held, "x"))
        await looker.close()
        for world.away in (False, True):
            with pytest.raises(WorldUnavailable, match="this process is closing its world"):
                await looker.end(started.run_id)

    stage.play(scene)


def test_an_end_that_cannot_be_read_is_the_trouble_of_who_waits_for_it() -> None:
    stage = Stage()

    async def ended(number: int, payload: bytes) -> None:
        end = row("run_completed", payload=payload, key="")
        await do(stage.world, append_to(number, 3, rows=(end,), status="completed"))

    async def scene() -> None:
        looker = stage.engine()
        for number in (1, 2):
            await born(stage.world, number)
        broken, sound = (asyncio.create_task(looker.end(run_id(number))) for number in (1, 2))
        await asyncio.sleep(0.1)
        await ended(1, b"\x07")
        with pytest.raises(DecodeError, match="run_completed can't be read back: its first byte is 07"):
            await broken
        await ended(2, b'{"result":1}')
        assert await sound == RunCompleted(result=raw("1"))

    stage.play(scene)


def test_a_parked_run_ends_the_waiting() -> None:
    stage = Stage()

    async def scene() -> None:
        looker = stage.engine()
        await born(stage.world)
        waiting = asyncio.create_task(looker.end(run_id(1)))
        await asyncio.sleep(0.1)
        parked = row("run_blocked", payload=b'{"sentence":"why"}', key="")
        await do(stage.world, append_to(1, 3, rows=(parked,), status="blocked"))
        assert await waiting == RunBlocked(sentence="why")

    stage.play(scene)


def test_a_run_that_is_removed_while_others_write_is_missed_soon() -> None:
    """Most looks are at what is over, and it isn't that any more."""
    stage = Stage()

    async def scene() -> None:
        looker = stage.engine()
        for number in (1, 2):
            await born(stage.world, number)
        waiting = asyncio.create_task(looker.end(run_id(1)))
        await asyncio.sleep(0.1)
        end = row("run_completed", payload=b'{"result":1}', key="")
        await asyncio.gather(
            do(stage.world, append_to(1, 3, rows=(end,), status="completed")), stage.world.retention.prune(0, 9)
        )
        assert await stage.world.read_run(run_id(1)) is None
        for seq in range(3, 303):
            await do(stage.world, append_to(2, seq))
            await asyncio.sleep(0.01)
        assert waiting.done()
        with pytest.raises(RunNotFound):
            await waiting

    stage.play(scene)


def test_many_are_looked_for_with_one_question() -> None:
    stage = Stage()

    async def scene() -> None:
        world = Counting(stage.world)
        looker = stage.engine(world=world)  # type: ignore[arg-type]
        for number in range(1, 101):
            await born(stage.world, number)
        waiting = [asyncio.create_task(looker.end(run_id(number))) for number in range(1, 101)]
        await asyncio.sleep(30)
        assert world.asked[0] == 100
        assert set(world.asked) == {100}
        assert len(world.asked) < 30, "one for each look"
        end = row("run_completed", payload=b'{"result":1}', key="")
        await do(stage.world, append_to(7, 3, rows=(end,), status="completed"))
        assert await waiting[6] == RunCompleted(result=raw("1"))
        for other in (*waiting[:6], *waiting[7:]):
            assert not other.done()
            other.cancel()

    stage.play(scene)


class Counting(MoodyWorld):
    """`asked`: how many runs each question was for, once they are all waited for."""

    def __init__(self, inner: World) -> None:
        super().__init__(inner)
        self.asked: list[int] = []

    async def list_runs(self, filter: RunFilter) -> RunPage:
        self.asked.append(len(filter.run_ids))
        return await self.inner.list_runs(filter)


def test_a_run_that_goes_while_it_is_waited_for() -> None:
    stage = Stage()

    async def scene() -> None:
        looker = stage.engine()
        await born(stage.world)
        waiting = asyncio.create_task(looker.end(run_id(1)))
        await asyncio.sleep(0.1)
        del stage.world._state.runs[run_id(1)]
        with pytest.raises(RunNotFound):
            await waiting

    stage.play(scene)


WHERE = ContextVar("WHERE", default="nowhere")


class TestReminders:
    """`told`: who was reminded, when, and in whose context."""

    def play(self, act: "Any") -> list[tuple[str, float, str]]:
        stage, told = Stage(), []

        async def scene() -> None:
            loop, reminders = asyncio.get_running_loop(), Reminders()
            began = loop.time()

            def begin(who: str) -> object:
                async def tell() -> None:
                    told.append((who, round(loop.time() - began, 3), WHERE.get()))

                return reminders.begin(5.0, tell)

            await act(begin, reminders)
            await asyncio.sleep(30)
            assert not reminders._due

        stage.play(scene)
        return told

    def test_who_waits_for_long_is_told_once_and_each_after_the_same_time(self) -> None:
        async def act(begin: Any, reminders: Reminders) -> None:
            begin("a")
            await asyncio.sleep(2)
            begin("b")
            begin("c")

        assert self.play(act) == [("a", 5.0, "nowhere"), ("b", 7.0, "nowhere"), ("c", 7.0, "nowhere")]

    def test_who_has_what_it_waits_for_is_not(self) -> None:
        async def act(begin: Any, reminders: Reminders) -> None:
            first, _, last = begin("a"), begin("b"), begin("c")
            reminders.end(first)
            reminders.end(last)
            await asyncio.sleep(10)
            reminders.end(begin("d"))
            begin("e")

        assert self.play(act) == [("b", 5.0, "nowhere"), ("e", 15.0, "nowhere")]

    def test_each_is_told_where_it_waits(self) -> None:
        async def act(begin: Any, reminders: Reminders) -> None:
            async def waiting(where: str) -> None:
                WHERE.set(where)
                begin(where)

            await asyncio.gather(waiting("here"), waiting("there"))

        assert self.play(act) == [("here", 5.0, "here"), ("there", 5.0, "there")]

    def test_one_timer_is_enough_for_all(self) -> None:
        async def act(begin: Any, reminders: Reminders) -> None:
            loop: Any = asyncio.get_running_loop()
            set_before, calls = loop.call_later, []
            loop.call_later = lambda *given, **options: (calls.append(given), set_before(*given, **options))[1]
            for number in range(1000):
                reminders.end(begin(str(number)))
            assert len(calls) == 1

        assert self.play(act) == []
