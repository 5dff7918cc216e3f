"""Steps for other workers: two workers on one World, one that serves the default queue and one that serves "gpu"."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

import perdure
from perdure import FatalError, Retry, StepInterrupted, get_step_metadata, race, sleep, step, workflow
from perdure.codec.fact import pack
from perdure.codec.keyring import KeyRing
from perdure.core.pending import Pending
from perdure.engine.append import Entry
from perdure.engine.engine import Engine
from perdure.engine.log import to_events
from perdure.engine.queue import Service, last_word, received, steps_with_queued
from perdure.errors import UsageError
from perdure.model.event import (
    CancelRequested,
    ChildCompleted,
    Fact,
    QueuedStep,
    RequestsReleased,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRetried,
    StepCompleted,
    StepFailed,
    StepQueued,
    StepRetrying,
    StepStarted,
    StepStopped,
)
from perdure.model.ids import RunId, letter_id, step_id
from perdure.world import RunFilter, RunRecord, World
from tests.core.logs import BOOM, done, raw
from tests.core.logs import log as log_of
from tests.core.logs import step as asked
from tests.engine.moody import MoodyWorld
from tests.engine.program import DID, clean, gate
from tests.engine.stage import Stage, new, registry_of

DEFAULT, GPU = frozenset(("default",)), frozenset(("gpu",))
KEY = "0/step:q:embed#0"
SEEN: list[perdure.StepMetadata] = []


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()
    SEEN.clear()


def begin(what: str) -> None:
    SEEN.append(get_step_metadata())
    DID.append(f"{what}/{get_step_metadata().attempt}")


@step(name="q:embed", queue="gpu")
async def embed(what: str) -> str:
    begin(what)
    if what in ("slow", "slower"):
        await gate(what).wait()
    return f"{what} embedded"


@step(name="q:train", queue="gpu", at_most_once=True)
async def train(what: str) -> str:
    begin(what)
    await gate(what).wait()
    return what


@step(name="q:shaky", queue="gpu", retry=Retry(max_retries=2, delay="10s", jitter=0, factor=1))
async def shaky(fails: int) -> str:
    begin("shaky")
    await perdure.heartbeat(get_step_metadata().attempt)
    if get_step_metadata().attempt <= fails:
        raise ValueError(f"attempt {get_step_metadata().attempt}")
    return "steady"


@step(name="q:fatal", queue="gpu")
async def fatal(what: str) -> str:
    begin(what)
    if not gate(what).is_set():
        raise FatalError("out of memory")
    return f"{what} at last"


@step(name="q:telling", queue="gpu")
async def telling() -> None:
    begin("telling")
    await perdure.set_attributes(phase="telling", gone=None)
    async with perdure.get_writable(str, atomic=True) as kept, perdure.get_writable(str, namespace="log") as out:
        await kept.write("kept")
        await out.write("told")


@step(name="q:here")
async def here(what: str) -> str:
    begin(what)
    return f"{what} here"


@workflow(name="q:embedded")
async def embedded(what: str) -> str:
    return await here(await embed(what))


@workflow(name="q:trained")
async def trained(what: str) -> str:
    try:
        return await train(what)
    except StepInterrupted as error:
        return f"{error.step}, attempt {error.attempt}"


@workflow(name="q:shaken")
async def shaken(fails: int) -> str:
    try:
        return await shaky(fails)
    except ValueError as error:
        return f"caught {error}: {error.__notes__[0].partition(', ')[0]}"


@workflow(name="q:doomed")
async def doomed(what: str) -> list[str]:
    return await asyncio.gather(fatal(what), embed("slow"))


@workflow(name="q:told")
async def told() -> None:
    await perdure.set_attributes(gone="not yet")
    await telling()


@workflow(name="q:raced")
async def raced(what: str) -> str:
    won = await race(embed(what), sleep("5s", result="too slow"))
    await sleep("20s")
    return won


@workflow(name="q:deserted")
async def deserted() -> str:
    """Ends while a step of it goes on."""
    tasks = [asyncio.create_task(embed("slow")), asyncio.create_task(here("first"))]
    return await tasks[1]


@workflow(name="q:cleaning")
async def cleaning(what: str) -> str:
    try:
        return await embed(what)
    except perdure.RunCancelled as error:
        return f"its run was cancelled: {error.reason}"
    finally:
        await here("cleaned")


@workflow(name="q:handed")
async def handed() -> str:
    """The step learns a token, which must be there by then (L5)."""
    async with perdure.create_hook(str, token="handed") as hook:
        return await embed(hook.token)


@workflow(name="q:frail", max_recoveries=2)
async def frail(what: str) -> str:
    return await embed(what)


STEPS = (embed, train, shaky, fatal, telling, here)
ALL = (*STEPS, embedded, trained, shaken, doomed, told, raced, deserted, cleaning, handed, frail)


class Scene:
    """A worker of the default queue, and (with `gpu`) one of the other."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, stage.world
        self.run_id = RunId("")
        self.owner: Engine = stage.engine(*ALL)

    async def gpu(self, *parts: Any, concurrency: int = 100, world: World | None = None) -> Engine:
        engine = self.stage.engine(*(parts or STEPS), world=world)
        await engine.work(concurrency, GPU)
        return engine

    async def begin(self, workflow: Any, *args: Any) -> RunId:
        await self.owner.work(100, DEFAULT)
        self.run_id = (await self.owner.start(new(workflow, *args))).run_id
        return self.run_id

    async def end(self) -> Fact:
        async with asyncio.timeout(600):
            return await self.owner.end(self.run_id)

    async def did(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(DID) < count:
                await asyncio.sleep(0.01)

    async def facts(self, *kinds: type[Fact], of: RunId | None = None) -> list[Any]:
        return [event.fact for event in await self.stage.events(of or self.run_id) if isinstance(event.fact, kinds)]

    async def queued(self) -> list[RunRecord]:
        """The runs that its steps are, in the order in which they were sent."""
        sent: list[StepQueued] = await self.facts(StepQueued)
        records = [await self.world.read_run(each.run_id) for each in sent]
        return [record for record in records if record is not None]

    async def hands_over(self, engine: Engine) -> None:
        """What this engine holds, another owner goes on with."""
        await engine.close()


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()

    async def scene() -> None:
        await act(Scene(stage))

    stage.play(scene)


class TestItsWay:
    def test_a_step_runs_where_its_queue_is_served(self) -> None:
        async def act(on: Scene) -> None:
            gpu = await on.gpu()
            run_id = await on.begin(embedded, "x")
            assert await on.end() == RunCompleted(result=raw('"x embedded here"'))
            assert await on.stage.types(run_id) == [
                "run_created", "run_started", "step_created", "step_queued", "step_completed",
                "step_created", "step_completed", "run_completed",
            ]  # fmt: skip
            [child] = await on.queued()
            assert (child.workflow, child.status) == ("queue:gpu/q:embed", "completed")
            assert (child.parent_id, child.root_id) == (run_id, run_id)
            assert await on.stage.types(child.run_id) == [
                "run_created", "run_started", "step_created", "step_completed", "run_completed",
            ]  # fmt: skip
            [there], [back] = await on.facts(StepCompleted, of=child.run_id), (await on.facts(StepCompleted))[:1]
            assert back == there
            assert gpu.worker is not None and not gpu.worker.runs

        play(act)

    def test_inside_it_is_a_step_of_its_run(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(embedded, "x")
            await on.end()
            seen = SEEN[0]
            assert (seen.run_id, seen.step_id, seen.attempt) == (run_id, step_id(run_id, KEY), 1)

        play(act)

    def test_streams_and_attributes_are_its_runs(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(told)
            assert isinstance(await on.end(), RunCompleted)
            record = await on.world.read_run(run_id)
            assert record is not None and record.attributes == {"phase": "telling"}
            streams = {stream.stream: stream.length for stream in await on.world.streams.list(run_id)}
            assert streams == {"": 1, "log": 1}
            page = await on.world.streams.read(run_id, "log", 0, 10)
            assert page is not None and page.chunks[0].step_id == SEEN[0].step_id
            [child] = await on.queued()
            assert child.attributes == {} and await on.world.streams.list(child.run_id) == ()

        play(act)

    def test_what_serves_every_queue_runs_it_inline(self) -> None:
        async def act(on: Scene) -> None:
            await on.owner.work()
            run_id = on.run_id = (await on.owner.start(new(embedded, "x"))).run_id
            assert isinstance(await on.end(), RunCompleted)
            assert "step_queued" not in await on.stage.types(run_id)

        play(act)

    def test_what_serves_every_queue_also_takes_what_others_send(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(embedded, "slow")
            await asyncio.sleep(2)
            everything = await on.stage.working(*STEPS)
            await on.did(1)
            assert everything.worker is not None and len(everything.worker.runs) == 1
            gate("slow").set()
            assert isinstance(await on.end(), RunCompleted)
            assert SEEN[0].run_id == run_id

        play(act)

    def test_nothing_of_its_turn_is_missing_when_it_begins(self) -> None:
        """L5: the token that it is given is registered before its run is there."""

        async def act(on: Scene) -> None:
            await on.gpu()
            await on.begin(handed)
            assert isinstance(await on.end(), RunCompleted)
            types = await on.stage.types(on.run_id)
            assert types.index("hook_created") < types.index("step_queued")

        play(act)


class TestWaiting:
    def test_its_run_is_put_away_and_holds_nothing(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(embedded, "slow")
            await on.gpu()
            await on.did(1)
            await asyncio.sleep(5)
            assert on.owner.worker is not None
            assert not on.owner.worker.runs and not on.owner.worker.steps.busy
            record = await on.world.read_run(run_id)
            assert record is not None and (record.owner, record.wake_at_ms) == (None, None)
            gate("slow").set()
            assert isinstance(await on.end(), RunCompleted)

        play(act)

    def test_without_a_worker_for_it_it_waits(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(embedded, "x")
            await asyncio.sleep(60)
            [child] = await on.queued()
            assert (child.status, DID) == ("pending", [])
            assert not await on.owner.is_served(child.workflow)
            await on.gpu()
            assert await on.owner.is_served(child.workflow)
            assert isinstance(await on.end(), RunCompleted)

        play(act)

    def test_a_worker_that_does_not_know_the_step_leaves_it(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu(shaky)
            await on.begin(embedded, "x")
            await asyncio.sleep(30)
            [child] = await on.queued()
            assert (child.status, child.epoch) == ("pending", 0)
            await on.gpu(embed)
            assert isinstance(await on.end(), RunCompleted)

        play(act)

    def test_a_step_that_has_moved_is_still_run_where_it_lies(self) -> None:
        """Code that names another queue knows the step all the same."""

        async def anew(what: str) -> str:
            return f"{what} moved"

        moved = SimpleNamespace(definition=replace(embed.definition, function=anew, queue="cpu"))

        async def act(on: Scene) -> None:
            await on.begin(embedded, "x")
            await asyncio.sleep(1)
            await on.gpu(moved)
            assert await on.end() == RunCompleted(result=raw('"x moved here"'))

        play(act)

    def test_each_takes_what_it_has_slots_for(self) -> None:
        """A long queue isn't one worker's: the other's slot would stay empty."""

        async def act(on: Scene) -> None:
            for _ in range(5):
                await on.begin(embedded, "slow")
            await asyncio.sleep(1)
            first, second = await on.gpu(concurrency=1), await on.gpu(concurrency=2)
            await on.did(3)
            await asyncio.sleep(5)
            assert first.worker is not None and second.worker is not None
            assert (len(first.worker.runs), len(second.worker.runs), len(DID)) == (1, 2, 3)
            gate("slow").set()
            await on.end()
            assert len(DID) == 10

        play(act)

    def test_one_slot_takes_the_next_at_once(self) -> None:
        """Oldest first, and without waiting for a sweep in between."""

        async def act(on: Scene) -> None:
            runs: list[RunId] = []
            for number in range(20):
                runs.append(await on.begin(embedded, str(number)))
                await asyncio.sleep(0.1)
            began_ms = on.stage.passed_ms
            await on.gpu(concurrency=1)
            for run_id in runs:
                on.run_id = run_id
                await on.end()
            assert [did for did in DID if "here" not in did and "embedded" not in did] == [f"{n}/1" for n in range(20)]
            assert on.stage.passed_ms - began_ms < 2000

        play(act)


class TestFailing:
    def test_it_is_retried_there(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            await on.begin(shaken, 2)
            assert await on.end() == RunCompleted(result=raw('"steady"'))
            assert DID == ["shaky/1", "shaky/2", "shaky/3"]
            assert [seen.progress for seen in SEEN] == [None, 1, 2]
            assert len({seen.step_id for seen in SEEN}) == 1
            [child] = await on.queued()
            assert len(await on.facts(StepRetrying, of=child.run_id)) == 2
            [completed] = await on.facts(StepCompleted)
            assert completed.attempt == 3

        play(act)

    def test_its_last_error_is_what_the_workflow_catches(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            await on.begin(shaken, 9)
            text = "caught attempt 3: step q:shaky failed in attempt 3"
            assert await on.end() == RunCompleted(result=raw(f'"{text}"'))
            [child] = await on.queued()
            assert child.status == "failed"

        play(act)

    def test_a_fatal_error_is_not_retried(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            await on.begin(doomed, "x")
            end = await on.end()
            assert isinstance(end, RunFailed) and end.error.type == "perdure.errors:FatalError"
            assert DID.count("x/1") == 1 and "x/2" not in DID

        play(act)

    def test_a_retried_run_sends_it_anew(self) -> None:
        """Its neighbour, which the end cut off, too; attempt numbers go on."""

        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(doomed, "x")
            await on.end()
            await asyncio.sleep(5)
            assert [child.status for child in await on.queued()] == ["failed", "cancelled"]
            gate("x").set()
            gate("slow").set()
            await on.owner.retry(run_id)
            assert await on.end() == RunCompleted(result=raw('["x at last","slow embedded"]'))
            assert sorted(DID) == ["slow/1", "slow/2", "x/1", "x/2"]
            assert len({seen.step_id for seen in SEEN}) == 2
            assert [child.status for child in await on.queued()] == ["failed", "cancelled", "completed", "completed"]

        play(act)

    def test_what_was_cut_off_is_sent_anew_when_it_has_had_its_last_word(self) -> None:
        """Not before: it is still at work, in attempt 1, and might complete."""

        async def act(on: Scene) -> None:
            away = MoodyWorld(on.world)
            await on.gpu(embed, world=away)  # type: ignore[arg-type]
            run_id = await on.begin(doomed, "x")
            await on.did(1)
            away.away = True
            await on.gpu(fatal)
            await on.end()
            gate("x").set()
            await on.owner.retry(run_id)
            await on.gpu(embed)
            await asyncio.sleep(3)
            assert sorted(DID) == ["slow/1", "x/1", "x/2"]
            away.away = False
            await on.did(4)
            assert [word.attempt for word in await on.facts(StepStopped)] == [1]
            gate("slow").set()
            assert await on.end() == RunCompleted(result=raw('["x at last","slow embedded"]'))
            assert sorted(DID) == ["slow/1", "slow/2", "x/1", "x/2"]

        play(act)


class TestTakenOver:
    def test_another_worker_of_its_queue_goes_on(self) -> None:
        async def act(on: Scene) -> None:
            first = await on.gpu()
            await on.begin(embedded, "slow")
            await on.did(1)
            await on.hands_over(first)
            await on.gpu()
            await on.did(2)
            gate("slow").set()
            assert isinstance(await on.end(), RunCompleted)
            assert DID[:2] == ["slow/1", "slow/2"] and SEEN[0].step_id == SEEN[1].step_id
            [child] = await on.queued()
            assert [fact.attempt for fact in await on.facts(StepStarted, of=child.run_id)] == [2]

        play(act)

    def test_at_most_once_is_interrupted_there_and_told_here(self) -> None:
        async def act(on: Scene) -> None:
            first = await on.gpu()
            await on.begin(trained, "model")
            await on.did(1)
            await on.hands_over(first)
            await on.gpu()
            assert await on.end() == RunCompleted(result=raw('"q:train, attempt 1"'))
            assert DID == ["model/1"]

        play(act)

    def test_the_owner_of_the_run_may_change_meanwhile(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(embedded, "slow")
            await on.did(1)
            await on.hands_over(on.owner)
            on.owner = on.stage.engine(*ALL)
            await on.owner.work()  # everything: the step stays where it is
            on.run_id = run_id
            await asyncio.sleep(5)
            gate("slow").set()
            assert isinstance(await on.end(), RunCompleted)
            assert DID == ["slow/1", "slow embedded/1"] and len(await on.queued()) == 1

        play(act)

    def test_what_was_begun_inline_goes_on_in_the_queue(self) -> None:
        async def act(on: Scene) -> None:
            everything = await on.stage.working(*ALL)
            run_id = on.run_id = (await everything.start(new(shaken, 2))).run_id
            await on.did(1)
            await asyncio.sleep(1)
            await on.hands_over(everything)
            await on.owner.work(100, DEFAULT)
            await asyncio.sleep(30)
            [sent] = await on.facts(StepQueued)
            assert sent.attempt == 2
            await on.gpu()
            assert await on.end() == RunCompleted(result=raw('"steady"'))
            assert DID == ["shaky/1", "shaky/2", "shaky/3"]
            assert [seen.progress for seen in SEEN] == [None, 1, 2]
            assert {(seen.run_id, seen.step_id) for seen in SEEN} == {(run_id, SEEN[0].step_id)}
            assert SEEN[2].started_at == SEEN[0].started_at
            [child] = await on.queued()
            assert len(await on.facts(StepRetrying, of=child.run_id)) == 1, "one retry of the budget was used here"

        play(act)

    def test_at_most_once_begun_inline_is_interrupted(self) -> None:
        async def act(on: Scene) -> None:
            everything = await on.stage.working(*ALL)
            on.run_id = (await everything.start(new(trained, "model"))).run_id
            await on.did(1)
            await on.hands_over(everything)
            await on.owner.work(100, DEFAULT)
            assert await on.end() == RunCompleted(result=raw('"q:train, attempt 1"'))
            assert not await on.queued()

        play(act)


class TestReleased:
    def test_the_loser_of_a_race_is_cancelled(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(raced, "slow")
            await asyncio.sleep(10)
            [child] = await on.queued()
            [released] = await on.facts(RequestsReleased)
            assert released.runs == (child.run_id,) and child.status == "cancelled"
            [cancel] = await on.facts(CancelRequested, of=child.run_id)
            assert cancel.reason == f"its run {run_id} waits for it no more"
            [word] = await on.facts(StepStopped)
            assert word == StepStopped(attempt=1, interrupted=True, reason=cancel.reason)
            assert await on.end() == RunCompleted(result=raw('"too slow"'))

        play(act)

    def test_one_that_nobody_had_begun_never_begins(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(raced, "x")
            await asyncio.sleep(10)
            await on.gpu()
            await asyncio.sleep(5)
            [child] = await on.queued()
            assert (child.status, DID) == ("cancelled", [])
            assert isinstance(await on.end(), RunCompleted)

        play(act)

    def test_a_late_outcome_changes_nothing(self) -> None:
        """It was on its way when the race was over: recorded, as what comes from other runs is, and told to nobody."""

        async def act(on: Scene) -> None:
            away = MoodyWorld(on.world)
            await on.gpu(world=away)  # type: ignore[arg-type]
            await on.begin(raced, "slow")
            await on.did(1)
            await asyncio.sleep(1)
            away.away = True
            gate("slow").set()
            await asyncio.sleep(6)
            away.away = False
            assert await on.end() == RunCompleted(result=raw('"too slow"'))
            assert [word.attempt for word in await on.facts(StepCompleted)] == [1]
            [standing] = await steps_with_queued(on.world, await on.stage.events(on.run_id))
            assert standing.status == "cancelled"

        play(act)

    @pytest.mark.parametrize("crash", [False, True])
    def test_a_cancelled_run_stops_it(self, crash: bool) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(cleaning, "slow")
            await on.did(1)
            if crash:  # the owner hears of the cancel, and goes
                await on.hands_over(on.owner)
                on.owner = on.stage.engine(*ALL)
            await on.owner.cancel(run_id, "enough", None)
            await on.owner.work(100, DEFAULT)
            assert isinstance(await on.end(), RunCancelled)
            await asyncio.sleep(5)
            [child] = await on.queued()
            assert child.status == "cancelled" and DID == ["slow/1", "cleaned/1"]

        play(act)

    @pytest.mark.parametrize("grace_ms", [0, 500])
    def test_a_forced_end_stops_it(self, grace_ms: int) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(embedded, "slow")
            await on.did(1)
            await on.owner.cancel(run_id, "now", grace_ms)
            assert isinstance(await on.end(), RunCancelled)
            await asyncio.sleep(5)
            [child] = await on.queued()
            assert child.status == "cancelled"

        play(act)

    def test_an_end_stops_what_goes_on(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            await on.begin(deserted)
            assert isinstance(await on.end(), RunCompleted)
            await asyncio.sleep(5)
            [child] = await on.queued()
            assert child.status == "cancelled"
            [cancel] = await on.facts(CancelRequested, of=child.run_id)
            assert cancel.reason == f"its run {on.run_id} has ended"

        play(act)

    def test_who_cancels_the_step_itself_fails_it(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            await on.begin(cleaning, "slow")
            await on.did(1)
            [child] = await on.queued()
            await on.owner.cancel(child.run_id, "no slot", None)
            assert await on.end() == RunCompleted(result=raw('"its run was cancelled: no slot"'))

        play(act)


class TestRest:
    def test_it_can_not_be_retried_by_itself(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            await on.begin(shaken, 9)
            await on.end()
            [child] = await on.queued()
            with pytest.raises(UsageError, match="its parent was told"):
                await on.owner.retry(child.run_id)

        play(act)

    def test_its_standing_is_that_of_its_run(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(shaken, 1)
            await asyncio.sleep(1)

            async def standing() -> tuple[str, int, str | None]:
                [one] = await steps_with_queued(on.world, await on.stage.events(on.run_id))
                assert (one.started_at_ms is None) == (one.attempt == 0)
                return one.status, one.attempt, one.error and one.error.message

            assert await standing() == ("pending", 0, None)
            await on.gpu()
            await on.did(1)
            await asyncio.sleep(2)
            assert await standing() == ("retrying", 1, "attempt 1")
            await on.end()
            assert await standing() == ("completed", 2, None)

        play(act)

    def test_lists_may_leave_it_out(self) -> None:
        async def act(on: Scene) -> None:
            await on.gpu()
            run_id = await on.begin(embedded, "x")
            await on.end()
            page = await on.world.list_runs(RunFilter(without="queue:"))
            assert [run.run_id for run in page.runs] == [run_id]

        play(act)

    def test_sealed_payloads_are_opened_where_it_runs(self) -> None:
        """Each is sealed for its place: the step's run, and the letter home, have other places."""

        async def act(on: Scene) -> None:
            keys = KeyRing({"k1": bytes(range(32))})
            owner, gpu = on.stage.engine(*ALL, keys=keys), on.stage.engine(*STEPS, keys=keys)
            await owner.work(100, DEFAULT)
            on.owner, on.run_id = owner, (await owner.start(new(embedded, "secret"))).run_id
            await asyncio.sleep(2)
            log = await on.world.read_log(on.run_id)
            assert log is not None and not any(b"secret" in row.payload for row in log.rows)
            [standing] = await steps_with_queued(on.world, to_events(log, keys), keys)
            assert standing.status == "pending"
            await gpu.work(100, GPU)
            assert await on.end() == RunCompleted(result=raw('"secret embedded here"'))

        play(act)

    def test_its_workflow_says_how_often_its_worker_may_die(self) -> None:
        """Its run is parked, and the run that called it waits: whoever looks is told where."""

        async def act(on: Scene) -> None:
            await on.begin(frail, "slow")
            await asyncio.sleep(1)
            for _ in range(4):
                gpu = await on.gpu()
                await asyncio.sleep(12)  # until the lease of the last has lapsed
                assert gpu.worker is not None
                await on.world.retire(gpu.worker.worker_id, died=True)
                gpu.worker.sweeper.paused = True
                for run in list(gpu.worker.runs.values()):
                    run.departure.leave()
            await on.gpu()
            await asyncio.sleep(5)
            [child] = await on.queued()
            assert child.status == "blocked"
            [blocked] = await on.facts(RunBlocked, of=child.run_id)
            assert "the last step that was begun is q:embed" in blocked.sentence
            await on.owner.cancel(child.run_id, "hopeless", None)
            end = await on.end()
            assert isinstance(end, RunFailed) and end.error.message == f"run {child.run_id} was cancelled: hopeless"

        play(act)


class TestService:
    def test_all_queues(self) -> None:
        service = Service(registry_of(embed, here, embedded))
        assert service.workflows == {"q:embedded"}
        assert service.queued() == ("queue:gpu/q:embed", "queue:gpu/q:here")
        assert service.queue_of("q:embed") is None

    def test_the_default_queue(self) -> None:
        service = Service(registry_of(embed, here, embedded), DEFAULT)
        assert service.workflows == {"q:embedded"}
        assert service.queued() == ()
        assert (service.queue_of("q:embed"), service.queue_of("q:here")) == ("gpu", None)
        assert service.queue_of("q:unknown") is None, "its attempt tells so"

    def test_another_queue(self) -> None:
        service = Service(registry_of(embed, here, embedded), frozenset(("cpu", "gpu")))
        assert service.workflows == frozenset()
        assert len(service.queued()) == 4
        assert service.queue_of("q:embed") is None


class TestReceived:
    """A letter."""

    SENT = RunId("wrun_2")
    WORD = StepStopped(attempt=2, reason="enough")

    def pending(self, *more: tuple[int, str, Any]) -> Pending:
        sent = StepQueued(queue="gpu", run_id=self.SENT, attempt=1, max_recoveries=5)
        return Pending(log_of((0, "a", asked("q:embed")), (0, "a", sent), *more))

    def entry(self, fact: Fact) -> Entry:
        return Entry(0, "a", fact, letter_id(self.SENT, "end"))

    def test_a_cancelled_step_has_failed(self) -> None:
        fact = received(self.entry(self.WORD), self.pending()).fact
        assert isinstance(fact, StepFailed) and fact.attempt == 2
        assert fact.error.message == f"run {self.SENT} was cancelled: enough"

    @pytest.mark.parametrize("why", [RequestsReleased(keys=("a",)), done()])
    def test_but_not_where_nobody_waits_for_it(self, why: Fact) -> None:
        entry = self.entry(self.WORD)
        assert received(entry, self.pending((0, "a", why))) is entry

    def test_nor_where_the_run_itself_had_ended(self) -> None:
        pending = self.pending((0, "", RunFailed(error=BOOM)), (0, "", RunRetried(failure_seq=99)))
        entry = self.entry(self.WORD)
        assert received(entry, pending) is entry

    @pytest.mark.parametrize(
        "fact", [done(), StepFailed(attempt=1, error=BOOM), ChildCompleted(run_id=SENT, result=raw("1"))]
    )
    def test_other_mail_is_let_through(self, fact: Fact) -> None:
        entry = self.entry(fact)
        assert received(entry, self.pending()) is entry


class TestLastWord:
    """What a run that was retried is told of a step, which may have had its say while the run had failed."""

    CHILD, PARENT = RunId("wrun_2"), RunId("wrun_1")

    def word(self, *more: tuple[int, str, Any], queued: bool = True) -> str | None:
        step = QueuedStep(name="q:embed", first_at_ms=0, max_recoveries=5) if queued else None
        created = RunCreated(workflow="w", input=raw("{}"), parent_id=self.PARENT, parent_key="a", step=step)
        first, *others = log_of((0, "a", asked("q:embed")), *more)
        letter = last_word(self.CHILD, [structs.replace(first, fact=created), *others])
        if letter is not None:
            assert (letter.run_id, letter.key, letter.mail_id) == (self.PARENT, "a", letter_id(self.CHILD, "end"))
        return None if letter is None else letter.kind

    def test_its_outcome_though_its_own_run_has_not_ended(self) -> None:
        assert self.word() is None
        assert self.word((1, "a", done())) == "step_completed"
        assert self.word((1, "a", StepFailed(attempt=1, error=BOOM)), (1, "", RunFailed(error=BOOM))) == "step_failed"

    def test_that_it_was_stopped(self) -> None:
        assert self.word((1, "", RunCancelled(reason="enough"))) == "step_stopped"

    def test_an_ordinary_childs_end_alone(self) -> None:
        assert self.word((1, "a", done()), queued=False) is None
        assert self.word((1, "", RunFailed(error=BOOM)), queued=False) == "child_failed"


def test_what_a_run_is_told_of_its_step_is_small() -> None:
    """A plain step's first attempt needs no words."""
    created = RunCreated(workflow="w", input=raw("{}"))
    assert b"step" not in pack(created)
