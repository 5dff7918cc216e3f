"""What the engine tells: each event once, by the worker that wrote it; and to nobody, unless somebody listens."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import partial

import pytest

from perdure.core.pending import OpenStep
from perdure.engine.telemetry import NO_TRACE, SILENT, RunTelemetry, Telemetry, Trace, trace_of
from perdure.model.event import Event as LogEvent
from perdure.model.event import RunCreated, RunStarted
from perdure.model.ids import RunId
from perdure.world import Operation
from tests.core.logs import log, raw
from tests.engine.mortal import Mortal
from tests.engine.program import ALL, clean, failing, gate, parent
from tests.engine.stage import Stage, new

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")
Place = tuple[RunId, int, int]
"""Run, seq, epoch."""


class Heard(Telemetry):
    """Keeps what it hears: `places` of events, sizes of commits."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.sizes: list[int] = []

    def run(
        self, run_id: RunId, trace: Trace, events: Sequence[LogEvent], steps: Mapping[str, OpenStep]
    ) -> RunTelemetry:
        return HeardRun(self, run_id)

    def committed(self, operations: int, seconds: float) -> None:
        self.sizes.append(operations)


class HeardRun(RunTelemetry):
    def __init__(self, heard: Heard, run_id: RunId) -> None:
        self._heard, self._run_id = heard, run_id

    def landed(self, events: Sequence[LogEvent]) -> None:
        self._heard.places += [(self._run_id, event.seq, event.epoch) for event in events]


def test_nobody_listens_by_default() -> None:
    stage = Stage()

    async def scene() -> None:
        on = stage.engine(*ALL)
        assert (on.telemetry, (await on.work()).telemetry) == (SILENT, SILENT)

    stage.play(scene)
    assert SILENT.run(RunId("wrun_1"), {}, [], {}) is SILENT.run(RunId("wrun_2"), {}, [], {}), "one for all"
    with SILENT.start("app:fulfil") as starting:
        assert starting.trace is NO_TRACE
    assert SILENT.origin("app:fulfil", RunId("wrun_1"), 0) is NO_TRACE
    assert SILENT.watching(stage.world) is None


@pytest.mark.parametrize("lands", [False, True])
def test_each_event_is_told_at_most_once_and_by_its_writer(lands: bool) -> None:
    """With the death of the worker at each of its appends: what it wrote but wasn't told of, nobody tells."""
    for number in range(12):
        clean()
        stage, first, second = Stage(), Heard(), Heard()
        died = stage.play(partial(_dies_at, stage, number, lands, (first, second)))
        places = [*first.places, *second.places]
        assert len(places) == len(set(places)) > 0
        if not died:
            assert number > 3
            return
    raise AssertionError("it never came through")


async def _dies_at(stage: Stage, number: int, lands: bool, heard: tuple[Heard, Heard]) -> bool:
    looking, world = stage.engine(*ALL), Mortal(stage.world, dies_at=number, lands=lands)
    gate("x").set()
    run_id = (await looking.start(new(parent, "x"))).run_id
    on = await stage.working(*ALL, world=world, telemetry=heard[0])  # type: ignore[arg-type]
    end = stage.loop.create_task(looking.end(run_id))  # type: ignore[arg-type]
    dead = stage.loop.create_task(world.died.wait())
    while not end.done() and not dead.done():
        await _moment(stage)
    if dead.done() and on.worker is not None:
        await stage.world.retire(on.worker.worker_id, died=True)
        await stage.working(*ALL, telemetry=heard[1])
    await end
    dead.cancel()
    for told, epochs in ((heard[0], {1}), (heard[1], {2})):
        assert {epoch for run, _, epoch in told.places if run == run_id} <= epochs
    return world.died.is_set()


async def _moment(stage: Stage) -> None:
    future = stage.loop.create_future()
    stage.loop.call_later(0.01, future.set_result, None)
    await future


def test_commits_are_told_with_what_shared_them() -> None:
    stage, heard = Stage(), Heard()

    async def scene() -> None:
        on = stage.engine(*ALL, telemetry=heard)
        starts = [stage.loop.create_task(on.start(new(failing, "x"))) for _ in range(5)]
        for each in starts:
            await each

    stage.play(scene)
    assert heard.sizes == [5]


def test_what_it_does_for_all_is_nobodys_in_particular() -> None:
    """Neither a commit nor the worker's own work runs in the context of the start that came first."""
    stage, seen = Stage(), set[str]()
    commit = stage.world.commit

    def committing(operations: Sequence[Operation]) -> object:
        seen.add(CALLER.get())
        return commit(operations)

    stage.world.commit = committing  # type: ignore[method-assign,assignment]

    async def scene() -> None:
        CALLER.set("a request")
        on = await stage.working(*ALL)
        listed, claim = set[str](), on.world.claim

        async def claiming(asked: object) -> object:
            listed.add(CALLER.get())
            return await claim(asked)  # type: ignore[arg-type]

        stage.world.claim = claiming  # type: ignore[method-assign,assignment]
        await on.end((await on.start(new(failing, "x"))).run_id)
        assert listed == {"nobody"}

    stage.play(scene)
    assert seen == {"nobody"}


def test_the_trace_is_that_of_the_start_else_of_the_first_worker() -> None:
    headers = {"traceparent": "00-1-2-01"}
    untold = RunCreated(workflow="w", input=raw("{}"))
    told = RunCreated(workflow="w", input=raw("{}"), trace=headers)
    assert trace_of(log((0, "", told), (0, "", RunStarted()))) == headers
    assert trace_of(log((0, "", untold), (0, "", RunStarted(trace=headers)))) == headers
    assert trace_of(log((0, "", untold), (0, "", RunStarted()))) == {}
