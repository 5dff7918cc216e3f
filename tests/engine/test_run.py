"""A live run takes turns: what its log says after what happened, on a whole engine in virtual time."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec import Raw

from perdure import get_writable, step, workflow
from perdure.codec.fact import pack
from perdure.engine.engine import Engine
from perdure.engine.letter import wake_letter
from perdure.engine.run import LiveRun
from perdure.engine.running import Running
from perdure.errors import WorldUnavailable
from perdure.model.event import (
    CancelRequested,
    ChildCompleted,
    ChildCreated,
    Fact,
    RequestsReleased,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCompleted,
)
from perdure.model.ids import MailId, RunId, child_run_id
from perdure.replay.body import Body
from perdure.testing.conformance.sample import do
from perdure.world import Append, Letter, Operation, Send
from tests.core.logs import raw
from tests.engine.moody import MoodyWorld
from tests.engine.program import (
    ALL,
    DID,
    callback,
    careful_one,
    clean,
    cleaning,
    failing,
    gate,
    gathered,
    held,
    nap,
    odd_end,
    one,
    parent,
    stubborn,
    told,
)
from tests.engine.stage import Stage, new

DRAINS: list[asyncio.Task[None]] = []


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()
    DRAINS.clear()


@step(name="run:drains")
async def drains() -> None:
    """Writes on while it drains, which goes on when it is cancelled."""
    out = get_writable()
    await out.write("poison")
    DRAINS.append(asyncio.ensure_future(out.drain()))
    await asyncio.sleep(0.05)
    await out.write("more")
    await asyncio.shield(DRAINS[0])


@workflow(name="run:draining")
async def draining() -> None:
    await drains()


class Scene:
    """A worker with a moody World, and one run."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = MoodyWorld(stage.world)
        self.engine: Engine = stage.engine(*ALL, drains, draining, world=self.world)
        self.run_id = RunId("")

    async def begin(self, workflow: Any, *args: Any) -> RunId:
        await self.engine.work()
        self.run_id = (await self.engine.start(new(workflow, *args))).run_id
        return self.run_id

    async def end(self) -> Fact:
        return await self.engine.end(self.run_id)

    async def did(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(DID) < count:
                await asyncio.sleep(0.001)

    async def log(self) -> list[tuple[int, str]]:
        return [(event.turn, event.fact.type) for event in await self.stage.events(self.run_id)]

    async def facts(self, *kinds: type[Fact]) -> list[Fact]:
        return [event.fact for event in await self.stage.events(self.run_id) if isinstance(event.fact, kinds)]

    @property
    def lives(self) -> bool:
        return self.engine.worker is not None and self.run_id in self.engine.worker.runs

    def appends(self) -> list[list[str]]:
        """What each append of the run said."""
        mine = [operation for batch in self.world.batches for operation in batch if isinstance(operation, Append)]
        return [[row.type for row in append.rows] for append in mine if append.run_id == self.run_id]


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()

    async def scene() -> None:
        await act(Scene(stage))

    stage.play(scene)


class TestTurns:
    def test_a_step_costs_one_append(self) -> None:
        """L3: its start rides with its outcome."""

        async def act(on: Scene) -> None:
            await on.begin(one, "x")
            assert await on.end() == RunCompleted(result=raw('"x"'))
            assert await on.log() == [
                (0, "run_created"), (0, "run_started"), (0, "step_created"), (1, "step_completed"), (1, "run_completed"),
            ]  # fmt: skip
            assert on.appends() == [["step_created", "step_completed"], ["run_completed"]]

        play(act)

    def test_a_slow_steps_start_is_recorded_soon(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await asyncio.sleep(0.019)
            assert on.appends() == []
            await asyncio.sleep(0.003)
            assert on.appends() == [["step_created"]]

        play(act)

    def test_what_arrives_together_is_one_turn(self) -> None:
        async def act(on: Scene) -> None:
            on.world.delay_s = 0.01
            await on.begin(gathered, 5)
            await on.end()
            turns = [turn for turn, kind in await on.log() if kind == "step_completed"]
            assert turns == [1, 1, 1, 1, 1]
            assert [kind for _, kind in await on.log()][2:7] == ["step_created"] * 5

        play(act)

    def test_the_body_sees_nothing_before_it_is_in_the_log(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await on.did(1)
            on.world.delay_s = 5.0
            gate("x").set()
            await asyncio.sleep(4.9)
            assert DID == ["x/1"]
            await asyncio.sleep(5.2)
            assert DID == ["x/1", "then/1"]

        play(act)

    def test_a_retry_is_counted_and_its_cause_recorded(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(failing, "x")
            end = await on.end()
            assert isinstance(end, RunFailed)
            assert end.error.type == "builtins:ValueError"
            assert DID == ["x/1", "x/2", "x/3"]
            assert 20_000 <= on.stage.passed_ms < 21_000
            attempts = [
                (fact.type, fact.attempt)  # type: ignore[attr-defined]
                for fact in await on.facts(StepStarted, StepRetrying, StepFailed)
            ]
            assert attempts == [
                ("step_retrying", 1), ("step_started", 2), ("step_retrying", 2), ("step_started", 3), ("step_failed", 3),
            ]  # fmt: skip

        play(act)

    def test_at_most_once_begins_when_its_start_is_in_the_log(self) -> None:
        async def act(on: Scene) -> None:
            gate("x").set()
            on.world.delay_s = 0.5
            await on.begin(careful_one, "x")
            await asyncio.sleep(0.45)
            assert DID == []
            await on.end()
            assert on.appends()[0] == ["step_created", "step_started"]
            assert DID == ["x/1"]

        play(act)

    def test_what_a_step_says_is_told_and_kept(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(told, "x")
            await asyncio.sleep(0.1)
            record = await on.stage.world.read_run(on.run_id)
            assert record is not None
            assert record.attributes == {"told": "x"}
            assert [kind for _, kind in await on.log()][2:] == ["step_created", "attr_set", "step_heartbeat"]
            gate("x").set()
            await on.end()

        play(act)


class TestRest:
    """O5."""

    def test_a_long_sleeper_leaves_with_its_answer(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(nap, 3600.0)
            await asyncio.sleep(0.01)
            assert not on.lives
            assert on.appends() == [["wait_created"]]
            record = await on.stage.world.read_run(on.run_id)
            assert record is not None
            assert (record.owner, record.wake_at_ms) == (None, on.stage.now_ms() - on.stage.passed_ms + 3_600_000)
            assert await on.end() == RunCompleted(result=raw('"awake"'))

        play(act)

    def test_a_short_one_stays(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(nap, 0.9)
            await asyncio.sleep(0.8)
            assert on.lives
            await on.end()
            record = await on.stage.world.read_run(on.run_id)
            assert record is not None
            assert record.epoch == 1

        play(act)

    def test_one_that_rests_is_put_away_after_a_while_and_comes_back(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(nap, 5.0)
            await asyncio.sleep(2)
            assert not on.lives
            await on.end()
            assert DID == ["awake/1"]
            [completed] = [event for event in await on.stage.events(on.run_id) if isinstance(event.fact, WaitCompleted)]
            assert 0 <= completed.at_ms - completed.fact.due_ms <= 5  # type: ignore[attr-defined]

        play(act)

    def test_one_whose_step_runs_stays(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await asyncio.sleep(60)
            assert on.lives
            gate("x").set()
            await on.end()
            assert DID == ["x/1", "then/1"]

        play(act)

    @pytest.mark.parametrize(("workflow", "argument"), [(one, "x"), (nap, 3600.0), (held, "x")])
    def test_what_has_left_is_not_kept_until_the_collector_comes(self, workflow: Any, argument: Any) -> None:
        async def act(on: Scene) -> None:
            gate("x").set()
            await on.begin(workflow, argument)
            gc.collect()
            before = living()
            gc.disable()
            try:
                for _ in range(3):
                    await on.engine.start(new(workflow, argument))
                await asyncio.sleep(1)
                assert not (living() - before)
            finally:
                gc.enable()

        def living() -> Counter[str]:
            kinds = (LiveRun, Body, Running)
            return Counter(kind.__name__ for kind in map(type, gc.get_objects()) if kind in kinds)

        play(act)


class TestMail:
    async def write(self, on: Scene, letter: Letter) -> None:
        await do(on.stage.world, Send(letter=letter))
        assert on.engine.worker is not None
        on.engine.worker.look(on.run_id)

    def test_a_wake_up_ends_a_sleep(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(nap, 5.0)
            await asyncio.sleep(0.1)
            assert await on.engine.wake_up(on.run_id) == 1
            await on.end()
            assert on.stage.passed_ms < 1000
            assert [kind for _, kind in await on.log()][2:5] == ["wait_created", "wake_requested", "wait_completed"]

        play(act)

    def test_two_wake_ups_are_recorded_and_end_it_once(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(nap, 5.0)
            await asyncio.sleep(0.1)
            await on.stage.world.commit(
                [Send(letter=wake_letter(MailId(f"mail_{number}"), on.run_id)) for number in (1, 2)]
            )
            assert on.engine.worker is not None
            on.engine.worker.look(on.run_id)
            await on.end()
            kinds = [kind for _, kind in await on.log()]
            assert (kinds.count("wake_requested"), kinds.count("wait_completed")) == (2, 1)

        play(act)

    def test_a_cancel_runs_the_cleanup(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(cleaning, "x")
            await on.did(1)
            assert await on.engine.cancel(on.run_id, "enough", None)
            assert await on.end() == RunCancelled(reason="enough")
            assert DID == ["x/1", "cleaned/1"]
            assert [kind for _, kind in await on.log()][3:] == [
                "cancel_requested", "step_created", "requests_released", "step_completed", "run_cancelled",
            ]  # fmt: skip
            [released] = await on.facts(RequestsReleased)
            assert released == RequestsReleased(keys=("0/step:t:wait_for#0",))

        play(act)

    def test_after_its_grace_a_run_is_ended_without_its_body(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(stubborn)
            await asyncio.sleep(0.1)
            assert await on.engine.cancel(on.run_id, "now", 7_000)
            assert await on.end() == RunCancelled(reason="now", forced=True)
            assert 7_000 <= on.stage.passed_ms - 100 < 8_000

        play(act)

    def test_a_second_cancel_may_shorten_the_grace(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(stubborn)
            await asyncio.sleep(0.1)
            await on.engine.cancel(on.run_id, "first", 60_000)
            await on.engine.cancel(on.run_id, "second", 2_000)
            await on.engine.cancel(on.run_id, "third", None)
            assert await on.end() == RunCancelled(reason="first", forced=True)
            assert on.stage.passed_ms < 4_000

        play(act)

    def test_mail_that_an_end_meets_is_recorded_before_it(self) -> None:
        """M2: the end is refused, then takes it along."""

        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await on.did(1)
            gate("x").set()
            on.world.delay_s = 0.05
            while len(DID) < 2:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.06)
            letter = wake_letter(MailId("mail_1"), on.run_id)
            await do(on.stage.world, Send(letter=letter))  # nobody is told
            assert isinstance(await on.end(), RunCompleted)
            kinds = [kind for _, kind in await on.log()]
            assert kinds[-2:] == ["wake_requested", "run_completed"]
            assert await on.stage.world.read_mail(on.run_id) == ()

        play(act)

    def test_a_letter_that_cannot_be_read_parks_the_run(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await asyncio.sleep(0.1)
            odd = Letter(mail_id=MailId("mail_1"), run_id=on.run_id, kind="cancel_requested", key="", payload=b"{")
            await self.write(on, odd)
            end = await on.end()
            assert isinstance(end, RunBlocked)
            assert end.sentence.startswith(
                "a letter for it can't be read: cancel_requested can't be read back: the log is"
            )
            assert len(await on.stage.world.read_mail(on.run_id)) == 1
            assert await on.engine.cancel(on.run_id, "heal", None)
            assert (await on.log())[-1][1] == "run_cancelled"

        play(act)

    def test_even_where_it_comes_with_the_end(self) -> None:
        """No hot loop between the end and the letter."""

        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await asyncio.sleep(0.1)
            odd = Letter(mail_id=MailId("mail_1"), run_id=on.run_id, kind="hook_received", key="", payload=b"{}")
            await do(on.stage.world, Send(letter=odd))  # nobody is told
            gate("x").set()
            end = await asyncio.wait_for(on.end(), 30)
            assert isinstance(end, RunBlocked)
            assert len(on.appends()) < 10

        play(act)


class TestChildren:
    def test_a_child_is_born_with_its_parents_turn_and_tells_its_end(self) -> None:
        async def act(on: Scene) -> None:
            gate("x").set()
            await on.begin(parent, "x")
            assert await on.end() == RunCompleted(result=raw('"child: x, then"'))
            [created] = await on.facts(ChildCreated)
            assert created.run_id == child_run_id(on.run_id, "0/child:t:held#0")  # type: ignore[attr-defined]
            [completed] = await on.facts(ChildCompleted)
            assert completed == ChildCompleted(run_id=created.run_id, result=raw('"x, then"'))  # type: ignore[attr-defined]

        play(act)

    def test_a_cancel_follows(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(parent, "x")
            await on.did(1)
            await on.engine.cancel(on.run_id, None, None)
            assert isinstance(await on.end(), RunCancelled)
            end = await on.engine.end(child_run_id(on.run_id, "0/child:t:held#0"))
            assert end == RunCancelled(reason=f"its parent {on.run_id} was cancelled")

        play(act)


class TestTrouble:
    def test_a_lost_answer_changes_nothing(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            gate("x").set()
            on.world.answers_to_lose = 3
            assert await on.end() == RunCompleted(result=raw('"x, then"'))
            assert DID == ["x/1", "then/1"]
            kinds = [kind for _, kind in await on.log()]
            assert kinds.count("step_completed") == 2

        play(act)

    def test_a_world_that_is_away_only_costs_time(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await on.did(1)
            on.world.away = True
            gate("x").set()
            await asyncio.sleep(5)
            on.world.away = False
            assert isinstance(await on.end(), RunCompleted)
            assert DID == ["x/1", "then/1"]

        play(act)

    def test_what_the_world_cannot_store_parks_the_run_and_no_other(self) -> None:
        """L4."""

        async def act(on: Scene) -> None:
            def is_poison(operation: Operation) -> bool:
                rows = operation.rows if isinstance(operation, Append) else ()
                return any(b"poison" in row.payload for row in rows)

            on.world.chokes_on = is_poison
            await on.begin(one, "poison")
            other = (await on.engine.start(new(one, "sound"))).run_id
            end = await on.end()
            assert end == RunBlocked(
                sentence="its log could not be written: ValueError('choked')", deployment=on.engine.deployment
            )
            assert isinstance(await on.engine.end(other), RunCompleted)

        play(act)

    @pytest.mark.parametrize("after_s", [0.1, 0.3, 0.5])
    def test_a_run_that_has_left_by_then_is_nobodys_to_park(
        self, after_s: float, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def act(on: Scene) -> None:
            def is_poison(operation: Operation) -> bool:
                rows = operation.rows if isinstance(operation, Append) else ()
                return any(b"poison" in row.payload for row in rows)

            on.world.chokes_on, on.world.delay_s = is_poison, 0.2
            await on.begin(one, "poison")
            assert on.engine.worker is not None
            await asyncio.sleep(after_s)
            on.engine.worker.forget(on.run_id)
            await asyncio.sleep(1)

        play(act)
        assert "perdure failed" not in caplog.text

    def test_who_drains_what_the_world_cannot_store_is_told(self) -> None:
        """A step's thread would wait for ever, and its slot and the process's end with it."""

        async def act(on: Scene) -> None:
            def is_poison(operation: Operation) -> bool:
                chunks = operation.chunks if isinstance(operation, Append) else ()
                return any(b"poison" in data for new in chunks for data in new.data)

            on.world.chokes_on, on.world.delay_s = is_poison, 0.2
            await on.begin(draining)
            assert isinstance(await on.end(), RunBlocked)
            await asyncio.sleep(1)
            [drain] = DRAINS
            assert isinstance(drain.exception(), WorldUnavailable)

        play(act)

    def test_a_run_that_was_taken_over_is_dropped(self) -> None:
        """P8."""

        async def act(on: Scene) -> None:
            await on.begin(held, "x")
            await on.did(1)
            outsider = on.stage.engine(*ALL)
            assert await outsider.cancel(on.run_id, "by force", 0)
            gate("x").set()
            await asyncio.sleep(5)
            assert not on.lives
            assert (await on.log())[-1][1] == "run_cancelled"
            assert DID == ["x/1"]

        play(act)

    def test_a_wait_that_is_early_by_the_stores_clock_waits_on(self) -> None:
        """S1: the worker's clock is ahead."""

        async def act(on: Scene) -> None:
            on.world.now_ms = lambda: on.stage.now_ms() + 300  # type: ignore[method-assign]
            await on.begin(nap, 0.5)
            await on.end()
            [created] = [event for event in await on.stage.events(on.run_id) if event.fact.type == "wait_created"]
            [completed] = [event for event in await on.stage.events(on.run_id) if isinstance(event.fact, WaitCompleted)]
            assert completed.at_ms >= created.fact.due_ms  # type: ignore[attr-defined]
            assert len(on.appends()) <= 5

        play(act)

    @pytest.mark.parametrize(
        ("how", "error"),
        [
            ("interrupt", "builtins:KeyboardInterrupt"),
            ("exit", "builtins:SystemExit"),
            ("cancelled", "asyncio.exceptions:CancelledError"),
            ("unencodable", "perdure.errors:EncodeError"),
        ],
    )
    def test_a_body_that_ends_oddly_fails_its_run_and_harms_nobody(self, how: str, error: str) -> None:
        async def act(on: Scene) -> None:
            await on.begin(odd_end, how)
            end = await on.end()
            assert isinstance(end, RunFailed)
            assert end.error.type == error
            await on.begin(one, "next")
            assert isinstance(await on.end(), RunCompleted)

        play(act)

    def test_a_callback_that_diverges_parks_its_run_and_harms_nobody(self) -> None:
        """Its turn lands in one batch with others'."""

        async def act(on: Scene) -> None:
            key = "0/step:t:do#0"
            definition = callback.definition
            await on.begin(callback, True)
            await on.end()
            kept = on.stage.world._state.runs[on.run_id]
            created = pack(StepCreated(name="t:do", input=Raw(b'{"what":"step"}')))
            assert next(row.payload for row in kept.rows if row.key == key) == created
            # the same log, but for an input that takes the other path
            first = kept.rows[0]
            changed = type(first)(
                seq=1, turn=0, epoch=1, type=first.type, key="", at_ms=first.at_ms,
                payload=first.payload.replace(b"true", b"false"),
            )  # fmt: skip
            record = type(kept.record)(
                **{
                    **{name: getattr(kept.record, name) for name in kept.record.__struct_fields__},
                    "status": "running", "length": 4, "ended_at_ms": None, "wake_at_ms": 0,
                }
            )  # fmt: skip
            on.stage.world._state.runs[on.run_id] = type(kept)(
                record=record, rows=(changed, *kept.rows[1:4]), inbox=(), at_ms=kept.at_ms, probation=False
            )
            others = [(await on.engine.start(new(one, str(number)))).run_id for number in range(3)]
            end = await on.end()
            assert isinstance(end, RunBlocked)
            assert end.recorded == 'step t:do({"what":"step"})'
            assert end.attempted is not None
            assert end.attempted.startswith("timeout until ")
            for other in others:
                assert isinstance(await on.engine.end(other), RunCompleted)
            assert definition.name == "t:callback"

        play(act)


def test_attributes_of_the_end_are_there_with_the_end() -> None:
    async def act(on: Scene) -> None:
        await on.begin(one, "x")
        await on.end()
        [completed] = await on.facts(StepCompleted)
        assert isinstance(completed, StepCompleted)
        assert completed.attempt == 1
        record = await on.stage.world.read_run(on.run_id)
        assert record is not None
        assert (record.status, record.owner, record.mail) == ("completed", None, 0)
        assert await on.facts(CancelRequested) == []

    play(act)
