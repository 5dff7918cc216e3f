"""Runs that only workers of one deployment may have: who says so, and what a run that waits for them tells."""

import asyncio
import logging
import re

import pytest

import perdure.api.run
from perdure import (
    Run,
    RunNotFound,
    StartOptions,
    UsageError,
    close,
    configure,
    get_run,
    list_runs,
    start,
    step,
    worker,
    workflow,
)
from tests.api.following import facts, types_of, until, waiting_for

pytestmark = pytest.mark.anyio

HERE = __name__


@workflow
async def pays(amount: int) -> int:
    return amount


@step
async def starts_in_a_step(deployment: str | None) -> str:
    return (await start(pays, 1, options=StartOptions(deployment=deployment))).run_id


@workflow
async def starts_children(deployment: str | None) -> list[str]:
    options = StartOptions(deployment=deployment)
    return [(await start(pays, 1, options=options)).run_id, await starts_in_a_step(deployment)]


@step(queue="gpu")
async def embeds(text: str) -> str:
    return text


@workflow
async def ingests(text: str) -> str:
    return await embeds(text)


@workflow
async def starts_a_delayed_child(deployment: str) -> str:
    return (await start(pays, 1, options=StartOptions(deployment=deployment, delay="1h"))).run_id


async def pin_of(run: Run[object] | str) -> str | None:
    return (await get_run(run if isinstance(run, str) else run.run_id).info()).pin


async def test_a_named_process_pins_what_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(world="memory://", deployment="v7")
    run = await start(pays, 3)
    assert await run.result() == 3
    info = await run.info()
    assert (info.deployment, info.pin, info.as_json()["pin"]) == ("v7", "v7", "v7")
    assert await pin_of(await start(pays, 1, options=StartOptions(deployment="any"))) is None
    assert await pin_of(await run.rerun()) == "v7"


async def test_the_variable_names_and_pins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_DEPLOYMENT", "v7")
    configure(world="memory://", work=False)
    run = await start(pays, 1)
    info = await run.info()
    assert (info.deployment, info.pin) == ("v7", None)
    async with worker():
        pinned = await start(pays, 2, options=StartOptions(deployment="v7"))
        assert await pinned.result() == 2, "it names this worker's code too"
        assert await pin_of(await start(pays, 1, options=StartOptions(deployment="latest"))) == "v7"


async def test_a_run_that_waits_for_its_deployment_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(perdure.api.run, "WARN_AFTER_S", 0.0)
    configure(world="memory://", work=False)
    run = await start(pays, 1, options=StartOptions(deployment="v6"))
    way_out = f"`perdure repin {run.run_id} --deployment NAME` moves it to other code"
    async with worker():
        info = await run.info()
        [reason] = info.waiting_for
        assert (reason.kind, reason.detail) == (
            "worker",
            f"a worker of deployment v6 that serves {HERE}:pays; {way_out}",
        )
        assert info.waiting_sentence == f"waiting for {reason.detail}"
        assert [each.waiting_sentence async for each in list_runs()] == [info.waiting_sentence]
        waiting = asyncio.create_task(run.result())

        async def warned() -> bool:
            return "no live worker" in caplog.text

        with caplog.at_level(logging.WARNING):
            await until(warned)
        told = (
            f"run {run.run_id} waits: no live worker of deployment v6 serves {HERE}:pays; "
            "start one with `perdure worker`, or move the run with `perdure repin`"
        )
        assert told in caplog.text
        assert await run.repin("any")
        assert await waiting == 1
    assert await types_of(run) == ["run_created", "run_repinned", "run_started", "run_completed"]
    assert [created["pin"] for created in await facts(run, "run_created")] == ["v6"]


async def test_repin_is_refused_where_it_makes_no_sense() -> None:
    run = await start(pays, 1)
    await run.result()
    with pytest.raises(UsageError, match=r"is completed: no worker will claim it any more; use rerun$"):
        await run.repin("v6")
    with pytest.raises(UsageError, match=r"^deployment='' names no deployment"):
        await run.repin("")
    with pytest.raises(RunNotFound):
        await get_run("wrun_" + "0" * 26).repin("v6")


@pytest.mark.parametrize(
    ("asked", "pins"), [(None, ["v7", "v7"]), ("any", [None, None]), ("v6", ["v6", "v6"]), ("latest", ["v7", "v7"])]
)
async def test_children_share_the_pin_unless_they_are_told(asked: str | None, pins: list[str | None]) -> None:
    configure(world="memory://", deployment="v7")
    run = await start(starts_children, asked)
    children = [await get_run(child).info() for child in await run.result()]
    assert [child.pin for child in children] == pins
    assert [child.parent_id for child in children] == [run.run_id] * 2


async def test_children_of_an_unpinned_run_are_unpinned() -> None:
    configure(world="memory://", deployment="v7")
    children = await (await start(starts_children, None, options=StartOptions(deployment="any"))).result()
    assert [await pin_of(child) for child in children] == [None, None]


async def test_steps_in_queues_share_the_pin_and_move_with_their_run() -> None:
    configure(world="memory://", work=False, deployment="v7")
    queue = f"queue:gpu/{HERE}:embeds"
    async with worker(queues=("default",)):
        run = await start(ingests, "x")
        info = await waiting_for(run, "worker")
        [queued] = (await list_runs(workflow=queue)).items
        assert info.waiting_sentence == (
            f"waiting for a worker of deployment v7 that runs {HERE}:embeds in queue gpu, run {queued.run_id}; "
            f"`perdure repin {run.run_id} --deployment NAME` moves it to other code"
        )
        assert queued.pin == "v7"
        assert await run.repin("v8")
        assert not await run.repin("v8")
        assert [await pin_of(run), await pin_of(queued.run_id)] == ["v8", "v8"]
    await close()


async def test_in_a_body_a_deployment_and_a_delay_exclude_each_other() -> None:
    run = await start(starts_a_delayed_child, "v6")
    with pytest.raises(Exception, match="failed") as caught:
        await run.result()
    told = "in a workflow, a start with both a deployment and a delay isn't supported: sleep first, then start"
    assert told in str(caught.value)


@pytest.mark.parametrize("name", ["", "a\nb", "code:12", 7])
def test_bad_names_are_refused_at_once(name: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"deployment={name!r} ")):
        StartOptions(deployment=name)
    with pytest.raises(UsageError, match=re.escape(f"deployment={name!r} ")):
        configure(world="memory://", deployment=name)


@pytest.mark.parametrize("word", ["latest", "any"])
def test_no_process_is_named_by_a_word_with_a_meaning(word: str) -> None:
    StartOptions(deployment=word)
    with pytest.raises(UsageError, match="can't name a deployment"):
        configure(world="memory://", deployment=word)


async def test_a_variable_that_is_no_name_is_told_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_DEPLOYMENT", "latest")
    configure(world="memory://", work=False)
    with pytest.raises(UsageError, match=r"^PERDURE_DEPLOYMENT='latest' can't name a deployment"):
        await start(pays, 1)
    monkeypatch.delenv("PERDURE_DEPLOYMENT")
    assert (await list_runs()).items == ()
