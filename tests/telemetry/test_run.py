"""A run's span and metrics: once, from the log, whichever worker ends it; and all of one trace."""

import asyncio
import itertools
from functools import partial
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from perdure import FatalError, Retry, create_hook, get_writable, sleep, start, step, workflow
from perdure.api.workflow import Workflow
from perdure.engine.engine import Engine
from perdure.engine.telemetry import SILENT, trace_of
from perdure.model.event import RunStarted
from perdure.model.ids import RunId
from tests.engine.moody import MoodyWorld
from tests.engine.mortal import Mortal
from tests.engine.program import ALL, clean, do, failing, gate, held, nap, one, parent
from tests.engine.stage import EPOCH_MS, Stage, new
from tests.telemetry.collected import Collected, attributes_of, below, parent_of, trace_id_of

FLAKY: list[int] = []
GPU, DEFAULT = frozenset(("gpu",)), frozenset(("default",))


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()
    FLAKY.clear()


@step(name="t:flaky", retry=Retry(max_retries=0))
async def flaky() -> str:
    FLAKY.append(1)
    if len(FLAKY) == 1:
        raise FatalError("the first time")
    return "well"


@workflow(name="t:flaking")
async def flaking() -> str:
    return await flaky()


@step(name="t:embed", queue="gpu", retry=Retry(max_retries=1, delay="1s", jitter=0))
async def embed(what: str) -> str:
    FLAKY.append(1)
    if len(FLAKY) == 1:
        raise ValueError("busy")
    return what


@workflow(name="t:embedding")
async def embedding(what: str) -> str:
    return await embed(what)


@workflow(name="t:napping")
async def napping() -> None:
    for _ in range(2):
        await do("it")
        await sleep("10m")


@workflow(name="t:family")
async def family() -> str:
    """Has a child, which has a step that isn't done."""
    await start(held, "x")
    return "left alone"


@step(name="t:show")
async def show() -> None:
    async with get_writable(int) as out:
        for number in range(3):
            await out.write(number)


@workflow(name="t:showing")
async def showing() -> None:
    await show()
    await get_writable(int, namespace="body").write(4)


@workflow(name="t:asking")
async def asking() -> str:
    async with create_hook(str, token="t") as hook:
        return await hook


MORE = (*ALL, flaky, flaking, embed, embedding, napping, family, show, showing, asking)


async def ended(on: Engine, workflow: "Workflow[..., Any]", *arguments: Any) -> RunId:
    """A run of it, at its end."""
    run_id = (await on.start(new(workflow, *arguments))).run_id
    await on.end(run_id)
    return run_id


def names(told: Collected) -> list[str]:
    return [span.name for span in told.spans]


class TestASpan:
    def test_has_the_times_of_the_log(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> RunId:
            return await ended(await stage.working(*MORE, telemetry=told.telemetry), nap, 90.0)

        run_id = stage.play(scene)
        span = told.one("run t:nap")
        assert span.kind is SpanKind.CONSUMER
        assert below(span, told.one("start t:nap"))
        assert (span.start_time, span.status.status_code) == (EPOCH_MS * 1_000_000, StatusCode.UNSET)
        assert span.end_time is not None
        assert 90 <= (span.end_time - EPOCH_MS * 1_000_000) / 1e9 < 91
        assert attributes_of(span) == {
            "perdure.workflow": "t:nap",
            "perdure.run.id": run_id,
            "perdure.run.status": "completed",
        }

    def test_is_made_once_though_the_run_leaves_memory(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            await ended(await stage.working(*MORE, telemetry=told.telemetry), napping)

        stage.play(scene)
        assert names(told) == ["start t:napping", "step t:do", "step t:do", "run t:napping"]

    def test_of_a_failed_run_has_the_errors_type_alone(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            await ended(await stage.working(*MORE, telemetry=told.telemetry), failing, "secret")

        stage.play(scene)
        span = told.one("run t:failing")
        assert attributes_of(span)["perdure.run.status"] == "failed"
        assert attributes_of(span)["error.type"] == "ValueError"
        assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
        assert [attributes_of(each)["perdure.step.attempt"] for each in told.named("step t:fail")] == [1, 2, 3]
        assert "secret" not in told.everything()

    @pytest.mark.parametrize("grace_ms", [None, 0], ids=["by its body", "by force"])
    def test_of_a_cancelled_run(self, grace_ms: int | None) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = await stage.working(*MORE, telemetry=told.telemetry)
            run_id = (await on.start(new(held, "x"))).run_id
            await asyncio.sleep(3)
            assert await on.cancel(run_id, "no more", grace_ms)
            await on.end(run_id)
            await asyncio.sleep(1)

        stage.play(scene)
        span = told.one("run t:held")
        assert attributes_of(span)["perdure.run.status"] == "cancelled"
        assert span.start_time is not None
        assert span.end_time is not None
        assert 3 <= (span.end_time - span.start_time) / 1e9 < 4
        assert span.status.status_code is StatusCode.UNSET
        assert attributes_of(told.one("step t:wait_for"))["perdure.step.outcome"] == "cancelled"
        assert told.told("perdure.runs") == {("started", "t:held"): 1, ("cancelled", "t:held"): 1}

    def test_of_a_run_that_was_cancelled_before_it_began(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            looking = stage.engine(*MORE, telemetry=told.telemetry)
            run_id = (await looking.start(new(one, "x"))).run_id
            await looking.cancel(run_id, None, None)
            await asyncio.sleep(2)
            await stage.working(*MORE, telemetry=told.telemetry)
            await looking.end(run_id)

        stage.play(scene)
        assert names(told) == ["start t:one", "run t:one"]
        assert told.told("perdure.runs") == {("cancelled", "t:one"): 1}

    def test_each_try_of_a_retried_run_has_its_own(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = await stage.working(*MORE, telemetry=told.telemetry)
            run_id = await ended(on, flaking)
            await asyncio.sleep(60)
            await on.retry(run_id)
            await on.end(run_id)

        stage.play(scene)
        failed, completed = told.named("run t:flaking")
        assert attributes_of(failed)["error.type"] == "perdure.errors.FatalError"
        assert attributes_of(completed)["perdure.run.status"] == "completed"
        assert completed.start_time is not None
        assert failed.end_time is not None
        assert completed.start_time >= failed.end_time + 60_000_000_000
        assert trace_id_of(failed) == trace_id_of(completed)

    def test_names_the_run_that_was_run_again(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> RunId:
            on = await stage.working(*MORE, telemetry=told.telemetry)
            first = await ended(on, one, "x")
            again = (await on.start(new(one, "x", rerun_of=first))).run_id
            await on.end(again)
            return first

        first = stage.play(scene)
        assert [attributes_of(span).get("perdure.run.rerun_of") for span in told.named("run t:one")] == [None, first]


class TestOneTrace:
    def test_a_takeover_makes_no_second_span(self) -> None:
        """With the death of the worker at each of its appends, landed or lost; each process tells its own collector."""
        for number, lands in itertools.product(range(8), (False, True)):
            clean()
            stage, starter, first, second = Stage(), Collected(), Collected(), Collected()
            died = stage.play(partial(self._dies_at, stage, number, lands, (starter, first, second)))
            runs = [*first.named("run t:held"), *second.named("run t:held")]
            begun = starter.one("start t:held")
            assert all(below(span, begun) for span in (*first.spans, *second.spans)), (number, lands)
            ends = [each.told("perdure.runs").get(("completed", "t:held"), 0) for each in (first, second)]
            assert sum(ends) == len(runs) <= 1, "an end that landed as its worker died is told by nobody"
            if not died:
                assert (len(runs), number > 2) == (1, True)
                break
            if not lands:
                assert len(second.named("run t:held")) == 1
            if lands or number:  # else it hadn't begun
                assert second.told("perdure.recoveries") == ({("t:held",): 1} if second.spans else {})
        else:
            raise AssertionError("it never came through")

    async def _dies_at(self, stage: Stage, number: int, lands: bool, told: tuple[Collected, ...]) -> bool:
        starter, first, second = told
        looking = stage.engine(*MORE, telemetry=starter.telemetry)
        run_id = (await looking.start(new(held, "x"))).run_id
        gate("x").set()
        world = Mortal(stage.world, dies_at=number, lands=lands)
        on = await stage.working(*MORE, world=world, telemetry=first.telemetry)  # type: ignore[arg-type]
        end = asyncio.ensure_future(looking.end(run_id))
        dead = asyncio.ensure_future(world.died.wait())
        await asyncio.wait((end, dead), return_when=asyncio.FIRST_COMPLETED)
        if world.died.is_set() and on.worker is not None:
            await stage.world.retire(on.worker.worker_id, died=True)
            await stage.working(*MORE, telemetry=second.telemetry)
        await end
        dead.cancel()
        return world.died.is_set()

    def test_children_carry_it_on(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> RunId:
            gate("x").set()
            return await ended(await stage.working(*MORE, telemetry=told.telemetry), parent, "x")

        run_id = stage.play(scene)
        begun = told.one("start t:parent")
        assert all(below(span, begun) for span in told.spans if span is not begun)
        assert attributes_of(told.one("run t:held"))["perdure.run.parent_id"] == run_id
        assert sorted(names(told)) == [
            "run t:held", "run t:parent", "start t:parent", "step t:do", "step t:wait_for",
        ]  # fmt: skip

    def test_a_child_of_another_workers_goes_on_with_it(self) -> None:
        """Though the worker in between has no telemetry."""
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = stage.engine(*MORE, telemetry=told.telemetry)
            run_id = (await on.start(new(family))).run_id
            between = await stage.working(family, telemetry=SILENT)
            await on.end(run_id)
            await between.close()
            gate("x").set()
            await stage.working(*MORE, telemetry=told.telemetry)
            await asyncio.sleep(5)

        stage.play(scene)
        begun = told.one("start t:family")
        assert [span.name for span in told.spans if below(span, begun)] == [
            "step t:wait_for",
            "step t:do",
            "run t:held",
        ]

    def test_a_step_in_a_queue_carries_it_on(self) -> None:
        stage, told, there = Stage(), Collected(), Collected()

        async def scene() -> RunId:
            on = stage.engine(*MORE, telemetry=told.telemetry)
            await on.work(queues=DEFAULT)
            run_id = (await on.start(new(embedding, "x"))).run_id
            await asyncio.sleep(2)
            gpu = stage.engine(*MORE, telemetry=there.telemetry)
            await gpu.work(queues=GPU)
            await on.end(run_id)
            return run_id

        run_id = stage.play(scene)
        begun = told.one("start t:embedding")
        assert names(told) == ["start t:embedding", "run t:embedding"], "an attempt is told where it ran"
        attempts = there.spans
        assert [span.name for span in attempts] == ["step t:embed"] * 2
        assert all(below(span, begun) for span in attempts)
        assert [attributes_of(span)["perdure.step.outcome"] for span in attempts] == ["failed", "completed"]
        assert {attributes_of(span)["perdure.run.id"] for span in attempts} == {run_id}, (
            "its own run is nobody's matter"
        )
        assert {attributes_of(span)["perdure.queue"] for span in attempts} == {"gpu"}
        [(count, seconds)] = there.told("perdure.queue.latency").values()
        assert (count, int(seconds)) == (1, 2)
        assert there.told("perdure.step.attempts") == {("t:embed", "completed"): (1, 2)}
        assert there.told("perdure.runs") == {}
        assert told.told("perdure.step.attempts") == {}
        assert told.told("perdure.runs") == {("started", "t:embedding"): 1, ("completed", "t:embedding"): 1}

    def test_a_start_that_nobody_told_of_is_told_by_the_first_worker(self) -> None:
        """As of a run that was started in SQL. The log keeps it: the next worker goes on with it."""
        stage, first, second = Stage(), Collected(), Collected()

        async def scene() -> RunId:
            looking = stage.engine(*MORE)
            run_id = (await looking.start(new(held, "x"))).run_id
            await asyncio.sleep(2)
            on = await stage.working(*MORE, telemetry=first.telemetry)
            await asyncio.sleep(1)
            await on.close()
            gate("x").set()
            await stage.working(*MORE, telemetry=second.telemetry)
            await looking.end(run_id)
            created, *_ = events = await stage.events(run_id)
            [started] = [event.fact.trace for event in events if isinstance(event.fact, RunStarted)]
            assert (trace_of([created]), trace_of(events)) == ({}, started)
            return run_id

        run_id = stage.play(scene)
        begun = first.one("start t:held")
        assert (begun.start_time, begun.end_time) == (EPOCH_MS * 1_000_000, EPOCH_MS * 1_000_000)
        assert (parent_of(begun), begun.kind) == (None, SpanKind.PRODUCER)
        assert attributes_of(begun) == {"perdure.workflow": "t:held", "perdure.run.id": run_id}
        assert second.named("start t:held") == []
        assert all(below(span, begun) for span in (*first.named("step t:wait_for"), *second.spans))
        [(count, seconds)] = first.told("perdure.run.latency").values()
        assert (count, int(seconds)) == (1, 2)

    def test_a_run_that_was_under_way_before_has_spans_all_the_same(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = await stage.working(*MORE)
            run_id = (await on.start(new(held, "x"))).run_id
            await asyncio.sleep(1)
            await on.close()
            gate("x").set()
            await (await stage.working(*MORE, telemetry=told.telemetry)).end(run_id)

        stage.play(scene)
        assert names(told) == ["step t:wait_for", "step t:do", "run t:held"]
        assert [parent_of(span) for span in told.spans] == [None] * 3


class TestMetrics:
    def test_attempts_and_their_outcomes(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = await stage.working(*MORE, telemetry=told.telemetry)
            await ended(on, failing, "x")
            await ended(on, one, "x")

        stage.play(scene)
        durations = told.told("perdure.step.duration")
        assert {key: count for key, (count, _) in durations.items()} == {
            ("t:fail", "retrying"): 2,
            ("t:fail", "failed"): 1,
            ("t:do", "completed"): 1,
        }
        assert told.told("perdure.step.attempts") == {("t:fail", "failed"): (1, 3), ("t:do", "completed"): (1, 1)}
        assert told.told("perdure.step.latency").keys() == {("t:fail",), ("t:do",)}
        assert told.told("perdure.runs")["failed", "t:failing"] == 1

    def test_an_attempt_waits_for_its_slot(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = stage.engine(*MORE, telemetry=told.telemetry)
            await on.work(concurrency=1)
            first, second = (await on.start(new(held, "x"))).run_id, (await on.start(new(one, "y"))).run_id
            await asyncio.sleep(4)
            gate("x").set()
            await on.end(first)
            await on.end(second)

        stage.play(scene)
        waited = told.told("perdure.step.latency")
        assert waited["t:wait_for",] == (1, 0)
        assert int(waited["t:do",][1]) == 4

    def test_a_handover_is_no_recovery(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = await stage.working(*MORE, telemetry=told.telemetry, deployment="v1")
            run_id = (await on.start(new(held, "x", pin=""))).run_id
            await asyncio.sleep(1)
            await on.close()
            gate("x").set()
            on = await stage.working(*MORE, telemetry=told.telemetry, deployment="v2")
            await on.end(run_id)
            assert "run_resumed" in await stage.types(run_id)

        stage.play(scene)
        assert told.told("perdure.recoveries") == {}

    def test_a_delayed_start_is_due_later(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            on = await stage.working(*MORE, telemetry=told.telemetry)
            due_ms = stage.now_ms() + 60_000
            await on.end((await on.start(new(one, "x", due_ms=due_ms))).run_id)

        stage.play(scene)
        assert (told.one("run t:one").start_time or 0) >= (EPOCH_MS + 60_000) * 1_000_000
        [(count, seconds)] = told.told("perdure.run.latency").values()
        assert (count, seconds < 1) == (1, True)

    def test_a_blocked_run_is_counted(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            world = MoodyWorld(stage.world)
            world.chokes_on = lambda operation: any(b"poison" in row.payload for row in getattr(operation, "rows", ()))
            on = await stage.working(*MORE, world=world, telemetry=told.telemetry)  # type: ignore[arg-type]
            run_id = await ended(on, one, "poison")
            await on.cancel(run_id, None, None)

        stage.play(scene)
        counted = {"started": 1, "blocked": 1, "cancelled": 1}
        assert told.told("perdure.runs") == {(status, "t:one"): count for status, count in counted.items()}
        assert attributes_of(told.one("run t:one"))["perdure.run.status"] == "cancelled", "that one had an end"

    def test_chunks_are_counted(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> None:
            await ended(await stage.working(*MORE, telemetry=told.telemetry), showing)

        stage.play(scene)
        assert told.told("perdure.stream.chunks") == {("t:showing",): 4}

    def test_hooks_that_wait_are_counted(self) -> None:
        stage, told = Stage(), Collected()

        async def scene() -> dict[Any, Any]:
            on = await stage.working(*MORE, telemetry=told.telemetry)
            await on.start(new(asking))
            await asyncio.sleep(20)
            return told.told("perdure.hooks.pending")

        assert stage.play(scene) == {(): 1}
