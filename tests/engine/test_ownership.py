"""Which runs a worker owns: sweeps over columns, by the store's clock, with every hint lost as well."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from perdure.engine import ownership as module
from perdure.engine.ownership import Sweeper, give_up_all_but
from perdure.engine.process import this_process
from perdure.engine.registry import Registry
from perdure.model.ids import RunId, WorkerId
from perdure.testing.conformance.sample import FLOW, LEASE_MS, ONE, TWO, born, do, record_of, run_id, start_of
from perdure.world import Claimed, Lease, Owned
from tests.engine.moody import MoodyWorld
from tests.engine.stage import Stage


class Names(Registry):
    """Knows one workflow, by name."""

    def workflow_names(self) -> tuple[str, ...]:
        return (FLOW,)


class Holder:
    """Holds what it adopts. `odd` is what it says of what it owns."""

    def __init__(self, stage: Stage) -> None:
        self.worker_id: WorkerId = ONE
        self.world = MoodyWorld(stage.world)
        self.registry: Registry = Names()
        self.space = 1000
        self.held: dict[RunId, int] = {}
        self.adopted: list[tuple[RunId, int]] = []
        self.forgotten: list[RunId] = []
        self.breaks = False

    def room(self) -> int:
        return self.space - len(self.held)

    async def adopt(self, claimed: Claimed) -> None:
        if self.breaks:
            raise ValueError("broken")
        self.held[claimed.run_id] = claimed.epoch
        self.adopted.append((claimed.run_id, claimed.epoch))

    def compare(self, owned: dict[RunId, Owned]) -> set[RunId]:
        return {known for known in {*owned, *self.held} if known not in owned or owned[known].epoch != self.held.get(known)}

    def forget(self, run_id: RunId) -> None:
        self.forgotten.append(run_id)
        self.held.pop(run_id, None)


Act = Callable[[Stage, Holder, Sweeper], Awaitable[None]]


def play(act: Act, *, hints: bool = True) -> None:
    stage = Stage()

    async def scene() -> None:
        holder = Holder(stage)
        sweeper = Sweeper(holder)  # type: ignore[arg-type]
        await beat(stage, ONE)
        sweeping = asyncio.create_task(sweeper.sweep_for_ever())
        if hints:
            stage.world.subscribe(sweeper.hinted)
        await asyncio.sleep(0.01)
        await act(stage, holder, sweeper)
        assert not sweeping.done(), "nothing ends the sweeper"
        sweeping.cancel()

    stage.play(scene)


async def beat(stage: Stage, worker_id: WorkerId, process: str = "", lease_ms: int = 3_600_000) -> None:
    await stage.world.beat(Lease(worker_id=worker_id, lease_ms=lease_ms, process=process, workflows=(FLOW,)))


class TestClaims:
    def test_a_hint_is_enough(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await do(stage.world, start_of(1))
            await asyncio.sleep(0.001)
            assert holder.adopted == [(run_id(1), 1)]

        play(act)

    def test_and_not_needed(self) -> None:
        """O8."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await do(stage.world, start_of(1))
            await asyncio.sleep(0.01)
            assert holder.adopted == []
            await asyncio.sleep(0.5)
            assert holder.adopted == [(run_id(1), 1)]

        play(act, hints=False)

    def test_what_is_due_later_is_claimed_then(self) -> None:
        """P5: at that moment, not up to a sweep later."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            due_ms = stage.now_ms() + 1234
            await do(stage.world, start_of(1, wake_at_ms=due_ms))
            while not holder.adopted:
                await asyncio.sleep(0.0001)
            assert 0 <= stage.now_ms() - due_ms <= 1

        play(act, hints=False)

    def test_what_this_process_puts_off_is_remembered(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            due_ms = stage.now_ms() + 100
            await do(stage.world, start_of(1, wake_at_ms=due_ms))
            sweeper.due_at(due_ms)
            while not holder.adopted:
                await asyncio.sleep(0.0001)
            assert 0 <= stage.now_ms() - due_ms <= 1

        play(act, hints=False)

    def test_many_come_in_one_sweep(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await stage.world.commit([start_of(number) for number in range(1, 251)])
            await asyncio.sleep(0.001)
            assert len(holder.held) == 250

        play(act)

    def test_no_more_than_there_is_room_for(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            holder.space = 3
            await stage.world.commit([start_of(number) for number in range(1, 11)])
            await asyncio.sleep(2)
            assert len(holder.held) == 3
            holder.held.clear()
            await asyncio.sleep(module.NO_ROOM_S + 0.01)
            assert len(holder.held) == 3, "as soon as there is room again"

        play(act, hints=False)

    def test_a_pause_claims_nothing(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            sweeper.paused = True
            await do(stage.world, start_of(1))
            await asyncio.sleep(2)
            assert holder.adopted == []

        play(act)


class TestTrouble:
    def test_a_world_that_is_away_is_asked_again(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            holder.world.away = True
            await do(stage.world, start_of(1))
            await asyncio.sleep(5)
            holder.world.away = False
            await asyncio.sleep(0.6)
            assert holder.adopted == [(run_id(1), 1)]

        play(act)

    def test_whatever_goes_wrong_the_next_sweep_comes(self, caplog: pytest.LogCaptureFixture) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            holder.breaks = True
            await do(stage.world, start_of(1))
            await asyncio.sleep(0.01)
            holder.breaks = False
            await do(stage.world, start_of(2))
            await asyncio.sleep(0.6)
            assert (run_id(2), 1) in holder.adopted
            await asyncio.sleep(10)
            assert run_id(1) in holder.held, "found again by looking at what is owned"

        play(act)
        assert "perdure failed in a sweep, the next will try again" in caplog.text


class TestWhatIsOwned:
    """O3."""

    def test_what_is_owned_but_not_held_is_claimed_afresh(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await born(stage.world, 1)
            await beat(stage, ONE)
            await asyncio.sleep(10)
            assert holder.adopted == [(run_id(1), 2)]
            assert holder.forgotten == [run_id(1)]
            assert (await record_of(stage.world)).epoch == 2

        play(act)

    def test_what_is_held_but_not_owned_is_dropped(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            holder.held[run_id(7)] = 1
            await asyncio.sleep(10)
            assert holder.held == {}
            assert holder.adopted == []

        play(act)

    def test_what_shows_on_one_side_for_a_moment_is_left(self) -> None:
        """A start that is committed, and not yet told."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await born(stage.world, 1)
            await beat(stage, ONE)
            await sweeper.find_owned()
            holder.held[run_id(1)] = 1
            await sweeper.find_owned()
            await asyncio.sleep(10)
            assert (holder.adopted, holder.forgotten) == ([], [])

        play(act)

    def test_after_a_lapse_only_what_was_lost_is_dropped(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await born(stage.world, 1)
            await born(stage.world, 2)
            await beat(stage, ONE)
            holder.held = {run_id(1): 1, run_id(2): 1}
            kept = stage.world._state.runs[run_id(2)]
            assert await stage.world.reclaim(ONE, run_id(2), kept.record.epoch)
            await sweeper.find_lost()
            assert holder.held == {run_id(1): 1}

        play(act)

    def test_a_look_for_the_lost_waits_for_the_world(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            holder.held[run_id(7)] = 1
            holder.world.away = True
            looking = asyncio.create_task(sweeper.find_lost())
            await asyncio.sleep(3)
            assert not looking.done()
            holder.world.away = False
            await asyncio.sleep(1)
            assert looking.done()
            assert holder.forgotten == [run_id(7)]

        play(act)


class TestTheDead:
    """O4: on one host, no wait for the lease."""

    @staticmethod
    def process_that_is_gone() -> str:
        code = "from perdure.engine.process import this_process; print(this_process())"
        return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()

    @pytest.mark.parametrize(("gone", "adopted"), [(True, True), (False, False)])
    def test_their_runs_are_taken_at_once(self, gone: bool, adopted: bool) -> None:
        process = self.process_that_is_gone() if gone else this_process()

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await beat(stage, TWO, process)
            await do(stage.world, start_of(1, owner=TWO))
            await asyncio.sleep(1)
            assert (run_id(1) in holder.held) is adopted

        play(act)

    def test_a_lease_that_lapses_is_as_good(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await beat(stage, TWO, "", LEASE_MS)
            await do(stage.world, start_of(1, owner=TWO))
            await asyncio.sleep(9.9)
            assert holder.held == {}
            await asyncio.sleep(0.7)
            assert run_id(1) in holder.held

        play(act)


def test_a_stuck_worker_gives_all_up_but_what_it_is_stuck_in() -> None:
    stage = Stage()

    async def scene() -> None:
        for number in (1, 2, 3):
            await born(stage.world, number)
        await give_up_all_but(stage.world, ONE, run_id(2))
        records = [await record_of(stage.world, number) for number in (1, 2, 3)]
        assert [(record.owner, record.epoch) for record in records] == [(None, 2), (ONE, 1), (None, 2)]
        assert all(record.wake_at_ms is not None for record in records if record.owner is None)

    stage.play(scene)
