"""Evidence from a store: all rows, and of each effect how things stood, told from epochs rather than from clocks."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perdure.codec.fact import pack
from perdure.model.event import Fact, RunFailed, RunRetried, StepRetrying
from perdure.model.failure import Failure
from perdure.model.ids import RunId, WorkerId, step_id
from perdure.testing.conformance.sample import ONE, append_to, born, chunks_of, do, run_id
from perdure.testing.history.gather import PAGE, THAW_MS, Surroundings, gather
from perdure.testing.history.ledger import Begun, LedgerFile
from perdure.testing.history.witness import Witnessed
from perdure.testing.simulation.ledger import Effect
from perdure.testing.simulation.program import Suite
from perdure.world import Append, Appended, NewRow, Start, World
from perdure.worlds.memory import MemoryWorld
from tests.core.hooks import hook
from tests.core.logs import BOOM, done, failed
from tests.core.logs import step as called

pytestmark = pytest.mark.anyio

DO = "0/step:checked:do#0"
NOW_MS = 1_000_000
AROUND = Surroundings(suite=Suite(programs=(), children=(), steps=()), stories=[])
BEGUN = Begun(
    run_id=run_id(1), step_id=step_id(run_id(1), DO), step="checked:do", attempt=1, worker_id=ONE, epoch=1, at_ms=NOW_MS
)
LEASED = Witnessed(leases={ONE: [(NOW_MS - 1, NOW_MS + 1000)]})


class Scene:
    """A store with one run, owned in epoch 1, whose step was asked for."""

    def __init__(self, world: World, ledger: LedgerFile) -> None:
        self.world, self.ledger = world, ledger
        self.length = 2

    async def append(self, *facts: Fact, key: str = DO, **options: Any) -> None:
        rows = tuple(NewRow(turn=0, type=fact.type, key=key, payload=pack(fact)) for fact in facts)
        outcome = await do(self.world, append_to(1, self.length + 1, rows=rows, **options))
        assert isinstance(outcome, Appended)
        self.length += len(rows)

    async def effect(self, around: Surroundings = AROUND, witness: Witnessed = LEASED, **fields: Any) -> Effect:
        self.ledger.begin(replace(BEGUN, **fields))
        return (await gather(self.world, self.ledger, witness, around)).effects[-1]


@pytest.fixture
async def scene(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Scene]:
    world = MemoryWorld(clock=lambda: NOW_MS)
    await world.open()
    await born(world, 1)
    scene = Scene(world, LedgerFile(tmp_path / "ledger.db"))
    await scene.append(called("checked:do"))
    yield scene
    scene.ledger.close()


async def test_everything_is_read(scene: Scene) -> None:
    starts = [
        Start(run_id=RunId(f"wrun_{number:026d}"), workflow="w", created=b"{}", started=b"{}")
        for number in range(10, PAGE + 12)
    ]
    await scene.world.commit(starts)
    await scene.append(chunks=(chunks_of(1, "log", b"a"),))
    evidence = await gather(scene.world, scene.ledger, LEASED, AROUND)
    assert len(evidence.logs) == PAGE + 3
    assert [row.type for row in evidence.logs[run_id(1)].rows] == ["run_created", "run_started", "step_created"]
    assert [chunk.data for chunk in evidence.streams[run_id(1)]["log"].chunks] == [b"a"]
    assert evidence.mail.keys() == evidence.streams.keys() == evidence.logs.keys()


async def test_an_effect_as_it_should_be(scene: Scene) -> None:
    effect = await scene.effect()
    assert (effect.recorded, effect.owner, effect.lease_live, effect.missing) == (False, True, True, ())
    await scene.append(done())
    assert not (await scene.effect()).recorded, "the outcome of this very attempt came later"


@pytest.mark.parametrize(
    ("begun", "recorded"),
    [({"epoch": 2}, True), ({"attempt": 2}, True), ({"epoch": None}, False), ({"epoch": 1}, False)],
)
async def test_an_outcome_that_the_owner_had_in_its_log(scene: Scene, begun: dict[str, Any], recorded: bool) -> None:
    await scene.append(done())
    assert (await scene.effect(**begun)).recorded is recorded


async def test_an_outcome_that_was_taken_back_is_none(scene: Scene) -> None:
    await scene.append(failed())
    await scene.append(RunFailed(error=BOOM), key="", status="failed")
    retried = NewRow(turn=0, type="run_retried", key="", payload=pack(RunRetried(failure_seq=4)))
    seize = Append(run_id=run_id(1), owner=ONE, epoch=1, seq=6, rows=(retried,), status="running", seize=True)
    assert isinstance(await do(scene.world, seize), Appended)
    assert not (await scene.effect(epoch=3, attempt=2)).recorded


async def test_a_failure_that_is_tried_again_is_no_outcome(scene: Scene) -> None:
    error = Failure(type="E", message="m")
    await scene.append(StepRetrying(attempt=1, error=error, retry_at_ms=0))
    assert not (await scene.effect(attempt=2)).recorded


async def test_a_body_of_somebody_who_holds_nothing_owns_nothing(scene: Scene) -> None:
    assert not (await scene.effect(epoch=None)).owner


async def test_a_lease_that_was_over(scene: Scene) -> None:
    assert not (await scene.effect(at_ms=NOW_MS + 5000)).lease_live
    assert not (await scene.effect(worker_id=WorkerId("wrkr_9"))).lease_live


async def test_what_was_about_to_begin_begins_at_the_thaw(scene: Scene) -> None:
    around = replace(AROUND, frozen={ONE: [(NOW_MS + 10, NOW_MS + 5000)]})
    for late_ms, fine in ((0, True), (THAW_MS, True), (THAW_MS + 1, False)):
        assert (await scene.effect(around, at_ms=NOW_MS + 5000 + late_ms)).lease_live is fine


async def test_runs_and_tokens_that_are_not_there(scene: Scene) -> None:
    await scene.append(hook("there"), key="0/hook#0")
    told = (run_id(1), "there", RunId("wrun_00000000000000000000000009"), "nowhere")
    assert (await scene.effect(told=told)).missing == told[2:]
    assert (await scene.effect(told=told, at_ms=NOW_MS - 1)).missing == told
    assert (await scene.effect(replace(AROUND, skew_ms=5), told=told, at_ms=NOW_MS - 1)).missing == told[2:]
