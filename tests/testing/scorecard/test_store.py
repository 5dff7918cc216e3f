"""Runs of each kind, found in a world."""

from pathlib import Path

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
from perdure.testing.scorecard.code import Code
from perdure.testing.scorecard.project import read_code
from perdure.testing.scorecard.store import read_store
from tests.testing.scorecard.written import write


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


CODE = """
from perdure import step, workflow
@step(name="kept")
async def wobbly(): ...
@step
async def refused(): ...
@workflow(name="store.good")
async def good(): ...
@workflow(name="store.bad")
async def bad(): ...
@workflow(name="store.waits")
async def waits(): ...
@workflow(name="store.takes")
async def takes(order, *, note=None): ...
"""


def code(folder: Path, text: str = CODE, name: str = "flows") -> Code:
    write(folder, {f"{name}.py": text})
    return read_code([f"{name}.py"])


async def test_one_of_each(lab: Lab, folder: Path) -> None:
    run, failed, waiting = await start(good), await start(bad), await start(waits)
    await lab.advance("2s")
    await run.result()
    await lab.wait_for_hook(waiting)
    with pytest.raises(RunFailed):
        await failed.result()
    store = await read_store(await CONNECTION.engine(), "postgresql://ann:secret@db/x", code(folder))
    assert (store.url, store.local, store.runs) == ("postgresql://", False, 3)
    assert (store.completed, store.failed) == (
        (run.run_id, "completed, with 1 steps"),
        (failed.run_id, "failed: FatalError: no"),
    )
    assert store.retried is not None and store.retried.run_id == run.run_id
    assert store.retried.text.endswith("wobbly took 2 attempts")
    assert store.waiting == (waiting.run_id, "waits for a hook")
    assert store.streaming == (run.run_id, "its stream has 1 chunks")


async def test_runs_of_others_are_nobodys_evidence(lab: Lab, folder: Path) -> None:
    with pytest.raises(RunFailed):
        await (await start(bad)).result()
    engine = await CONNECTION.engine()
    known = code(folder, CODE.replace("store.good", "store.other"))
    assert (await read_store(engine, "sqlite:///x.db", known)).retried is None
    known = code(folder, CODE.replace("store.bad", "store.other"))
    store = await read_store(engine, "sqlite:///x.db", known)
    assert (store.url, store.local, store.runs, store.completed, store.failed) == ("sqlite://", True, 0, None, None)


@workflow(name="store.takes")
async def takes(order: str, customer: str = "", note: str = "") -> None:
    await acts()
    await create_hook(token=f"store-takes:{order}")


@step(name="steps:acts")
async def acts() -> None: ...


async def test_what_runs_were_started_with_and_todays_parameters(lab: Lab, folder: Path) -> None:
    fits = await start(takes, "a", note="x")
    misfit = await start(takes, "b", customer="Ann")
    await lab.wait_for_hook(fits)
    engine = await CONNECTION.engine()
    store = await read_store(engine, "sqlite:///x.db", code(folder))
    assert (store.read, len(store.deployments)) == (2, 1)
    assert store.misfits == ((misfit.run_id, "it was started with customer"),)
    store = await read_store(engine, "sqlite:///x.db", code(folder, CODE.replace("order, *", "order, who, *")))
    assert [seen.text for seen in store.misfits] == [
        "it was started without who and it was started with customer", "it was started without who"
    ]  # fmt: skip
    open_to_all = code(folder, CODE.replace("order, *, note=None", "order, **more"))
    assert (await read_store(engine, "sqlite:///x.db", open_to_all)).misfits == ()


STEPS = "from perdure import step, workflow\n@workflow(name='store.takes')\nasync def flow(order, **more): ...\n"


@pytest.mark.parametrize(
    ("name", "text", "gone"),
    [
        ("steps", STEPS, True),
        ("steps", STEPS + "@step\nasync def acts(): ...\n", False),
        ("steps", STEPS + "@step(name='steps:acts')\nasync def does(): ...\n", False),
        ("steps", STEPS + "async def acts(): ...\nacting = step(acts)\n", False),
        ("others", STEPS, False),
    ],
    ids=["gone", "there", "under its name", "made a step by a call", "of a module that isn't read"],
)
async def test_what_runs_under_way_have_called(lab: Lab, folder: Path, name: str, text: str, gone: bool) -> None:
    run = await start(takes, "a")
    await lab.wait_for_hook(run)
    store = await read_store(await CONNECTION.engine(), "sqlite:///x.db", code(folder, text, name))
    assert store.gone == (((run.run_id, "it has called steps:acts"),) if gone else ())
    await run.cancel(grace=0)
    assert (await read_store(await CONNECTION.engine(), "sqlite:///x.db", code(folder, text, name))).gone == ()
