"""Who did it: every verb of an operator takes `by`, and the event that it makes has it."""

from typing import Any

import pytest

from perdure import (
    FatalError,
    Run,
    RunCancelled,
    RunFailed,
    UsageError,
    configure,
    create_hook,
    define_hook,
    get_run,
    resume_hook,
    sleep,
    start,
    step,
    workflow,
)
from tests.api.following import facts, until, waiting_for

pytestmark = pytest.mark.anyio

broken: list[bool] = [True]


@step
async def charges() -> str:
    if broken.pop():
        raise FatalError("no such card")
    return "charged"


@workflow
async def buys() -> str:
    return await charges()


@workflow
async def naps(days: int) -> str:
    await sleep(f"{days}d")
    return "woken"


@workflow
async def asks() -> list[Any]:
    async with create_hook(int, token="ask") as hook:
        return [await hook, await hook]


@workflow
async def stops(run_id: str, by: str | None) -> bool:
    return await get_run(run_id).cancel("enough", by=by)


numbers = define_hook(int, prefix="by-number")


@workflow
async def counts() -> int:
    async with numbers.create(1) as number:
        return await number


async def by_of(run: Run[Any], *types: str) -> list[str | None]:
    return [data.get("by") for data in await facts(run, *types)]


async def test_a_cancel() -> None:
    run = await start(naps, 1)
    await waiting_for(run, "sleep")
    assert await run.cancel("closed", by="ann")
    with pytest.raises(RunCancelled):
        await run.result()
    assert await facts(run, "cancel_requested", "run_cancelled") == [
        {"reason": "closed", "by": "ann"},
        {"reason": "closed"},
    ]


async def test_a_cancel_at_once() -> None:
    run = await start(naps, 1)
    await waiting_for(run, "sleep")
    assert await run.cancel("closed", 0, by="ann")
    assert await facts(run, "run_cancelled") == [{"reason": "closed", "forced": True, "by": "ann"}]


async def test_a_cancel_in_a_body() -> None:
    """Nobody's name adds nothing to what is recorded: bodies that were written before there were names go on."""
    for by, input in (("ann", {"by": "ann"}), (None, {})):
        run = await start(naps, 1)
        await waiting_for(run, "sleep")
        asking = await start(stops, run.run_id, by)
        assert await asking.result()
        with pytest.raises(RunCancelled):
            await run.result()
        assert await by_of(run, "cancel_requested") == [by]
        assert [step.input async for step in asking.steps()] == [
            {"run_id": run.run_id, "reason": "enough", "grace_ms": None, **input}
        ]


async def test_a_wake_up() -> None:
    run = await start(naps, 1)
    await waiting_for(run, "sleep")
    assert await run.wake_up(by="ann") == 1
    assert await run.result() == "woken"
    assert await facts(run, "wake_requested") == [{"by": "ann"}]


async def test_a_retry_and_a_rerun() -> None:
    broken[:] = [False, False, True]
    run = await start(buys)
    with pytest.raises(RunFailed):
        await run.result()
    await run.retry(by="ann")
    assert await run.result() == "charged"
    assert await by_of(run, "run_retried") == ["ann"]
    again = await run.rerun(by="bob")
    assert await again.result() == "charged"
    created = (await facts(again, "run_created"))[0]
    assert (created["by"], created["rerunOf"]) == ("bob", run.run_id)


async def test_a_repin() -> None:
    configure(world="memory://", work=False)
    run = await start(naps, 1)
    assert await run.repin("v2", by="ann")
    assert await facts(run, "run_repinned") == [{"pin": "v2", "by": "ann"}]


async def test_payloads() -> None:
    run = await start(asks)
    await waiting_for(run, "hook")
    await resume_hook("ask", 1, by="ann")
    await resume_hook("ask", "two", by="bob")  # it doesn't fit, and still has a sender
    await resume_hook("ask", 3)
    assert await run.result() == [1, 3]
    assert await by_of(run, "hook_received") == ["ann", "bob", None]


async def test_a_payload_of_a_defined_hook_and_its_second_try() -> None:
    run = await start(counts)
    await waiting_for(run, "hook")
    for by in ("ann", "bob"):
        await numbers.resume(1, 5, idempotency_key="once", by=by)
    assert await run.result() == 5

    async def received() -> bool:
        return bool(await by_of(run, "hook_received"))

    await until(received)
    assert await by_of(run, "hook_received") == ["ann"]


@pytest.mark.parametrize("by", ["", "x" * 201, "two\nlines", 7, "\ud800"])
async def test_what_names_nobody(by: Any) -> None:
    run = get_run("wrun_" + "0" * 26)
    verbs = (run.cancel, run.wake_up, run.retry, run.rerun)
    for refused in [verb(by=by) for verb in verbs] + [run.repin("any", by=by), resume_hook("t", by=by)]:
        with pytest.raises(UsageError, match=r"^by="):
            await refused
