"""How a worker opens runs: at birth, after a claim, on probation; and those that it can't open."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from perdure.engine.engine import Engine
from perdure.engine.letter import cancel_letter
from perdure.engine.opening import LEFT_ALONE_S, PROBATION_S, SHORT_LOG_PAUSES_S, Opener
from perdure.engine.worker import Worker
from perdure.model.event import RunBlocked, RunCompleted, RunResumed
from perdure.model.ids import MailId, RunId
from perdure.testing.conformance.sample import do, run_id, start_of
from perdure.world import Letter, Log, Send, World
from perdure.worlds.memory.state import Kept
from tests.core.logs import raw
from tests.engine.moody import MoodyWorld
from tests.engine.program import ALL, DID, careful_one, clean, gate, held, nap, one
from tests.engine.program import do as act
from tests.engine.stage import Stage, new


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()


def play(scene: Any) -> None:
    stage = Stage()

    async def playing() -> None:
        await scene(stage)

    stage.play(playing)


def kept_of(stage: Stage, of: RunId) -> Kept:
    return stage.world._state.runs[of]


def change(stage: Stage, of: RunId, **record: object) -> None:
    """Change a run's row behind everybody's back."""
    kept = kept_of(stage, of)
    stage.world._state.runs[of] = replace(kept, record=replace(kept.record, **record))


async def started(stage: Stage, workflow: Any = held, *args: Any) -> RunId:
    """A run that nobody owns yet."""
    return (await stage.engine(*ALL).start(new(workflow, *(args or ("x",))))).run_id


async def died(stage: Stage, engine: Engine) -> None:
    """The worker is gone as by SIGKILL: nothing of it does anything any more."""
    worker = engine.worker
    assert isinstance(worker, Worker)
    for task in worker._tasks:
        task.cancel()
    worker.stopping = True
    for run in list(worker.runs.values()):
        run.departure.leave()
    worker.steps.close()
    await stage.world.retire(worker.worker_id, died=True)


def test_a_flood_is_opened_in_one_callback_and_a_ctrl_c_within_leaves_the_rest_to_the_next() -> None:
    soon: list[Callable[[], None]] = []
    opened: list[tuple[object, ...]] = []

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    loop = SimpleNamespace(call_soon=lambda call, context: soon.append(call))
    host: Any = SimpleNamespace(deployment="d", loop=loop)
    opener = Opener(host, {})
    for open in (interrupted, lambda *given: opened.append(given)):
        run: Any = SimpleNamespace(open=open)
        opener._open_soon(run, None, [])
    [call] = soon
    with pytest.raises(KeyboardInterrupt):
        call()
    assert opened == []
    soon[1]()
    assert opened == [(None, [])]
    opener._open_soon(run, None, [])
    assert len(soon) == 3, "the next asks for a callback again"


def test_at_birth_nothing_is_read() -> None:
    async def scene(stage: Stage) -> None:
        world = MoodyWorld(stage.world)
        engine = await stage.working(*ALL, world=world)
        await asyncio.sleep(0.01)
        before = world.reads
        begun = await engine.start(new(one, "x"))
        await engine.end(begun.run_id)
        assert world.reads == before
        assert DID == ["x/1"]

    play(scene)


def test_a_claimed_run_begins_with_a_word_of_its_owner() -> None:
    async def scene(stage: Stage) -> None:
        of = await started(stage, one)
        assert await stage.types(of) == ["run_created"]
        await (await stage.working(*ALL)).end(of)
        assert await stage.types(of) == [
            "run_created", "run_started", "step_created", "step_completed", "run_completed",
        ]  # fmt: skip

    play(scene)


def test_a_recovered_run_says_so_and_one_that_was_handed_back_does_not() -> None:
    async def scene(stage: Stage) -> None:
        handed, lost = await started(stage, held, "a"), await started(stage, held, "b")
        first = await stage.working(*ALL)
        while len(DID) < 2:
            await asyncio.sleep(0.01)
        await first.rest(0)
        second = await stage.working(*ALL)
        gate("a").set()
        await second.end(handed)
        assert "run_resumed" not in await stage.types(handed)
        await died(stage, second)
        third = await stage.working(*ALL)
        gate("b").set()
        await third.end(lost)
        resumed = [event.fact for event in await stage.events(lost) if isinstance(event.fact, RunResumed)]
        assert [fact.recovered for fact in resumed] == [True]

    play(scene)


def test_a_cancel_before_the_first_activation_ends_without_the_body() -> None:
    """S5."""

    async def scene(stage: Stage) -> None:
        of = await started(stage, one)
        assert await stage.engine().cancel(of, "not now", None)
        await (await stage.working(*ALL)).end(of)
        assert await stage.types(of) == ["run_created", "cancel_requested", "run_cancelled"]
        assert DID == []

    play(scene)


class TestProbation:
    @staticmethod
    async def suspect(stage: Stage, what: Any, recoveries: int = 2, workflow: Any = held) -> RunId:
        of = await started(stage, workflow, what)
        change(stage, of, recoveries=recoveries)
        return of

    def test_one_at_a_time(self) -> None:
        async def scene(stage: Stage) -> None:
            runs = [await self.suspect(stage, name) for name in "ab"]
            innocent = await started(stage, one, "c")
            engine = await stage.working(*ALL)
            await engine.end(innocent)
            await asyncio.sleep(PROBATION_S - 0.5)
            assert sorted(DID) == ["a/1", "c/1"] or sorted(DID) == ["b/1", "c/1"]
            first = next(name for name in "ab" if f"{name}/1" in DID)
            gate(first).set()
            await asyncio.sleep(1)
            assert {"a/1", "b/1"} <= set(DID)
            gate("a").set()
            gate("b").set()
            for of in runs:
                assert isinstance(await engine.end(of), RunCompleted)

        play(scene)

    def test_a_long_step_keeps_the_next_waiting_for_some_seconds(self) -> None:
        """What kills a process mostly does so at once; and the first may wait for the next."""

        async def scene(stage: Stage) -> None:
            runs = [await self.suspect(stage, name) for name in "abc"]
            engine = await stage.working(*ALL)
            for count in (1, 2, 3):
                await asyncio.sleep(PROBATION_S - 0.1)
                assert len(DID) == count
                await asyncio.sleep(0.1)
            assert engine.worker is not None
            assert [engine.worker.runs[of].careful for of in runs] == [True, True, True], "till they complete a turn"
            for name, of in zip("abc", runs, strict=True):
                gate(name).set()
                assert isinstance(await engine.end(of), RunCompleted)

        play(scene)

    def test_one_that_only_waits_gives_way_at_once(self) -> None:
        """It can kill nobody; without that each would have a second, and whoever comes last all of theirs."""

        async def scene(stage: Stage) -> None:
            waiting = [await started(stage, nap, 5.0) for _ in range(5)]
            first = await stage.working(*ALL)
            for of in waiting:
                while "wait_created" not in await stage.types(of):
                    await asyncio.sleep(0.01)
                change(stage, of, recoveries=1)
            await died(stage, first)
            await stage.working(*ALL)
            began_ms = stage.world.now_ms()
            for of in waiting:
                while (kept_of(stage, of).record.owner, kept_of(stage, of).record.recoveries) != (None, 2):
                    await asyncio.sleep(0.01)
            assert stage.world.now_ms() - began_ms < 1000

        play(scene)

    def test_one_that_is_due_soon_stays(self) -> None:
        """Else it would be claimed again at once, and again."""

        async def scene(stage: Stage) -> None:
            of = await self.suspect(stage, 0.5, workflow=nap)
            engine = await stage.working(*ALL)
            await engine.end(of)
            assert kept_of(stage, of).record.epoch == 1

        play(scene)

    def test_each_has_its_own_seconds(self) -> None:
        async def scene(stage: Stage) -> None:
            for name in "abc":
                await self.suspect(stage, name)
            await stage.working(*ALL)
            await asyncio.sleep(PROBATION_S - 1)
            [first] = DID
            gate(first[0]).set()
            await asyncio.sleep(0.1)
            begun = [did for did in DID if did != "then/1"]
            assert len(begun) == 2
            await asyncio.sleep(PROBATION_S - 0.2)
            assert [did for did in DID if did != "then/1"] == begun, "the end of the first's is nothing to the next"
            await asyncio.sleep(0.2)
            assert {"a/1", "b/1", "c/1"} <= set(DID)

        play(scene)

    def test_a_second_probation_of_one_run_is_as_long_as_the_first(self) -> None:
        async def scene(stage: Stage) -> None:
            again = await self.suspect(stage, "a")
            engine = await stage.working(*ALL)
            assert isinstance(engine.worker, Worker)
            await asyncio.sleep(PROBATION_S - 1)
            engine.worker.runs[again].departure.leave()  # lost, and claimed by this worker once more
            record = await stage.world.read_run(again)
            assert record is not None
            claimed = await stage.world.reclaim(engine.worker.worker_id, again, record.epoch)
            assert claimed is not None
            await engine.worker.adopt(claimed)
            engine.worker.sweeper.paused = True  # it mustn't be claimed before it is a suspect
            await self.suspect(stage, "b")
            engine.worker.sweeper.paused = False
            await asyncio.sleep(PROBATION_S - 0.1)
            assert DID == ["a/1", "a/2"]
            await asyncio.sleep(0.2)
            assert DID == ["a/1", "a/2", "b/1"]

        play(scene)

    def test_what_puts_it_there_is_committed_before_its_body_runs(self) -> None:
        async def scene(stage: Stage) -> None:
            of = await self.suspect(stage, "a")
            engine = await stage.working(*ALL)
            while not DID:
                assert "step_started" not in await stage.types(of) or kept_of(stage, of).probation
                await asyncio.sleep(0.001)
            assert kept_of(stage, of).probation
            assert "step_started" in await stage.types(of), "and every start of a step"
            gate("a").set()
            await engine.end(of)

        play(scene)

    def test_a_turn_that_is_completed_ends_it(self) -> None:
        async def scene(stage: Stage) -> None:
            of = await self.suspect(stage, "a")
            engine = await stage.working(*ALL)
            assert engine.worker is not None
            while not DID:
                await asyncio.sleep(0.01)
            run = engine.worker.runs[of]
            assert run.careful
            gate("a").set()
            await engine.end(of)
            record = await stage.world.read_run(of)
            assert record is not None
            assert record.recoveries == 0

        play(scene)

    def test_after_too_many_deaths_it_is_parked_with_its_last_step_named(self) -> None:
        async def scene(stage: Stage) -> None:
            begun = await started(stage, careful_one, "x")
            first = await stage.working(*ALL)
            while not DID:
                await asyncio.sleep(0.01)
            await died(stage, first)
            change(stage, begun, recoveries=5)
            kept = kept_of(stage, begun)
            stage.world._state.runs[begun] = replace(kept, probation=True)
            never = await self.suspect(stage, "b", recoveries=6)
            second = await stage.working(*ALL)
            fact = await second.end(begun)
            assert isinstance(fact, RunBlocked)
            assert fact.sentence == (
                "its worker's process has died 6 times without completing a turn; "
                "the last step that was begun is t:once; mend the step, then retry the run"
            )
            fact = await second.end(never)
            assert isinstance(fact, RunBlocked)
            assert "; no step was recorded as begun; find in the worker's log what kills it, " in fact.sentence

        play(scene)

    def test_a_suspect_that_cannot_be_opened_does_not_keep_the_next_waiting(self) -> None:
        async def scene(stage: Stage) -> None:
            broken, sound = await self.suspect(stage, "a", workflow=one), await self.suspect(stage, "b", workflow=one)
            spoil(stage, broken)
            assert isinstance(await (await stage.working(*ALL)).end(sound), RunCompleted)

        play(scene)


def spoil(stage: Stage, of: RunId) -> None:
    """An event of a newer version in its log."""
    kept = kept_of(stage, of)
    rows = (*kept.rows, replace(kept.rows[0], seq=len(kept.rows) + 1, type="run_teleported"))
    stage.world._state.runs[of] = replace(kept, rows=rows, record=replace(kept.record, length=len(rows)))


class TestRunsThatCannotBeOpened:
    """They are left alone, for others, and nobody spins."""

    def test_a_log_of_a_newer_version(self, caplog: pytest.LogCaptureFixture) -> None:
        async def scene(stage: Stage) -> None:
            of = await started(stage, one)
            spoil(stage, of)
            world = MoodyWorld(stage.world)
            engine = await stage.working(*ALL, world=world)
            await asyncio.sleep(60)
            record = await stage.world.read_run(of)
            assert record is not None
            assert record.status == "pending", "neither failed nor parked: the right code will come"
            assert record.epoch <= 60 / LEFT_ALONE_S + 1, "claimed now and then"
            assert len(world.batches) <= 60 / LEFT_ALONE_S + 1, "and handed back"
            begun = await engine.start(new(one, "y"))
            assert isinstance(await engine.end(begun.run_id), RunCompleted), "others go on"

        play(scene)
        told = [record.getMessage() for record in caplog.records if "left alone" in record.getMessage()]
        assert len(told) == 1
        assert told[0].endswith(
            "is left alone, it can't be opened here: run_teleported can't be read back: no such type of event is known "
            "here: a newer perdure wrote it, so upgrade this one"
        )

    def test_a_newer_worker_gets_it(self) -> None:
        async def scene(stage: Stage) -> None:
            of = await started(stage, one)
            spoil(stage, of)
            await stage.working(*ALL)
            await asyncio.sleep(7)
            kept = kept_of(stage, of)  # from now on this version reads it
            rows = (*kept.rows[:1], replace(kept.rows[1], type="attr_set", payload=b'{"changes":{},"by_step":true}'))
            stage.world._state.runs[of] = replace(kept, rows=rows)
            newer = await stage.working(*ALL)
            assert isinstance(await asyncio.wait_for(newer.end(of), 3 * LEFT_ALONE_S), RunCompleted)

        play(scene)

    def test_a_workflow_that_is_not_known_any_more(self) -> None:
        """It was claimed when it was."""

        async def scene(stage: Stage) -> None:
            of = await started(stage, one)
            engine = await stage.working(*ALL)
            del engine.registry._workflows["t:one"]
            await asyncio.sleep(30)
            assert await stage.types(of) == ["run_created"]
            begun = await started(stage, held, "y")
            gate("y").set()
            assert isinstance(await asyncio.wait_for(engine.end(begun), 2), RunCompleted), "the sweeper lives"

        play(scene)

    def test_with_mail_nobody_spins_either(self) -> None:
        async def scene(stage: Stage) -> None:
            of = await started(stage, one)
            spoil(stage, of)
            await do(stage.world, Send(letter=cancel_letter(MailId("mail_1"), of, None, None)))
            await stage.working(*ALL)
            await asyncio.sleep(60)
            record = await stage.world.read_run(of)
            assert record is not None
            assert record.epoch <= 60 / LEFT_ALONE_S + 1

        play(scene)

    def test_a_letter_that_cannot_be_read_parks_its_run(self) -> None:
        async def scene(stage: Stage) -> None:
            of = await started(stage, one)
            odd = Letter(mail_id=MailId("mail_1"), run_id=of, kind="dream_received", key="", payload=b"{}")
            await do(stage.world, Send(letter=odd))
            engine = await stage.working(*ALL)
            fact = await engine.end(of)
            assert isinstance(fact, RunBlocked)
            assert fact.sentence == (
                "a letter for it can't be read: dream_received can't be read back: no such type of event is known here: "
                "a newer perdure wrote it, so upgrade this one; cancel it, or retry it with a perdure that can"
            )
            assert len(await stage.world.read_mail(of)) == 1, "the mail is kept"
            assert DID == []
            assert await engine.cancel(of, None, None), "and a cancel ends it all the same"
            assert await stage.status(of) == "cancelled"

        play(scene)


def test_a_log_that_reads_shorter_is_read_again() -> None:
    """O1: one statement that claims and reads may see an old snapshot."""

    class Behind(MoodyWorld):
        reads_log = 0

        async def read_log(self, of: RunId, from_seq: int = 1) -> object:
            log = await self.inner.read_log(of, from_seq)
            self.reads_log += 1
            return log if log is None or self.reads_log > 3 else replace(log, rows=log.rows[:-1])

    async def scene(stage: Stage) -> None:
        of = await started(stage, one)
        world = Behind(stage.world)
        assert isinstance(await (await stage.working(*ALL, world=world)).end(of), RunCompleted)
        assert world.reads_log >= 4
        assert DID == ["x/1"]

    play(scene)


class Short(MoodyWorld):
    """Reads the log of one run short, until it is whole."""

    def __init__(self, inner: World, short: RunId) -> None:
        super().__init__(inner)
        self.short, self.whole, self.reads_log = short, False, 0

    async def read_log(self, of: RunId, from_seq: int = 1) -> Log | None:
        log = await self.inner.read_log(of, from_seq)
        if log is None or of != self.short or self.whole:
            return log
        self.reads_log += 1
        return replace(log, rows=log.rows[:-1])


class TestALogThatStaysShort:
    def test_is_left_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        async def scene(stage: Stage) -> None:
            of, other = await started(stage, one), await started(stage, one, "y")
            world = Short(stage.world, of)
            engine = await stage.working(*ALL, world=world)
            assert isinstance(await asyncio.wait_for(engine.end(other), 1), RunCompleted), "others go on"
            await asyncio.sleep(60)
            record = await stage.world.read_run(of)
            assert record is not None
            assert record.status == "pending"
            assert 2 <= record.epoch <= 60 / LEFT_ALONE_S + 1, "claimed now and then"
            again = record.epoch - 1
            assert world.reads_log == 1 + len(SHORT_LOG_PAUSES_S) + again, "and waited for only the first time"
            assert DID == ["y/1"]

        play(scene)
        [told] = [record.getMessage() for record in caplog.records if "left alone" in record.getMessage()]
        assert told.endswith("is left alone, it can't be opened here: its log can't be read back: 1 rows are missing")

    def test_and_opened_once_it_is_whole(self) -> None:
        async def scene(stage: Stage) -> None:
            of = await started(stage, one)
            world = Short(stage.world, of)
            engine = await stage.working(*ALL, world=world)
            await asyncio.sleep(2)
            world.whole = True
            assert isinstance(await asyncio.wait_for(engine.end(of), 2 * LEFT_ALONE_S), RunCompleted)
            assert DID == ["x/1"]

        play(scene)


def test_a_step_that_only_waited_for_its_slot_has_not_begun() -> None:
    """At-most-once: the next owner begins it, and needn't fear that it did something."""

    async def scene(stage: Stage) -> None:
        first = stage.engine(*ALL)
        await first.work(concurrency=1)
        await first.start(new(held, "busy"))
        while not DID:
            await asyncio.sleep(0.01)
        waits = (await first.start(new(careful_one, "x"))).run_id
        await asyncio.sleep(1)
        assert await stage.types(waits) == ["run_created", "run_started", "step_created"]
        await died(stage, first)
        second = await stage.working(*ALL)
        gate("x").set()
        assert await second.end(waits) == RunCompleted(result=raw('"x"'))
        assert "x/1" in DID
        assert await stage.types(waits) == [
            "run_created", "run_started", "step_created", "run_resumed", "step_started", "step_completed",
            "run_completed",
        ]  # fmt: skip

    play(scene)


def test_a_step_that_was_cut_off_is_begun_again_once() -> None:
    async def scene(stage: Stage) -> None:
        of = await started(stage, held, "x")
        first = await stage.working(*ALL)
        while "step_created" not in await stage.types(of):
            await asyncio.sleep(0.01)
        await died(stage, first)
        second = await stage.working(*ALL)
        gate("x").set()
        assert await second.end(of) == RunCompleted(result=raw('"x, then"'))
        assert DID == ["x/1", "x/2", "then/1"]

    play(scene)


def test_rows_of_others_are_nothing_to_a_worker() -> None:
    """A worker serves only what it knows: the run of another's workflow stays."""

    async def scene(stage: Stage) -> None:
        await do(stage.world, start_of(1))
        await stage.working(act, one)
        await asyncio.sleep(5)
        record = await stage.world.read_run(run_id(1))
        assert record is not None
        assert (record.owner, record.epoch) == (None, 0)

    play(scene)
