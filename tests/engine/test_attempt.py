"""Which attempt begins when, and what its outcome becomes in the log: calls in, facts out."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import Raw

from perdure.core.pending import Pending
from perdure.engine.append import Header
from perdure.engine.attempt import Attempts
from perdure.engine.running import Running
from perdure.engine.stream import FULL_BYTES, Outflow, Piece, Place
from perdure.engine.telemetry import RunTelemetry
from perdure.errors import StepInterrupted, StreamClosed
from perdure.model.event import (
    AnyFact,
    AttributesSet,
    Event,
    Fact,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepHeartbeat,
    StepRetrying,
    StepStarted,
)
from perdure.model.ids import RunId, WorkerId
from perdure.world import Append, NewChunks, NewRow
from tests.core.logs import BOOM, log, raw, step
from tests.engine.test_retry import definition

A, B, C = "0/step:app:charge#0", "0/step:app:ship#0", "0/step:app:thank#0"
POLICY = definition()
ME = RunId("wrun_1")
HEADER = Header(run_id=ME, root_id=ME, owner=WorkerId("w"), parent_id=None, parent_key=None, deployment="d")
HERE = Place(RunId("wrun_1"), "")


class Slots:
    """A worker's steps: what waits for a slot (while `full`), what was begun, and what was cancelled."""

    def __init__(self) -> None:
        self.full = False
        self.waiting: list[Running] = []
        self.begun: list[tuple[str, int]] = []
        self.cancelled: list[tuple[str, int]] = []

    def begin(self, running: Running) -> None:
        if self.full:
            self.waiting.append(running)
        else:
            running.owner.slot_came(running)

    def come(self) -> None:
        """The next in line gets its slot."""
        running = self.waiting.pop(0)
        running.owner.slot_came(running)

    def go(self, running: Running) -> None:
        self.begun.append((running.step.key, running.attempt))

    def cancel(self, running: Running) -> None:
        self.cancelled.append((running.step.key, running.attempt))


class Run:
    """A run with this log. `facts` is what would be written, `timers` what would ring; steps go to `queue`, if it is set."""

    def __init__(
        self, *lines: tuple[int, str, AnyFact], careful: bool = False, header: Header = HEADER, queue: str | None = None
    ) -> None:
        self.run_id, self.header, self.queue = header.run_id, header, queue
        self.pending = Pending(log(*lines))
        self.careful = careful
        self.now_ms = 50_000
        self.slots = Slots()
        loop = SimpleNamespace(time=lambda: 0.007)  # every attempt takes 7 ms
        here = SimpleNamespace(queue_of=lambda step: self.queue)
        host = SimpleNamespace(
            world=self._world(), steps=self.slots, chance=lambda: 0.5, loop=loop, timers=loop, service=here
        )
        self.host = cast(Any, host)
        self.enclosure = cast(Any, SimpleNamespace(engaged=False, close=lambda: None))
        self.waits = cast(Any, SimpleNamespace(at=lambda key, at_ms, call: self.timers.append((key, at_ms, call))))
        self.telemetry = RunTelemetry()
        self.facts: list[tuple[str, Fact]] = []
        self.urgent: list[bool] = []
        self.timers: list[tuple[str, int, Any]] = []
        self.stream = Outflow(self, cast(Any, loop), 0)
        self.definition = cast(Any, SimpleNamespace(name="app:fulfil"))
        self.attempts = Attempts(self)

    def _world(self) -> object:
        return SimpleNamespace(now_ms=lambda: self.now_ms)

    def arrive(self, key: str, fact: Fact) -> None:
        self.facts.append((key, fact))

    def note(self, key: str, fact: Fact, *, urgent: bool) -> None:
        self.facts.append((key, fact))
        self.urgent.append(urgent)
        self.pending.see(key, fact, self.now_ms)

    def wrote(self, *, urgent: bool) -> None:
        self.urgent.append(urgent)

    def write(self, data: bytes | None, *, kept: bool = False, running: Running | None = None) -> bool:
        running = running or self.running()
        piece = Piece(HERE, data, running.step_id, running.attempt)
        return self.attempts.step_wrote(running, piece, kept=kept)

    def chunks(self, *completed: str) -> tuple[NewChunks, ...]:
        """What the next append, with these completions, takes along."""
        rows = tuple(NewRow(turn=1, type="step_completed", key=key, payload=b"{}") for key in completed)
        return self.stream.onto(Append(run_id=self.run_id, owner=WorkerId("w"), epoch=1, seq=9, rows=rows)).chunks

    def call(self, key: str = A, *, at_most_once: bool = False) -> None:
        """The body calls a step, and its turn is answered."""
        self.pending.see(key, step(at_most_once=at_most_once), self.now_ms)
        self.attempts.created(key)
        self.attempts.begin_held()

    def landed(self, *facts: tuple[str, Fact]) -> None:
        self.attempts.landed(
            [Event(seq=9, turn=1, epoch=1, key=key, at_ms=self.now_ms, fact=fact) for key, fact in facts]
        )

    def running(self, key: str = A) -> Running:
        return self.attempts._running[key]

    def ring(self) -> None:
        [(key, _, call)] = self.timers
        self.timers.clear()
        call(key)


class TestTheFirstAttempt:
    def test_begins_without_a_word_its_creation_is_its_start(self) -> None:
        run = Run()
        run.call()
        assert (run.slots.begun, run.facts) == ([(A, 1)], [])

    def test_waits_until_the_turn_is_answered(self) -> None:
        run = Run()
        run.pending.see(A, step(), 1)
        run.attempts.created(A)
        assert run.attempts.busy
        assert run.slots.begun == []

    def test_at_most_once_is_committed_first(self) -> None:
        """S3."""
        run = Run()
        run.call(at_most_once=True)
        assert run.slots.begun == []
        assert (run.facts, run.urgent) == ([(A, StepStarted(attempt=1))], [True])
        assert run.attempts.busy
        run.landed((A, StepStarted(attempt=1)))
        assert run.slots.begun == [(A, 1)]

    def test_on_probation_every_start_is_committed_first(self) -> None:
        """O6."""
        run = Run(careful=True)
        run.call()
        assert (run.slots.begun, run.facts) == ([], [(A, StepStarted(attempt=1))])
        run.landed((A, StepStarted(attempt=1)))
        assert run.slots.begun == [(A, 1)]

    def test_one_that_was_released_while_its_start_was_written_does_not_begin(self) -> None:
        run = Run()
        run.call(at_most_once=True)
        run.attempts.release(A)
        assert run.slots.cancelled == [(A, 1)], "which frees its slot"
        run.landed((A, StepStarted(attempt=1)))
        assert run.slots.begun == []
        assert not run.attempts.busy

    def test_only_its_own_start_begins_it(self) -> None:
        run = Run()
        run.call(at_most_once=True)
        run.landed((B, StepStarted(attempt=1)), (A, StepStarted(attempt=2)))
        assert run.slots.begun == []

    def test_one_that_nobody_wants_any_more_is_not_begun(self) -> None:
        run = Run()
        run.pending.see(A, step(), 1)
        run.attempts.created(A)
        run.pending.forget(A)
        run.attempts.begin_held()
        assert run.slots.begun == []


class TestWithoutASlot:
    """What only waits for one has not begun."""

    @staticmethod
    def waiting(*, at_most_once: bool = False, careful: bool = False) -> Run:
        run = Run(careful=careful)
        run.slots.full = True
        run.call(at_most_once=at_most_once)
        return run

    @pytest.mark.parametrize("at_most_once", [False, True])
    def test_nothing_is_recorded(self, at_most_once: bool) -> None:
        run = self.waiting(at_most_once=at_most_once)
        assert (run.slots.begun, run.facts, run.running().attempt) == ([], [], 0)
        assert run.attempts.busy, "and the run isn't put away"

    def test_at_most_once_is_not_interrupted_by_the_end_of_its_worker(self) -> None:
        run = self.waiting(at_most_once=True)
        run.attempts.close()
        run.attempts = Attempts(run)
        run.slots.full = False
        run.attempts.recover(lambda key: True)
        run.attempts.begin_held()
        assert run.facts == [(A, StepStarted(attempt=1))]

    def test_nor_is_its_retry(self) -> None:
        run = self.waiting(at_most_once=True)
        run.slots.come()
        run.landed((A, StepStarted(attempt=1)))
        run.attempts.step_failed(run.running(), POLICY, ValueError("boom"))
        run.ring()
        assert [type(fact) for _, fact in run.facts] == [StepStarted, StepRetrying]
        assert not run.pending.steps[A].interruptible

    def test_the_slot_is_its_start(self) -> None:
        run = self.waiting()
        run.slots.come()
        assert (run.slots.begun, run.facts) == ([(A, 1)], [])

    def test_at_most_once_is_committed_when_the_slot_has_come(self) -> None:
        run = self.waiting(at_most_once=True)
        run.slots.come()
        assert (run.slots.begun, run.facts, run.urgent) == ([], [(A, StepStarted(attempt=1))], [True])
        run.landed((A, StepStarted(attempt=1)))
        assert run.slots.begun == [(A, 1)]

    def test_probation_may_end_meanwhile(self) -> None:
        run = self.waiting(careful=True)
        run.careful = False
        run.slots.come()
        assert (run.slots.begun, run.facts) == ([(A, 1)], [])

    def test_one_that_was_cut_off_says_when_it_begins_again(self) -> None:
        run = Run((0, A, step()))
        run.slots.full = True
        run.attempts.recover(lambda key: True)
        run.attempts.begin_held()
        assert run.facts == []
        run.slots.come()
        assert (run.slots.begun, run.facts) == ([(A, 2)], [(A, StepStarted(attempt=2))])

    def test_it_is_cancelled_when_nobody_wants_it(self) -> None:
        run = self.waiting()
        run.attempts.release(A)
        assert run.slots.cancelled == [(A, 0)]
        assert not run.attempts.busy


class TestAtWork:
    """What a drain waits for."""

    def test_an_attempt_with_a_slot(self) -> None:
        run = Run()
        assert not run.attempts.at_work
        run.slots.full = True
        run.call()
        assert not run.attempts.at_work, "it will get no slot here any more"
        run.slots.come()
        assert run.attempts.at_work

    def test_one_whose_start_is_being_committed(self) -> None:
        run = Run()
        run.call(at_most_once=True)
        assert run.attempts.at_work

    def test_not_a_step_in_back_off(self) -> None:
        run = Run()
        run.call()
        run.attempts.step_failed(run.running(), POLICY, ValueError("boom"))
        assert not run.attempts.at_work

    def test_not_a_built_in_step(self) -> None:
        """It waits for another run; whoever owns this one next goes on waiting."""
        run = Run()
        run.pending.see(A, StepCreated(name="perdure:run.result", input=raw("{}")), 1)
        run.attempts.created(A)
        run.attempts.begin_held()
        assert run.attempts.busy
        assert not run.attempts.at_work


class TestRecovery:
    @staticmethod
    def recovered(*lines: tuple[int, str, AnyFact], awaited: bool = True, careful: bool = False) -> Run:
        run = Run(*lines, careful=careful)
        run.attempts.recover(lambda key: awaited)
        run.attempts.begin_held()
        return run

    def test_an_interrupted_attempt_takes_a_number(self) -> None:
        run = self.recovered((0, A, step()))
        assert run.slots.begun == [(A, 2)]
        assert (run.facts, run.urgent) == ([(A, StepStarted(attempt=2))], [False])

    def test_on_probation_it_waits_for_its_start(self) -> None:
        run = self.recovered((0, A, step()), careful=True)
        assert (run.slots.begun, run.urgent) == ([], [True])

    def test_a_back_off_is_kept(self) -> None:
        run = self.recovered((0, A, step()), (0, A, StepRetrying(attempt=1, error=BOOM, retry_at_ms=60_000)))
        assert (run.slots.begun, [timer[:2] for timer in run.timers]) == ([], [(A, 60_000)])
        assert not run.attempts.busy, "it may be put away"
        run.ring()
        assert run.slots.begun == [(A, 2)]

    def test_one_that_is_over_is_retried_now(self) -> None:
        run = self.recovered((0, A, step()), (0, A, StepRetrying(attempt=1, error=BOOM, retry_at_ms=40_000)))
        assert run.slots.begun == [(A, 2)]

    def test_at_most_once_is_told_instead_of_repeated(self) -> None:
        """S3."""
        run = self.recovered((0, A, step(at_most_once=True)), (0, A, StepStarted(attempt=1)))
        [(key, fact)] = run.facts
        assert isinstance(fact, StepFailed)
        assert (key, fact.attempt, run.slots.begun) == (A, 1, [])
        assert fact.error.message == str(StepInterrupted("app:charge", 1))

    def test_at_most_once_that_was_never_begun_begins(self) -> None:
        run = self.recovered((0, A, step(at_most_once=True)))
        assert run.facts == [(A, StepStarted(attempt=1))]
        run.landed((A, StepStarted(attempt=1)))
        assert run.slots.begun == [(A, 1)]

    def test_at_most_once_that_failed_is_retried(self) -> None:
        retrying = StepRetrying(attempt=1, error=BOOM, retry_at_ms=1)
        run = self.recovered((0, A, step(at_most_once=True)), (0, A, StepStarted(attempt=1)), (0, A, retrying))
        assert run.facts == [(A, StepStarted(attempt=2))]

    def test_what_the_body_does_not_wait_for_is_left(self) -> None:
        run = self.recovered((0, A, step()), awaited=False)
        assert (run.slots.begun, run.facts) == ([], [])


class TestOutcomes:
    def test_success(self) -> None:
        run = Run()
        run.call()
        run.attempts.step_succeeded(run.running(), b"[1]")
        assert run.facts == [(A, StepCompleted(attempt=1, duration_ms=7, result=raw("[1]")))]
        assert not run.attempts.busy

    def test_a_failure_is_recorded_and_retried_when_it_is_time(self) -> None:
        run = Run()
        run.call()
        run.attempts.step_failed(run.running(), POLICY, ValueError("boom"))
        [(key, fact)] = run.facts
        assert isinstance(fact, StepRetrying)
        assert (key, fact.attempt, fact.retry_at_ms, fact.duration_ms, run.urgent) == (A, 1, 51_000, 7, [True])
        assert [timer[:2] for timer in run.timers] == [(A, 51_000)]
        assert not run.attempts.busy
        run.ring()
        assert run.slots.begun == [(A, 1), (A, 2)]
        assert run.facts[1:] == [(A, StepStarted(attempt=2))]

    def test_a_timer_that_rings_twice_begins_one_retry(self) -> None:
        run = Run()
        run.call()
        run.attempts.step_failed(run.running(), POLICY, ValueError())
        [(key, _, call)] = run.timers
        call(key)
        call(key)
        assert run.slots.begun == [(A, 1), (A, 2)]

    def test_the_last_failure_is_the_steps_end(self) -> None:
        run = Run()
        run.call()
        run.attempts.step_failed(run.running(), definition(max_retries=0), ValueError("boom"))
        assert isinstance(run.facts[0][1], StepFailed)
        assert run.timers == []

    def test_a_late_outcome_is_dropped(self) -> None:
        run = Run()
        run.call()
        late = run.running()
        run.attempts.release(A)
        assert run.slots.cancelled == [(A, 1)]
        run.attempts.step_succeeded(late, b"1")
        run.attempts.step_failed(late, POLICY, ValueError())
        assert run.facts == []

    def test_a_released_step_is_not_retried(self) -> None:
        run = Run()
        run.call()
        run.attempts.step_failed(run.running(), POLICY, ValueError("boom"))
        run.pending.forget(A)
        run.ring()
        assert run.slots.begun == [(A, 1)]


class TestAThreadThatGoesOn:
    """A sync step's thread can't be interrupted: the next attempt begins once it has ended."""

    @staticmethod
    async def timed_out() -> "tuple[Run, asyncio.Future[None]]":
        run = Run()
        run.call()
        thread: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        run.running().thread = thread
        run.attempts.step_failed(run.running(), POLICY, TimeoutError())
        return run, thread

    def test_it_is_waited_for(self) -> None:
        async def scene() -> None:
            run, thread = await self.timed_out()
            assert run.timers == []
            assert run.attempts.busy, "a run isn't put away while its code runs"
            assert run.attempts.at_work, "nor handed back"
            thread.set_result(None)
            await asyncio.sleep(0)
            assert [timer[:2] for timer in run.timers] == [(A, 51_000)]
            assert not run.attempts.at_work
            assert not run.attempts.busy

        asyncio.run(scene())

    def test_a_run_that_has_left_meanwhile_begins_nothing(self) -> None:
        async def scene() -> None:
            run, thread = await self.timed_out()
            run.attempts.close()
            thread.set_result(None)
            await asyncio.sleep(0)
            assert run.timers == []

        asyncio.run(scene())


class TestWhatAStepSays:
    def test_progress_at_most_once_a_second(self) -> None:
        run = Run()
        run.call()
        for now_ms, progress in ((50_000, b"1"), (50_999, b"2"), (51_000, b"3")):
            run.now_ms = now_ms
            run.attempts.step_progressed(run.running(), progress)
        assert run.facts == [
            (A, StepHeartbeat(attempt=1, progress=Raw(b"1"))),
            (A, StepHeartbeat(attempt=1, progress=Raw(b"3"))),
        ]
        assert run.urgent == [False, False]

    def test_attributes_are_told_as_the_steps(self) -> None:
        run = Run()
        run.call()
        run.attempts.step_set_attributes(run.running(), {"phase": "x"})
        assert run.facts == [(A, AttributesSet(changes={"phase": "x"}, by_step=True))]

    def test_a_cancelled_step_says_nothing(self) -> None:
        run = Run()
        run.call()
        late = run.running()
        run.attempts.release(A)
        run.attempts.step_set_attributes(late, {"phase": "x"})
        run.attempts.step_progressed(late, b"1")
        assert run.facts == []


class TestWhatAStepWrites:
    def test_goes_with_the_next_append_and_is_lazy_behind_the_first(self) -> None:
        run = Run()
        run.call()
        assert not run.write(b"1")
        assert not run.write(b"2")
        assert run.urgent == [True, False]
        [chunks] = run.chunks()
        assert (chunks.data, chunks.step_id, chunks.attempt) == ((b"1", b"2"), run.running().step_id, 1)

    def test_much_of_it_is_to_be_drained(self) -> None:
        run = Run()
        run.call()
        assert not run.write(bytes(FULL_BYTES))
        assert run.write(b"1")

    def test_what_is_kept_waits_for_its_completion(self) -> None:
        run = Run()
        run.call()
        assert not run.write(bytes(FULL_BYTES + 1), kept=True)
        assert run.chunks() == ()
        run.attempts.step_succeeded(run.running(), b"1")
        [chunks] = run.chunks(A)
        assert len(chunks.data) == 1

    def test_what_a_failed_attempt_kept_is_lost(self) -> None:
        run = Run()
        run.call()
        run.write(b"first", kept=True)
        run.attempts.step_failed(run.running(), POLICY, ValueError())
        run.ring()
        run.write(b"second", kept=True)
        run.attempts.step_succeeded(run.running(), b"1")
        [chunks] = run.chunks(A)
        assert (chunks.data, chunks.attempt) == ((b"second",), 2)

    def test_after_the_end_that_it_kept_it_keeps_nothing_more(self) -> None:
        run = Run()
        run.call()
        run.write(None, kept=True)
        with pytest.raises(StreamClosed):
            run.write(b"1", kept=True)
        with pytest.raises(StreamClosed):
            run.write(None, kept=True)
        assert not run.write(b"1"), "the end isn't committed: others may write on"

    def test_a_closed_stream_keeps_nothing(self) -> None:
        run = Run()
        run.call()
        run.write(None)
        with pytest.raises(StreamClosed):
            run.write(b"1", kept=True)

    def test_a_cancelled_attempt_writes_nothing_more(self) -> None:
        run = Run()
        run.call()
        late = run.running()
        run.attempts.release(A)
        for kept in (False, True):
            with pytest.raises(StreamClosed):
                run.write(b"1", kept=kept, running=late)
        assert run.chunks() == ()

    def test_nor_does_it_drain(self) -> None:
        run = Run()
        run.call()
        late = run.running()

        async def scene() -> None:
            await run.attempts.step_drains(late, HERE)  # there is nothing to wait for
            run.attempts.release(A)
            with pytest.raises(StreamClosed):
                await run.attempts.step_drains(late, HERE)

        asyncio.run(scene())


def test_at_the_end_all_are_cancelled() -> None:
    run = Run()
    run.call(A)
    run.call(B, at_most_once=True)
    run.slots.full = True
    run.call(C)
    run.attempts.close()
    assert run.slots.cancelled == [(A, 1), (B, 1), (C, 0)]
    assert not run.attempts.busy
    run.landed((B, StepStarted(attempt=1)))
    assert run.slots.begun == [(A, 1)]
