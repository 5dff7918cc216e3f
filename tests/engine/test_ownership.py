"""Which runs a worker owns: sweeps over columns, by the store's clock, with every hint lost as well."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from perdure.engine import ownership as module
from perdure.engine.ownership import Sweeper, give_up_all_but
from perdure.engine.process import this_process
from perdure.engine.queue import Service
from perdure.engine.registry import Registry
from perdure.model.ids import RunId, WorkerId
from perdure.testing.conformance.sample import (
    FLOW,
    LEASE_MS,
    ONE,
    TWO,
    born,
    do,
    letter_to,
    record_of,
    run_id,
    sent,
    start_of,
)
from perdure.world import Claimed, Lease, Owned, World
from tests.engine.moody import MoodyWorld
from tests.engine.stage import Stage


class AskedWorld(MoodyWorld):
    """`asked` is what it was asked for, of what a worker owns: "all", or "mail"; it waits for `answers` first."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.world)
        self.asked: list[str] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        self._look()
        self.asked.append("mail" if with_mail else "all")
        owned = await self.inner.owned(worker_id, with_mail=with_mail)
        await self.answers.wait()
        return owned


class Holder:
    """Holds what it adopts. `odd` is what it says of what it owns."""

    deployment = "blue"

    def __init__(self, stage: Stage) -> None:
        self.worker_id: WorkerId = ONE
        self.world = AskedWorld(stage)
        registry = Registry()
        registry._served = frozenset((FLOW,))
        self.service = Service(registry)
        self.space = 1000
        self.held: dict[RunId, int] = {}
        self.adopted: list[tuple[RunId, int]] = []
        self.forgotten: list[RunId] = []
        self.looked_at: list[float] = []
        self.looked_for: list[RunId] = []
        self.breaks = False
        self.opening = asyncio.Event()
        self.opening.set()
        self.leased = True

    async def own(self, *numbers: int) -> None:
        """Hold these runs, with a lease for long."""
        for number in numbers:
            await born(self.world.inner, number)
            self.held[run_id(number)] = 1
        await beat(self.world.inner, ONE)

    def has_lease(self) -> bool:
        return self.leased

    def room(self) -> int:
        return self.space - len(self.held)

    def slots(self) -> int:
        return self.room()

    async def adopt(self, claimed: Claimed) -> None:
        if self.breaks:
            raise ValueError("broken")
        self.held[claimed.run_id] = claimed.epoch
        await self.opening.wait()
        self.adopted.append((claimed.run_id, claimed.epoch))

    def compare(self, owned: dict[RunId, Owned]) -> set[RunId]:
        self.looked_at.append(asyncio.get_running_loop().time())
        return {
            known for known in {*owned, *self.held} if known not in owned or owned[known].epoch != self.held.get(known)
        }

    def look(self, run_id: RunId) -> None:
        self.looked_for.append(run_id)

    def forget(self, run_id: RunId) -> None:
        self.forgotten.append(run_id)
        self.held.pop(run_id, None)


Act = Callable[[Stage, Holder, Sweeper], Awaitable[None]]


def play(act: Act, *, hints: bool = True) -> None:
    stage = Stage()

    async def scene() -> None:
        holder = Holder(stage)
        sweeper = Sweeper(holder)  # type: ignore[arg-type]
        await beat(stage.world, ONE)
        sweeping = asyncio.create_task(sweeper.sweep_for_ever())
        if hints:
            stage.world.subscribe(sweeper.hinted)
        await asyncio.sleep(0.01)
        await act(stage, holder, sweeper)
        assert not sweeping.done(), "nothing ends the sweeper"
        sweeping.cancel()

    stage.play(scene)


async def beat(world: World, worker_id: WorkerId, process: str = "", lease_ms: int = 3_600_000) -> None:
    await world.beat(Lease(worker_id=worker_id, lease_ms=lease_ms, process=process, workflows=(FLOW,)))


class TestClaims:
    def test_a_hint_is_enough(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await do(stage.world, start_of(1))
            await asyncio.sleep(0.001)
            assert holder.adopted == [(run_id(1), 1)]

        play(act)

    def test_what_is_handed_back_is_for_others_first(self) -> None:
        """For a moment, and seldom: what this worker can open must not wait for what it can't."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            sweeper.give_way()
            await do(stage.world, start_of(1))
            await asyncio.sleep(0.7)
            assert holder.adopted == []
            await asyncio.sleep(0.6)
            assert holder.adopted == [(run_id(1), 1)]
            for number in range(2, 6):
                sweeper.give_way()
                await do(stage.world, start_of(number))
                await asyncio.sleep(0.6)
                assert len(holder.adopted) == number

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

    def test_what_one_claim_brings_is_opened_side_by_side(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            holder.opening.clear()
            await stage.world.commit([start_of(number) for number in range(1, 4)])
            await asyncio.sleep(0.001)
            assert (len(holder.held), holder.adopted) == (3, [])
            holder.opening.set()
            await asyncio.sleep(0.001)
            assert len(holder.adopted) == 3

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

    def test_nothing_is_claimed_without_a_lease(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            holder.leased = False
            await do(stage.world, start_of(1))
            await asyncio.sleep(60)
            assert (holder.adopted, holder.looked_at) == ([], [])
            holder.leased = True
            await asyncio.sleep(0.5)
            assert holder.adopted == [(run_id(1), 1)]

        play(act)


class TestLooks:
    """At what is owned, and so for mail."""

    def test_without_a_hint_now_and_then(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await asyncio.sleep(10)
            assert holder.looked_at == pytest.approx([3, 6, 9], abs=0.01)

        play(act)

    def test_a_hint_is_followed_at_once_by_a_look_for_mail_alone(self) -> None:
        """What is owned may be much: not all of it is listed for every hint."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await holder.own(1, 2, 3)
            await sent(stage.world, letter_to(2))
            await asyncio.sleep(1)
            assert (holder.looked_for, holder.world.asked) == ([], [])
            sweeper.hinted()
            await asyncio.sleep(0.001)
            assert holder.looked_for == [run_id(2)]
            assert (holder.world.asked, holder.looked_at) == (["mail"], [])

        play(act, hints=False)

    def test_many_hints_are_one_look(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            for _ in range(50):
                sweeper.hinted()
            await asyncio.sleep(0.3)
            assert holder.world.asked == ["mail"]

        play(act, hints=False)

    def test_a_hint_during_a_look_leads_to_one_more(self) -> None:
        """The letter may have come too late for the one under way."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await holder.own(1)
            holder.world.answers.clear()
            sweeper.hinted()
            await asyncio.sleep(0.1)
            await sent(stage.world, letter_to(1))
            for _ in range(50):
                sweeper.hinted()
            await asyncio.sleep(0.1)
            assert (holder.world.asked, holder.looked_for) == (["mail"], [])
            holder.world.answers.set()
            await asyncio.sleep(0.001)
            assert (holder.world.asked, holder.looked_for) == (["mail", "mail"], [run_id(1)])
            await asyncio.sleep(0.3)
            assert holder.world.asked == ["mail", "mail"]

        play(act, hints=False)

    def test_no_hint_means_no_look_for_mail(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            sweeper.soon()
            await asyncio.sleep(2)
            assert holder.world.asked == []

        play(act, hints=False)

    def test_a_hint_without_a_lease_is_followed_once_there_is_one(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await holder.own(1)
            await sent(stage.world, letter_to(1))
            holder.leased = False
            sweeper.hinted()
            await asyncio.sleep(1)
            assert holder.looked_for == []
            holder.leased = True
            await asyncio.sleep(module.SWEEP_S)
            assert holder.looked_for == [run_id(1)]

        play(act, hints=False)

    def test_what_is_odd_is_looked_at_again_soon_but_not_in_the_same_breath(self) -> None:
        """What a start has committed may not have been told yet."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await born(stage.world, 1)
            await beat(stage.world, ONE)
            while not holder.looked_at:
                await asyncio.sleep(0.001)
            sweeper.hinted()
            await asyncio.sleep(module.SWEEP_S - 0.01)
            assert holder.adopted == []
            await asyncio.sleep(0.02)
            assert holder.adopted == [(run_id(1), 2)]

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
            await beat(stage.world, ONE)
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
            await beat(stage.world, ONE)
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
            await beat(stage.world, ONE)
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
            await beat(stage.world, TWO, process)
            await do(stage.world, start_of(1, owner=TWO))
            await asyncio.sleep(1)
            assert (run_id(1) in holder.held) is adopted

        play(act)

    def test_a_lease_that_lapses_is_as_good(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await beat(stage.world, TWO, "", LEASE_MS)
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


class TestWhatItHasDropped:
    def test_is_claimed_afresh_at_once(self) -> None:
        """Without being seen twice: nobody else could have had a hand in it."""

        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await holder.own(1, 2)
            await asyncio.sleep(1)
            holder.held.pop(run_id(1))
            sweeper.lost(run_id(1))
            await asyncio.sleep(0.01)
            assert (holder.adopted, holder.held) == ([(run_id(1), 2)], {run_id(1): 2, run_id(2): 1})

        play(act, hints=False)

    def test_is_left_to_who_has_it_by_now(self) -> None:
        async def act(stage: Stage, holder: Holder, sweeper: Sweeper) -> None:
            await holder.own(1)
            sweeper.lost(run_id(1))
            await asyncio.sleep(1)
            assert (holder.adopted, holder.held) == ([], {run_id(1): 1})

        play(act, hints=False)
