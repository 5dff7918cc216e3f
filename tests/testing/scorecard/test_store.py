"""Runs of each kind, found in a world."""

import pytest

from perdure import (
    FatalError,
    RetryableError,
    RunFailed,
    create_hook,
    get_step_metadata,
    get_writable,
    start,
    step,
    workflow,
)
from perdure.api.connect import CONNECTION
from perdure.testing import Lab
from perdure.testing.scorecard.store import read_store


@step
async def wobbly() -> None:
    if get_step_metadata().attempt == 1:
        raise RetryableError("again", retry_after="1s")


@step
async def refused() -> None:
    raise FatalError("no")


@workflow(name="store.good")
async def good() -> None:
    await get_writable(str).write("x")
    await wobbly()


@workflow(name="store.bad")
async def bad() -> None:
    await refused()


@workflow(name="store.waits")
async def waits() -> None:
    await create_hook(token="secret:1")


NAMES = ["store.good", "store.bad", "store.waits"]


async def test_one_of_each(lab: Lab) -> None:
    run, failed, waiting = await start(good), await start(bad), await start(waits)
    await lab.advance("2s")
    await run.result()
    await lab.wait_for_hook(waiting)
    with pytest.raises(RunFailed):
        await failed.result()
    store = await read_store(await CONNECTION.engine(), "postgresql://ann:secret@db/x", NAMES)
    assert (store.url, store.local, store.runs) == ("postgresql://", False, 3)
    assert (store.completed, store.failed) == (
        (run.run_id, "completed, with 1 steps"),
        (failed.run_id, "failed: FatalError: no"),
    )
    assert store.retried is not None and store.retried.run_id == run.run_id
    assert store.retried.text.endswith("wobbly took 2 attempts")
    assert store.waiting == (waiting.run_id, "waits for a hook")
    assert store.streaming == (run.run_id, "its stream has 1 chunks")


async def test_runs_of_others_are_nobodys_evidence(lab: Lab) -> None:
    with pytest.raises(RunFailed):
        await (await start(bad)).result()
    engine = await CONNECTION.engine()
    assert (await read_store(engine, "sqlite:///x.db", ["store.bad"])).retried is None
    store = await read_store(engine, "sqlite:///x.db", ["store.good"])
    assert (store.url, store.local, store.runs, store.completed, store.failed) == ("sqlite://", True, 0, None, None)
