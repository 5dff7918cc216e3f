"""A worker's life: its lease, its drain, what it does when its World is away, and who gets its runs."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from perdure import create_hook, get_step_metadata, step, workflow
from perdure.codec.keyring import SEALED, KeyRing
from perdure.codec.value import decode
from perdure.engine import committer as committing
from perdure.engine import worker as module
from perdure.engine.hook import FoundHook, find_hook, resume
from perdure.engine.worker import Worker
from perdure.model.event import RunCompleted
from perdure.model.ids import RunId
from perdure.testing.conformance.sample import append_to
from perdure.world import Append, Letter, Log, NewRow, Operation, RunRecord
from tests.core.logs import raw
from tests.engine.moody import MoodyWorld
from tests.engine.program import ALL, DID, careful_one, clean, doomed, gate, held, nap, one, parent
from tests.engine.stage import Stage, new


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()


@step(name="perdure:ask")
async def ask(what: str) -> str:
    """As a built-in step, which waits for another run."""
    DID.append(f"{what}/{get_step_metadata().attempt}")
    await gate(what).wait()
    return what


@workflow(name="t:asks")
async def asks(what: str) -> str:
    return await ask(what)


@workflow(name="t:hears")
async def hears(payloads: int) -> list[Any]:
    async with create_hook(token="t") as hook:
        return [await hook for _ in range(payloads)]


class Scene:
    """A worker on a moody World."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, MoodyWorld(stage.world)

    async def begin(self) -> "Scene":
        self.engine = await self.stage.working(*ALL, asks, ask, hears, world=self.world)
        return self

    @property
    def worker(self) -> Worker:
        assert self.engine.worker is not None
        return self.engine.worker

    async def start(self, workflow: Any = held, *args: Any) -> RunId:
        return (await self.engine.start(new(workflow, *(args or ("x",))))).run_id

    async def did(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(DID) < count:
                await asyncio.sleep(0.001)

    async def record(self, of: RunId) -> RunRecord:
        record = await self.stage.world.read_run(of)
        assert record is not None
        return record


def rows_of(batch: Sequence[Operation]) -> list[NewRow]:
    return [row for operation in batch if isinstance(operation, Append) for row in operation.rows]


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()

    async def scene() -> None:
        await act(await Scene(stage).begin())

    stage.play(scene)


def test_what_is_born_here_is_asked_for_anew_only_when_there_is_another_workflow() -> None:
    async def act(on: Scene) -> None:
        births = on.worker.births
        assert births == (on.worker.worker_id, on.engine.registry.served)
        assert on.worker.births is births

        @workflow(name="t:late")
        async def late() -> None: ...

        on.engine.registry.add(late.definition)
        assert "t:late" in on.worker.births.workflows

    play(act)


class TestLease:
    def test_it_has_one_that_says_what_it_serves(self) -> None:
        async def act(on: Scene) -> None:
            [known] = await on.stage.world.workers()
            assert known.worker_id == on.worker.worker_id
            assert "t:one" in known.workflows
            assert known.lease_until_ms - known.now_ms == 10_000
            await asyncio.sleep(60)
            [known] = await on.stage.world.workers()
            assert known.lease_until_ms - known.now_ms >= 8_000

        play(act)

    def test_once_it_may_have_lapsed_no_step_begins_until_the_lost_are_dropped(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """O3."""

        async def act(on: Scene) -> None:
            kept, lost = await on.start(held, "kept"), await on.start(held, "lost")
            await on.did(2)
            await asyncio.sleep(0.1)
            on.world.away = True
            await asyncio.sleep(12)
            record = await on.record(lost)
            assert await on.stage.world.reclaim(on.worker.worker_id, lost, record.epoch), "as another's claim would"
            gate("kept").set()
            gate("lost").set()
            await asyncio.sleep(1)
            on.world.away = False
            async with asyncio.timeout(30):
                assert await on.engine.end(kept) == RunCompleted(result=raw('"kept, then"'))
                assert await on.engine.end(lost) == RunCompleted(result=raw('"lost, then"'))
            assert DID.count("kept/1") == 1
            assert "kept/2" not in DID, "what nobody touched goes on"
            assert (await on.record(kept)).epoch == 1

        with caplog.at_level(logging.WARNING):
            play(act)

    def test_steps_wait_for_a_lease(self, caplog: pytest.LogCaptureFixture) -> None:
        async def act(on: Scene) -> None:
            await on.start(nap, 11.5)  # due after its lease has lapsed
            await on.start(one, "early")
            await on.did(1)

            async def failing(*_: object) -> int:
                raise module.WorldError("no heart")

            on.world.beat = failing  # type: ignore[attr-defined]
            await asyncio.sleep(12)
            assert DID == ["early/1"]
            del on.world.beat  # type: ignore[attr-defined]
            await on.did(2)
            assert DID == ["early/1", "awake/1"]

        with caplog.at_level(logging.WARNING):
            play(act)
        assert "has lapsed, looking for the runs that it has lost" in caplog.text


class TestStop:
    def test_runs_are_handed_back_at_once(self) -> None:
        async def act(on: Scene) -> None:
            first, asleep = await on.start(held, "x"), await on.start(nap, 5.0)
            await on.did(1)
            other = await on.stage.working(*ALL)
            await on.engine.rest(0)
            assert on.stage.passed_ms < 100
            assert [worker.worker_id for worker in await on.stage.world.workers()] == [
                other.worker.worker_id if other.worker else ""
            ]
            gate("x").set()
            assert isinstance(await other.end(first), RunCompleted)
            assert isinstance(await other.end(asleep), RunCompleted)
            assert (await on.record(first)).recoveries == 0, "nobody died"
            assert DID[0] == "x/1"

        play(act)

    def test_running_steps_get_their_grace(self) -> None:
        async def act(on: Scene) -> None:
            run = await on.start(held, "x")
            await on.did(1)
            asyncio.get_running_loop().call_later(3, gate("x").set)
            await on.engine.rest(10)
            assert 3_000 <= on.stage.passed_ms < 3_100
            assert "step_completed" in await on.stage.types(run)
            assert DID == ["x/1"], "and nothing new begins"
            assert (await on.record(run)).owner is None

        play(act)

    def test_but_no_more(self) -> None:
        async def act(on: Scene) -> None:
            run = await on.start(held, "x")
            await on.did(1)
            await on.engine.rest(2)
            assert 2_000 <= on.stage.passed_ms < 2_100
            record = await on.record(run)
            assert (record.owner, record.status) == (None, "running")
            assert record.wake_at_ms is not None

        play(act)

    def test_runs_in_which_no_step_runs_do_not_wait_for_it(self) -> None:
        async def act(on: Scene) -> None:
            busy, asleep = await on.start(held, "x"), await on.start(nap, 5.0)
            await on.did(1)
            other = await on.stage.working(*ALL)
            stopping = asyncio.create_task(on.engine.rest(60))
            await asyncio.sleep(0.1)
            assert (await on.record(asleep)).owner is None
            assert (await on.record(busy)).owner == on.worker.worker_id
            assert isinstance(await other.end(asleep), RunCompleted)
            assert not stopping.done()
            gate("x").set()
            await stopping
            assert on.stage.passed_ms < 6_000
            assert isinstance(await other.end(busy), RunCompleted)
            assert DID == ["x/1", "awake/1", "then/2"], "the first attempt of the last was never given a slot"

        play(act)

    def test_nor_do_those_whose_steps_wait_for_a_slot(self) -> None:
        async def act(on: Scene) -> None:
            await on.engine.rest(0)
            await on.engine.work(concurrency=1)
            await on.start(held, "x")
            await on.did(1)
            waits = await on.start(careful_one, "y")
            await asyncio.sleep(0.1)
            other = await on.stage.working(*ALL)
            stopping = asyncio.create_task(on.engine.rest(60))
            gate("y").set()
            assert isinstance(await asyncio.wait_for(other.end(waits), 1), RunCompleted)
            assert DID == ["x/1", "y/1"]
            gate("x").set()
            await stopping

        play(act)

    def test_nor_does_the_drain_wait_for_a_built_in_step(self) -> None:
        """It waits for another run, perhaps for days: here, or at the next owner."""

        async def act(on: Scene) -> None:
            asking = await on.start(asks, "x")
            await on.did(1)
            began_ms = on.stage.passed_ms
            other = await on.stage.working(*ALL, asks, ask)
            await on.engine.rest(60)
            assert on.stage.passed_ms - began_ms < 100
            gate("x").set()
            assert isinstance(await other.end(asking), RunCompleted)
            assert DID == ["x/1", "x/2"]

        play(act)

    def test_a_start_that_is_being_committed_is_waited_for(self) -> None:
        """Else an at-most-once step were interrupted just as it begins."""

        async def act(on: Scene) -> None:
            on.world.delay_s = 0.5
            run = await on.start(careful_one, "x")
            while not any(row.type == "step_started" for row in rows_of(on.world.batches[-1])):
                await asyncio.sleep(0.01)
            asyncio.get_running_loop().call_later(3, gate("x").set)
            assert DID == []
            await on.engine.rest(60)
            assert DID == ["x/1"]
            assert "step_completed" in await on.stage.types(run)

        play(act)

    def test_a_run_with_mail_is_handed_back_with_it(self) -> None:
        async def act(on: Scene) -> None:
            run = await on.start(held, "x")
            await on.did(1)
            looker = on.stage.engine(*ALL)
            await looker.cancel(run, "enough", None)  # nobody told the worker
            await on.engine.rest(0)
            assert (await on.record(run)).owner is None
            other = await on.stage.working(*ALL)
            assert (await other.end(run)).type == "run_cancelled"

        play(act)

    def test_it_is_harmless_to_repeat(self) -> None:
        async def act(on: Scene) -> None:
            worker = on.worker
            await worker.stop()
            await worker.stop()
            await on.engine.close()

        play(act)

    def test_another_may_follow(self) -> None:
        async def act(on: Scene) -> None:
            first = on.worker
            await on.engine.rest(0)
            assert on.engine.worker is None
            assert await on.engine.work() is not first
            run = await on.start(one, "x")
            assert isinstance(await on.engine.end(run), RunCompleted)

        play(act)

    def test_a_start_meanwhile_is_nobodys(self) -> None:
        async def act(on: Scene) -> None:
            await on.start(held, "x")
            await on.did(1)
            stopping = asyncio.create_task(on.engine.rest(5))
            await asyncio.sleep(1)
            late = await on.start(one, "late")
            assert (await on.record(late)).owner is None
            await stopping
            assert "late/1" not in DID

        play(act)


class TestThatIsAbandoned:
    """As its process would leave it that dies."""

    def test_nothing_more_is_written_and_others_go_on(self) -> None:
        async def act(on: Scene) -> None:
            run = await on.start(held, "x")
            await on.did(1)
            await asyncio.sleep(0.1)
            worker, written = on.worker, len(on.world.batches)
            worker.abandon()
            gate("x").set()
            await asyncio.sleep(1)
            assert worker.runs == {} and len(on.world.batches) == written
            assert (await on.record(run)).owner == worker.worker_id, "its lease has to lapse first"
            await on.stage.world.retire(worker.worker_id, died=True)
            other = await on.stage.working(*ALL)
            assert isinstance(await other.end(run), RunCompleted)

        play(act)


class TestAWorldThatIsAway:
    """A worker must be able to end, in bounded time."""

    def test_at_its_stop(self, caplog: pytest.LogCaptureFixture) -> None:
        async def act(on: Scene) -> None:
            run = await on.start(held, "x")
            await on.did(1)
            await asyncio.sleep(0.1)
            on.world.away = True
            began_ms = on.stage.passed_ms
            worker = on.worker
            await on.engine.close(1)
            bound_s = 1 + 2 * committing.PATIENCE_S + module.RETIRE_S
            assert on.stage.passed_ms - began_ms <= bound_s * 1000
            assert worker.runs == {}
            on.world.away = False
            tried = len(on.world.batches)
            await asyncio.sleep(60)
            assert len(on.world.batches) == tried, "nothing of it goes on"
            other = await on.stage.working(*ALL)
            gate("x").set()
            assert isinstance(await other.end(run), RunCompleted)

        with caplog.at_level(logging.WARNING):
            play(act)
        assert "the world is away: 1 runs could not be handed back, their lease will lapse" in caplog.text
        assert "the lease could not be given back, it will lapse" in caplog.text

    def test_one_that_never_answers(self) -> None:
        async def act(on: Scene) -> None:
            await on.start(held, "x")
            await on.did(1)
            await asyncio.sleep(0.1)
            on.world.delay_s = 3000

            async def never(*_: object, **__: object) -> None:
                await asyncio.sleep(3000)

            on.world.retire = never  # type: ignore[attr-defined]
            began_ms = on.stage.passed_ms
            await on.engine.close(1)
            bound_s = 1 + 2 * committing.PATIENCE_S + module.RETIRE_S
            assert on.stage.passed_ms - began_ms <= bound_s * 1000

        play(act)

    def test_at_its_start(self) -> None:
        stage = Stage()

        async def scene() -> None:
            world = MoodyWorld(stage.world)
            world.away = True
            engine = stage.engine(*ALL, world=world)
            with pytest.raises(module.WorldError):
                await engine.work()
            assert engine.worker is None
            world.away = False
            assert await engine.work() is engine.worker

        stage.play(scene)


def test_built_in_steps_take_no_slot_from_the_runs_that_they_wait_for() -> None:
    async def act(on: Scene) -> None:
        await on.engine.rest(0)
        await on.engine.work(concurrency=1)
        asking = [await on.start(asks, name) for name in "abc"]
        await on.did(3)
        assert isinstance(await on.engine.end(await on.start(one, "x")), RunCompleted)
        for name, of in zip("abc", asking, strict=True):
            gate(name).set()
            await on.engine.end(of)

    play(act)


def test_mail_that_another_process_wrote_is_found_by_a_hint() -> None:
    async def act(on: Scene) -> None:
        run = await on.start(held, "x")
        await on.did(1)
        looker = on.stage.engine(*ALL)
        for _ in range(3):  # also when the last look was a moment ago
            on.worker.sweeper.hinted()
            await asyncio.sleep(0.01)
        sent_ms = on.stage.passed_ms
        await looker.cancel(run, "enough", None)  # nobody told the worker
        assert (await on.engine.end(run)).type == "run_cancelled"
        assert on.stage.passed_ms - sent_ms <= 10

    play(act)


def test_a_child_that_ends_here_wakes_nobody_but_its_parent() -> None:
    async def act(on: Scene) -> None:
        hints: list[int] = []
        run_id = await on.start(parent)
        await on.did(1)
        on.stage.world.subscribe(lambda: hints.append(1))
        gate("x").set()
        async with asyncio.timeout(0.4):  # a sweep would come after that
            end = await on.engine.end(run_id)
        assert isinstance(end, RunCompleted) and decode(end.result, Any, "result") == "child: x, then"
        assert not hints

    play(act)


def test_a_child_that_was_dropped_while_its_end_was_written_has_told_its_parent() -> None:
    async def act(on: Scene) -> None:
        run_id = await on.start(parent)
        await on.did(1)
        [child] = on.worker.runs.keys() - {run_id}
        on.world.delay_s = 0.05
        gate("x").set()
        async with asyncio.timeout(0.4):  # a sweep would come after that
            while not on.worker.runs[child].outbox.ending:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)
            on.worker.forget(child)
            assert (await on.record(child)).status == "running"
            end = await on.engine.end(run_id)
        assert isinstance(end, RunCompleted)

    play(act)


class TestALetterThatIsSentHere:
    """From the process that owns the run."""

    async def hears(self, on: Scene, payloads: int) -> tuple[RunId, FoundHook]:
        """A run that waits, from when on the readings of its inbox count; the worker's sweep hears no hint."""
        self.readings = 0
        run_id = await on.start(hears, payloads)
        await asyncio.sleep(0.1)
        read_mail = on.stage.world.read_mail

        async def reading(run_id: RunId) -> tuple[Letter, ...]:
            self.readings += 1
            return await read_mail(run_id)

        on.stage.world.read_mail = reading  # type: ignore[method-assign]
        return run_id, await find_hook(on.engine, "t")

    async def result(self, on: Scene, run_id: RunId) -> Any:
        async with asyncio.timeout(0.4):  # a sweep would come after that
            end = await on.engine.end(run_id)
        assert isinstance(end, RunCompleted)
        return decode(end.result, Any, "result")

    def test_it_needs_no_reading(self) -> None:
        async def act(on: Scene) -> None:
            run_id, hook = await self.hears(on, 3)
            for number in range(3):
                await resume(on.engine, hook, b"%d" % number)
                await asyncio.sleep(0.01)
            assert await self.result(on, run_id) == [0, 1, 2]
            assert self.readings == 0

        play(act)

    def test_many_at_once_come_in_order_and_once(self) -> None:
        async def act(on: Scene) -> None:
            run_id, hook = await self.hears(on, 20)
            on.world.delay_s = 0.001
            await asyncio.gather(*(resume(on.engine, hook, b"%d" % number) for number in range(20)))
            assert await self.result(on, run_id) == [*range(20)]
            assert 0 < self.readings < 10

        play(act)

    def test_a_reading_under_way_brings_it(self) -> None:
        async def act(on: Scene) -> None:
            run_id, hook = await self.hears(on, 2)
            await resume(on.engine, hook, b"0")
            on.worker.look(run_id)
            await asyncio.gather(resume(on.engine, hook, b"1"), asyncio.sleep(0, on.worker.look(run_id)))
            assert await self.result(on, run_id) == [0, 1]

        play(act)

    def test_whose_answer_was_lost_is_looked_for(self) -> None:
        async def act(on: Scene) -> None:
            run_id, hook = await self.hears(on, 1)
            on.world.answers_to_lose = 1
            await resume(on.engine, hook, b"0")
            assert await self.result(on, run_id) == [0]
            assert self.readings == 1

        play(act)

    def test_it_comes_though_its_sender_waits_no_more(self) -> None:
        async def act(on: Scene) -> None:
            run_id, hook = await self.hears(on, 1)
            on.world.delay_s = 0.01
            sending = asyncio.create_task(resume(on.engine, hook, b"0"))
            await asyncio.sleep(0.001)
            sending.cancel()
            assert await self.result(on, run_id) == [0]

        play(act)

    def test_a_run_that_is_being_opened_looks_for_it_then(self) -> None:
        async def act(on: Scene) -> None:
            run_id, hook = await self.hears(on, 1)
            record, read_log = await on.record(run_id), on.world.read_log

            async def slow(run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
                log = await read_log(run_id, from_seq, limit)
                await asyncio.sleep(0.1)
                return log

            on.world.read_log = slow  # type: ignore[method-assign]
            seize = append_to(owner=record.owner, epoch=record.epoch, run_id=run_id, rows=(), seize=True)
            await on.stage.world.commit([seize])
            on.worker.forget(run_id)
            on.worker.sweeper.soon()
            await asyncio.sleep(0.05)
            assert (await on.record(run_id)).owner == on.worker.worker_id and run_id not in on.worker.runs
            await resume(on.engine, hook, b"0")
            assert await self.result(on, run_id) == [0]

        play(act)

    def test_it_isnt_given_to_a_run_that_was_taken_over_meanwhile(self) -> None:
        async def act(on: Scene) -> None:
            run_id, hook = await self.hears(on, 1)
            on.world.delay_s = 0.1
            sending = asyncio.create_task(resume(on.engine, hook, b"0"))
            await asyncio.sleep(0.05)
            other = await on.stage.working(hears)
            record = await on.record(run_id)
            seize = append_to(owner=record.owner, epoch=record.epoch, run_id=run_id, rows=(), seize=True)
            await on.stage.world.commit([seize])
            await sending
            assert isinstance(await other.end(run_id), RunCompleted)

        play(act)


@pytest.mark.parametrize("sealed_only", [False, True])
def test_a_letter_that_is_sent_here_was_never_sealed(sealed_only: bool) -> None:
    keys = KeyRing({"a": bytes(32)}, sealed_only=sealed_only)
    stage = Stage()

    async def scene() -> None:
        engine = await stage.working(hears, keys=keys)
        run_id = (await engine.start(new(hears, 1))).run_id
        await asyncio.sleep(0.1)
        await resume(engine, await find_hook(engine, "t"), b"7")
        end = await asyncio.wait_for(engine.end(run_id), 0.4)
        assert isinstance(end, RunCompleted) and bytes(end.result) == b"[7]"
        log = await stage.world.read_log(run_id)
        assert log is not None and all(row.payload[:1] == SEALED for row in log.rows)

    stage.play(scene)


def test_it_takes_no_more_than_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_MAX", 3)

    async def act(on: Scene) -> None:
        looker = on.stage.engine(*ALL)
        for number in range(8):
            await looker.start(new(held, str(number)))
        await asyncio.sleep(1)
        assert len(on.worker.runs) == 3
        for number in range(8):
            gate(str(number)).set()
        await asyncio.sleep(1)
        assert DID.count("then/1") == 8

    play(act)


def test_sleepers_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_MAX", 3)

    async def act(on: Scene) -> None:
        looker = on.stage.engine(*ALL)
        for _ in range(8):
            await looker.start(new(nap, 9.0))
        await asyncio.sleep(0.9)
        assert len(on.worker.runs) == 8

    play(act)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (None, "perdure.errors:FatalError: no such order"),
        (KeyRing({"k": bytes(range(32))}), "perdure.errors:FatalError"),
    ],
    ids=["open", "sealed"],
)
def test_a_failed_run_is_in_its_log(keys: KeyRing | None, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """With what it failed of; of sealed runs only the kind."""
    stage = Stage()

    async def scene() -> None:
        worker = await stage.working(*ALL, keys=keys)
        started = await worker.start(new(doomed, "no such order"))
        with caplog.at_level(logging.INFO, "perdure"):
            await worker.end(started.run_id)
        [line] = [record.getMessage() for record in caplog.records if started.run_id in record.getMessage()]
        assert line == f"run {started.run_id} of t:doomed has failed: {told}"

    stage.play(scene)


def test_a_blocked_run_is_in_its_log_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()

    async def scene() -> None:
        world = MoodyWorld(stage.world)
        worker = await stage.working(*ALL, world=world)
        world.chokes_on = lambda operation: (
            isinstance(operation, Append) and any(row.type == "step_completed" for row in operation.rows)
        )
        started = await worker.start(new(one, "x"))
        await worker.end(started.run_id)
        [line] = [record for record in caplog.records if "is blocked" in record.getMessage()]
        assert line.levelname == "ERROR"
        assert line.getMessage() == (
            f"run {started.run_id} of t:one is blocked: its log could not be written: ValueError('choked')"
        )

    stage.play(scene)
