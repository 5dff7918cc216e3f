"""Group commit: what shares a batch, what waits, and what becomes of a batch that fails."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from perdure.engine.committer import Committer, closing
from perdure.errors import WorldFull, WorldUnavailable
from perdure.model.ids import RunId
from perdure.testing.conformance.sample import append_to, born, log_of, row, run_id, start_of
from perdure.world import Append, Appended, Outcome, Refusal, Refused, Started
from tests.engine.moody import MoodyWorld
from tests.engine.stage import Stage


class Run:
    """A run that appends rows one by one, as long as it has `left`. `told` is what it heard."""

    def __init__(self, number: int, left: int = 1) -> None:
        self.number, self.left, self.seq = number, left, 3
        self.told: list[object] = []
        self.breaks: Exception | None = None
        self.again: Callable[[], None] = lambda: None

    def take(self) -> Append | None:
        if self.breaks is not None:
            raise self.breaks
        if not self.left:
            return None
        return append_to(self.number, self.seq, rows=(row(key=f"{self.number}/{self.seq}"),))

    def landed(self, outcome: Outcome) -> None:
        self.left, self.seq = self.left - 1, self.seq + 1
        self.told.append(outcome)
        self.again()

    def poisoned(self, error: Exception) -> None:
        self.told.append(error)


class Scene:
    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, MoodyWorld(stage.world)
        self.committer = Committer(self.world)

    async def runs(self, count: int, left: int = 1) -> list[Run]:
        for number in range(1, count + 1):
            await born(self.stage.world, number)
        return [Run(number, left) for number in range(1, count + 1)]

    @property
    def batches(self) -> list[list[RunId]]:
        """Who shared which batch."""
        return [[operation.run_id for operation in batch] for batch in self.world.batches]  # type: ignore[union-attr]


def play(act: "Callable[[Scene], object]") -> None:
    stage = Stage()

    async def scene() -> None:
        await act(Scene(stage))  # type: ignore[misc]

    stage.play(scene)


def is_appended(run: Run, times: int = 1) -> bool:
    return [type(outcome) for outcome in run.told] == [Appended] * times


class TestWithoutPatience:
    """`drained(0)` is for who looks whether anything is still being written."""

    def test_it_waits_for_nothing_but_hurries_what_is_lazy(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            assert await on.committer.drained(0)
            on.committer.offer(run, urgent=False)
            began_ms = on.stage.passed_ms
            assert not await on.committer.drained(0)
            while not await on.committer.drained(0):
                await asyncio.sleep(0)
            assert is_appended(run) and on.stage.passed_ms == began_ms

        play(act)


def test_who_asked_to_hear_does_though_nobody_waits() -> None:
    async def act(on: Scene) -> None:
        heard: list[Outcome] = []
        on.world.delay_s = 0.1
        waits = on.committer.submit(start_of(1), heard.append)
        await asyncio.sleep(0.05)
        waits.cancel()
        dropped = on.committer.submit(start_of(2), heard.append)
        dropped.cancel()
        await on.committer.drained()
        assert [type(outcome) for outcome in heard] == [Started], "what was never sent has no outcome"

    play(act)


class TestBatches:
    def test_all_that_is_urgent_shares_one(self) -> None:
        async def act(on: Scene) -> None:
            runs = await on.runs(5)
            for run in runs:
                on.committer.offer(run, urgent=True)
                on.committer.offer(run, urgent=True)
            await on.committer.drained()
            assert on.batches == [[run_id(number) for number in range(1, 6)]]
            assert all(is_appended(run) for run in runs)

        play(act)

    def test_while_one_is_written_the_next_gathers(self) -> None:
        async def act(on: Scene) -> None:
            first, *others = await on.runs(4)
            on.world.delay_s = 0.1
            on.committer.offer(first, urgent=True)
            await asyncio.sleep(0.05)
            for run in others:
                on.committer.offer(run, urgent=True)
            await on.committer.drained()
            assert on.batches == [[run_id(1)], [run_id(2), run_id(3), run_id(4)]]

        play(act)

    def test_a_run_is_never_in_two_at_once(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1, left=3)
            on.world.delay_s = 0.01
            run.again = lambda: on.committer.offer(run, urgent=True)
            on.committer.offer(run, urgent=True)
            await on.committer.drained()
            assert is_appended(run, 3)
            assert [row.key for row in (await log_of(on.stage.world)).rows[2:]] == ["1/3", "1/4", "1/5"]

        play(act)

    def test_what_is_lazy_waits_twenty_milliseconds(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.committer.offer(run, urgent=False)
            await asyncio.sleep(0.019)
            assert on.batches == []
            await asyncio.sleep(0.002)
            assert is_appended(run)

        play(act)

    def test_what_was_lazy_later_waits_on(self) -> None:
        async def act(on: Scene) -> None:
            first, second = await on.runs(2)
            on.committer.offer(first, urgent=False)
            await asyncio.sleep(0.010)
            on.committer.offer(second, urgent=False)
            await asyncio.sleep(0.015)
            assert on.batches == [[run_id(1)]]
            await asyncio.sleep(0.010)
            assert on.batches == [[run_id(1)], [run_id(2)]]

        play(act)

    def test_something_urgent_of_the_same_run_takes_it_along(self) -> None:
        async def act(on: Scene) -> None:
            lazy, hurried = await on.runs(2)
            on.committer.offer(lazy, urgent=False)
            on.committer.offer(hurried, urgent=False)
            on.committer.offer(hurried, urgent=True)
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            assert on.batches == [[run_id(2)]]
            await asyncio.sleep(0.03)
            assert on.batches == [[run_id(2)], [run_id(1)]], "and once is enough"

        play(act)

    def test_callers_get_their_outcome(self) -> None:
        async def act(on: Scene) -> None:
            first, second, refused = await asyncio.gather(
                on.committer.submit(start_of(1)), on.committer.submit(start_of(2)), on.committer.submit(append_to(9))
            )
            assert isinstance(first, Started)
            assert isinstance(second, Started)
            assert refused == Refused(refusal=Refusal.UNKNOWN)
            assert len(on.batches) == 1

        play(act)

    def test_a_caller_who_is_gone_writes_nothing_more(self) -> None:
        async def act(on: Scene) -> None:
            gone = asyncio.ensure_future(on.committer.submit(start_of(1)))
            on.world.delay_s = 0.1
            await asyncio.sleep(0.01)
            late = asyncio.ensure_future(on.committer.submit(start_of(2)))
            await asyncio.sleep(0.01)
            late.cancel()
            gone.cancel()
            await on.committer.drained()
            assert await on.world.read_run(run_id(1)) is not None, "it was on its way"
            assert await on.world.read_run(run_id(2)) is None

        play(act)

    def test_a_flood_of_starts_does_not_keep_runs_waiting(self) -> None:
        async def act(on: Scene) -> None:
            runs = await on.runs(3)
            starts = [asyncio.ensure_future(on.committer.submit(start_of(100 + number))) for number in range(600)]
            for run in runs:
                on.committer.offer(run, urgent=True)
            await asyncio.gather(*starts)
            assert [len(batch) for batch in on.batches] == [256, 256, 91]
            assert on.batches[0][:3] == [run_id(1), run_id(2), run_id(3)]

        play(act)


class TestTrouble:
    def test_a_run_that_cannot_say_what_it_wants_is_alone(self) -> None:
        async def act(on: Scene) -> None:
            broken, sound = await on.runs(2)
            broken.breaks = ValueError("broken")
            on.committer.offer(broken, urgent=True)
            on.committer.offer(sound, urgent=True)
            await on.committer.drained()
            assert broken.told == [broken.breaks]
            assert is_appended(sound)

        play(act)

    def test_a_run_that_cannot_take_its_outcome_is_dropped(self, caplog: pytest.LogCaptureFixture) -> None:
        async def act(on: Scene) -> None:
            broken, sound = await on.runs(2)

            def breaks() -> None:
                raise ValueError("broken")

            broken.again = breaks
            on.committer.offer(broken, urgent=True)
            on.committer.offer(sound, urgent=True)
            await on.committer.drained()
            assert [type(told) for told in broken.told] == [Appended, WorldUnavailable], "as if its world had gone"
            assert is_appended(sound)

        play(act)
        assert "perdure failed at one run, which goes on from its log" in caplog.text

    def test_poison_parks_its_run_and_nobody_elses(self, caplog: pytest.LogCaptureFixture) -> None:
        """L4."""

        async def act(on: Scene) -> None:
            runs = await on.runs(3)
            on.world.chokes_on = lambda operation: getattr(operation, "run_id", "") == run_id(2)
            for run in runs:
                on.committer.offer(run, urgent=True)
            await on.committer.drained()
            assert is_appended(runs[0])
            assert [str(error) for error in runs[1].told] == ["choked"]
            assert is_appended(runs[2])

        with caplog.at_level(logging.ERROR):
            play(act)
        assert "a commit was refused by the world, trying its parts: ValueError('choked')" in caplog.text

    def test_a_lost_answer_is_read_back(self) -> None:
        async def act(on: Scene) -> None:
            runs = await on.runs(3)
            on.world.answers_to_lose = 1
            for run in runs:
                on.committer.offer(run, urgent=True)
            await on.committer.drained()
            assert all(is_appended(run) for run in runs)
            assert len(on.batches) == 1, "nothing was sent twice"
            assert [(await log_of(on.stage.world, number)).run.length for number in (1, 2, 3)] == [3, 3, 3]

        play(act)

    def test_poison_whose_answer_was_lost_first_is_poison_all_the_same(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.away = True
            on.committer.offer(run, urgent=True)
            await asyncio.sleep(0.01)
            on.world.away = False
            on.world.chokes_on = lambda operation: True
            await on.committer.drained()
            assert [str(error) for error in run.told] == ["choked"]

        play(act)

    def test_a_world_that_is_away_keeps_everyone_waiting_in_order(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1, left=2)
            run.again = lambda: on.committer.offer(run, urgent=True)
            on.world.away = True
            on.committer.offer(run, urgent=True)
            started = asyncio.ensure_future(on.committer.submit(start_of(7)))
            await asyncio.sleep(30)
            assert (run.told, started.done()) == ([], False)
            on.world.away = False
            await asyncio.sleep(3)
            assert is_appended(run, 2)
            assert isinstance(started.result(), Started)

        play(act)

    def test_a_full_disk_is_told_to_callers_and_waited_for_by_runs(self, caplog: pytest.LogCaptureFixture) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.full = True
            on.committer.offer(run, urgent=True)
            with pytest.raises(WorldFull):
                await on.committer.submit(append_to(1, 3))
            await asyncio.sleep(30)
            assert run.told == []
            on.world.full = False
            await asyncio.sleep(3)
            assert is_appended(run)

        play(act)
        assert "the disk under /there is full: nothing more is accepted until space is freed" in caplog.text


class TestCancelled:
    """Somebody cancels all tasks of the loop, as its end does."""

    def test_what_was_on_its_way_is_read_back(self) -> None:
        async def act(on: Scene) -> None:
            first, second = await on.runs(2)
            on.world.delay_s = 0.1
            on.committer.offer(first, urgent=True)
            await asyncio.sleep(0.05)
            assert on.committer._writer is not None
            on.committer._writer.cancel()
            await asyncio.sleep(0)
            on.committer.offer(second, urgent=True)
            assert await on.committer.drained()
            assert is_appended(first) and is_appended(second)

        play(act)

    def test_who_is_cancelled_again_and_again_gives_up(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.delay_s = 0.1
            on.committer.offer(run, urgent=True)
            cancelled = 0
            await asyncio.sleep(0.05)
            while not run.told:
                assert on.committer._writer is not None and cancelled < 5
                cancelled += on.committer._writer.cancel()
                await asyncio.sleep(0.001)
            assert [str(told) for told in run.told] == [str(closing())]

        play(act)

    def test_whose_successor_is_cancelled_before_it_begins_is_followed_all_the_same(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.delay_s = 0.1
            on.committer.offer(run, urgent=True)
            await asyncio.sleep(0.05)
            for _ in range(2):
                writer = on.committer._writer
                assert writer is not None
                writer.cancel()
                for _ in range(2):  # until its successor is there, and no longer
                    await asyncio.sleep(0)
                assert on.committer._writer not in (writer, None)
            assert not await on.committer.drained(0)
            assert await on.committer.drained()
            assert is_appended(run)

        play(act)

    def test_one_that_waits_is_followed_by_another(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1, left=2)
            on.committer.offer(run, urgent=True)
            await on.committer.drained()
            assert on.committer._writer is not None
            on.committer._writer.cancel()
            on.committer.offer(run, urgent=True)  # it doesn't know yet
            assert await on.committer.drained()
            assert is_appended(run, 2)

        play(act)


class TestTheEnd:
    """`drained` and `close` have a patience: a process must be able to end while its World is away."""

    def test_drained_waits_for_what_is_lazy_too(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.committer.offer(run, urgent=False)
            assert await on.committer.drained()
            assert on.stage.passed_ms == 0
            assert is_appended(run)

        play(act)

    def test_what_is_offered_after_a_close_is_still_written(self) -> None:
        """Two may close one engine: one of them still drains its worker."""

        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            await on.committer.close()
            on.committer.offer(run, urgent=True)
            assert await on.committer.drained()
            assert is_appended(run)

        play(act)

    def test_drained_is_told_where_it_was_not(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.away = True
            on.committer.offer(run, urgent=True)
            assert not await on.committer.drained(4)
            assert on.stage.passed_ms == 4000

        play(act)

    def test_a_close_lets_what_is_being_written_finish(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.delay_s = 0.5
            on.committer.offer(run, urgent=True)
            await asyncio.sleep(0.1)
            await on.committer.close()
            assert (is_appended(run), on.stage.passed_ms) == (True, 500)

        play(act)

    def test_a_close_while_the_world_is_away_gives_up(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.away = True
            on.committer.offer(run, urgent=True)
            caller = asyncio.ensure_future(on.committer.submit(start_of(7)))
            await asyncio.sleep(1)
            late = asyncio.ensure_future(on.committer.submit(start_of(8)))
            await asyncio.sleep(0)
            await on.committer.close(5)
            assert on.stage.passed_ms == 6000
            [error] = run.told
            for said in (error, caller.exception(), late.exception()):
                assert isinstance(said, WorldUnavailable)
                assert said.reason == "this process is closing its world"
            tried = len(on.batches)
            await asyncio.sleep(60)
            assert len(on.batches) == tried

        play(act)

    def test_a_close_while_a_commit_never_comes_back_gives_up(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.delay_s = 3000
            on.committer.offer(run, urgent=True)
            await asyncio.sleep(1)
            await on.committer.close(5)
            assert on.stage.passed_ms == 6000
            assert [str(error) for error in run.told] == [
                "the world can't be reached: this process is closing its world"
            ]

        play(act)

    def test_a_close_while_the_disk_is_full_ends(self) -> None:
        async def act(on: Scene) -> None:
            [run] = await on.runs(1)
            on.world.full = True
            on.committer.offer(run, urgent=True)
            await asyncio.sleep(1)
            await on.committer.close()
            assert on.stage.passed_ms <= 11_000
            assert isinstance(run.told[0], WorldUnavailable)

        play(act)

    def test_after_it_nothing_is_taken(self) -> None:
        async def act(on: Scene) -> None:
            await on.committer.close()
            with pytest.raises(WorldUnavailable, match="this process is closing its world"):
                await on.committer.submit(replace(start_of(1)))
            await on.committer.close()

        play(act)


class Enclosed:
    """A transaction that takes as long as the test says."""

    def __init__(self, outcome: Outcome | Exception) -> None:
        self.outcome, self.go = outcome, asyncio.Event()

    async def commit(self, append: Append) -> Outcome:
        await self.go.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


APPENDED = Appended(at_ms=1, mail=0)


class TestATransaction:
    def test_goes_beside_the_batches(self) -> None:
        async def act(on: Scene) -> None:
            one, two = await on.runs(2)
            transaction = Enclosed(APPENDED)
            on.committer.enclose(one, transaction, append_to(1, 3))
            on.committer.offer(two, urgent=True)
            await asyncio.sleep(0.01)
            assert (is_appended(two), one.told) == (True, [])
            transaction.go.set()
            await asyncio.sleep(0.01)
            assert one.told == [APPENDED]

        play(act)

    def test_has_no_second_try(self) -> None:
        async def act(on: Scene) -> None:
            [one] = await on.runs(1)
            error = WorldUnavailable("the answer was lost")
            transaction = Enclosed(error)
            transaction.go.set()
            on.committer.enclose(one, transaction, append_to(1, 3))
            await asyncio.sleep(1)
            assert (one.told, on.batches) == ([error], [])

        play(act)

    def test_is_waited_for_by_a_drain_and_a_close(self) -> None:
        async def act(on: Scene) -> None:
            [one] = await on.runs(1)
            transaction = Enclosed(APPENDED)
            on.committer.enclose(one, transaction, append_to(1, 3))
            assert not await on.committer.drained(0.5)
            asyncio.get_running_loop().call_later(0.5, transaction.go.set)
            assert await on.committer.drained(5)
            assert one.told == [APPENDED]
            other = Enclosed(APPENDED)
            on.committer.enclose(one, other, append_to(1, 3))
            asyncio.get_running_loop().call_later(0.5, other.go.set)
            await on.committer.close(5)
            assert one.told == [APPENDED] * 2

        play(act)

    def test_that_never_comes_back_is_given_up_by_a_close(self) -> None:
        async def act(on: Scene) -> None:
            [one] = await on.runs(1)
            on.committer.enclose(one, Enclosed(APPENDED), append_to(1, 3))
            await on.committer.close(1)
            assert [str(error) for error in one.told] == [
                "the world can't be reached: this process is closing its world"
            ]

        play(act)
