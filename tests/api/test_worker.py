"""`worker`: an explicit worker, what it imports, and that it hands back what it owned."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perdure import UsageError, configure, get_run, list_runs, sleep, start, step, worker, workflow
from perdure.api.connect import CONNECTION
from perdure.model.ids import RunId
from tests.api.following import types_of, until, waiting_for

pytestmark = pytest.mark.anyio

MODULE = """
from perdure import workflow

@workflow(name="imported:greet")
async def greet(name: str) -> str:
    return f"hello {name}"
"""


@workflow
async def sleeps() -> str:
    await sleep("1h")
    return "slept"


async def test_a_worker_runs_what_was_started_before() -> None:
    configure(world="memory://", work=False)
    runs = [await start(sleeps) for _ in range(3)]
    async with worker():
        for run in runs:
            await waiting_for(run, "sleep")
            await run.wake_up()
        assert [await run.result() for run in runs] == ["slept"] * 3


async def test_a_worker_hands_its_runs_back_and_the_next_goes_on() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(sleeps)
        await waiting_for(run, "sleep")
    assert await run.status() == "running"
    assert (await CONNECTION.engine()).worker is None
    async with worker():
        await run.wake_up()
        assert await run.result() == "slept"
    assert "run_resumed" not in await types_of(run), "nobody died, and the code is the same"
    assert (await run.info()).recoveries == 0


async def test_a_worker_ends_alike_when_its_block_fails() -> None:
    configure(world="memory://", work=False)
    with pytest.raises(ValueError, match="mine"):
        async with worker():
            raise ValueError("mine")
    async with worker():
        pass


async def test_a_loop_has_one_worker() -> None:
    await start(sleeps)
    with pytest.raises(UsageError) as caught:
        async with worker():
            pass
    assert str(caught.value) == (
        "this event loop has a worker already: end it, or configure(work=False) before the first start"
    )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "shop_of_test_worker.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "shop_of_test_worker"
    sys.modules.pop("shop_of_test_worker", None)


async def test_a_worker_imports_the_modules_that_it_is_given(shop: str) -> None:
    configure(world="memory://", work=False)
    async with worker(shop):
        module = sys.modules[shop]
        assert await (await start(module.greet, "Ann")).result() == "hello Ann"


async def test_a_module_may_be_given_as_itself() -> None:
    configure(world="memory://", work=False)
    async with worker(ModuleType("anything")):
        run = await start(sleeps)
        await waiting_for(run, "sleep")
        assert await get_run(run.run_id).wake_up() == 1
        assert await run.result() == "slept"


async def test_a_module_that_isnt_there() -> None:
    with pytest.raises(ModuleNotFoundError):
        async with worker("no_such_module_anywhere"):
            pass


@step(queue="gpu")
async def embed(text: str) -> str:
    return f"{text} embedded"


@workflow
async def ingest(text: str) -> str:
    return await embed(text)


async def test_a_worker_serves_the_queues_that_it_names() -> None:
    configure(world="memory://", work=False)
    async with worker(queues=("default",)):
        run = await start(ingest, "x")
        info = await waiting_for(run, "worker")
        assert info.waiting_sentence.startswith(
            "waiting for a worker that runs tests.api.test_worker:embed in queue gpu, run "
        )
        [one] = (await run.steps()).items
        assert (one.status, one.queue, one.attempt) == ("pending", "gpu", 0)
        assert [listed.run_id async for listed in list_runs()] == [run.run_id]
    async with worker(queues=["gpu"]):
        [queued] = (await list_runs(workflow="queue:gpu/tests.api.test_worker:embed")).items
        assert queued.parent_id == run.run_id
        assert await get_run(queued.run_id, str).result() == "x embedded"
        [there] = (await get_run(queued.run_id).steps()).items
        assert there.step_id == one.step_id, "the step is its run's"
        with pytest.raises(UsageError, match=f"run {queued.run_id} is a step of run {run.run_id}: rerun that"):
            await get_run(queued.run_id).rerun()
        late = await start(ingest, "y")
        await waiting_for(late, "worker")
        assert await late.status() == "pending", "workflows are in the default queue"
    async with worker():
        assert [await run.result(), await late.result()] == ["x embedded", "y embedded"]


async def test_who_waits_is_told_that_nobody_serves_the_queue(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.api.run.WARN_AFTER_S", 0.05)
    configure(world="memory://", work=False)
    async with worker(queues=("default",)) as at_work:
        run = await start(ingest, "x")
        await waiting_for(run, "worker")

        async def is_put_away() -> bool:
            if run.run_id in at_work.runs:
                at_work.runs[RunId(run.run_id)].departure.put_away()
            return run.run_id not in at_work.runs

        await until(is_put_away)
        with pytest.raises(TimeoutError):
            await run.result(timeout=0.2)
    assert "no live worker serves queue:gpu/tests.api.test_worker:embed" in caplog.text


@pytest.mark.parametrize(
    ("queues", "sentence"),
    [
        ((), "a worker with queues=() would never run anything: name at least one queue"),
        (
            "g u",
            "queues='g u' can't name a queue: give 1 to 64 ASCII letters, digits, '.', '_' and '-', a letter or digit first",
        ),
        (
            ("gpu", ""),
            "queues='' can't name a queue: give 1 to 64 ASCII letters, digits, '.', '_' and '-', a letter or digit first",
        ),
    ],
)
async def test_what_cant_be_served(queues: Any, sentence: str) -> None:
    configure(world="memory://", work=False)
    with pytest.raises(UsageError) as caught:
        async with worker(queues=queues):
            pass
    assert str(caught.value) == sentence
