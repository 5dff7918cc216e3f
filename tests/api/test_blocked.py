"""Code that doesn't fit a run's log parks the run, with both sides; the code that wrote the log heals it."""

import asyncio
from typing import Any, Literal

import pytest

from perdure import (
    RunBlocked,
    RunCancelled,
    Workflow,
    configure,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from tests.api.following import status_of, types_of, waiting_for

pytestmark = pytest.mark.anyio

HERE = __name__
seen: list[str] = []
Version = Literal["first", "renamed", "argument", "added", "removed", "ended", "parameter"]


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@step
async def charge(order: str) -> str:
    seen.append(order)
    return f"charged {order}"


@step
async def bill(order: str) -> str:
    return f"billed {order}"


def deploy(version: Version) -> Workflow[[str], Any]:
    """The workflow as it was when the runs were started, or changed since."""
    if version == "parameter":

        @workflow(name="app:blocked")
        async def fulfil(order_id: str) -> Any:
            return await charge(order_id)

        return fulfil

    @workflow(name="app:blocked")
    async def fulfil(order: str) -> Any:
        try:
            if version == "ended":
                return "nothing to do"
            if version == "added":
                await bill(order)
            if version != "removed":
                await (bill if version == "renamed" else charge)("o-2" if version == "argument" else order)
            await sleep("1h")
        except BaseException as error:
            seen.append(type(error).__name__)  # perdure: ignore[global-state]
            raise
        finally:
            await charge("in a cleanup")
        return f"done by {version}"

    return fulfil


async def parked(version: Version) -> Any:
    """A run of the first version that met another one."""
    configure(world="memory://", work=False)
    async with worker():
        run = await start(deploy("first"), "o-1")
        await waiting_for(run, "sleep")
    seen.clear()
    deploy(version)
    async with worker():
        await run.wake_up()
        await status_of(run, end="blocked")
    return run


CHARGE = f'step {HERE}:charge({{"order":"o-1"}})'


@pytest.mark.parametrize(
    ("version", "recorded", "attempted"),
    [
        ("renamed", CHARGE, f'step {HERE}:bill({{"order":"o-1"}})'),
        ("argument", CHARGE, f'step {HERE}:charge({{"order":"o-2"}})'),
        ("added", CHARGE, f'step {HERE}:bill({{"order":"o-1"}})'),
        ("removed", CHARGE, "sleep until "),
        ("ended", CHARGE, f'step {HERE}:charge({{"order":"in a cleanup"}})'),
    ],
)
async def test_a_change_parks_the_run_with_both_sides(version: Version, recorded: str, attempted: str) -> None:
    run = await parked(version)
    with pytest.raises(RunBlocked) as caught:
        await run.result()
    info = await run.info()
    assert info.divergence is not None
    assert info.divergence.recorded.startswith(recorded)
    assert info.divergence.attempted.startswith(attempted)
    assert info.divergence.turn == 0
    assert info.divergence.line is not None
    assert info.divergence.line.startswith(f"{__file__}:")
    assert info.divergence.deployment
    sentence = (
        f"the code doesn't fit the log in turn 0: recorded is {info.divergence.recorded}, "
        f"attempted at {info.divergence.line} is {info.divergence.attempted}; "
        f"deploy the code that wrote the log (deployment {info.divergence.deployment}), "
        "or guard the change with patched()"
    )
    assert info.reason == sentence
    assert str(caught.value) == f"run {run.run_id} is blocked: {sentence}"
    assert info.waiting_sentence == f"blocked: {sentence}"
    assert [reason.kind for reason in info.waiting_for] == ["code"]


async def test_a_body_can_neither_catch_a_divergence_nor_act_in_its_cleanup() -> None:
    run = await parked("renamed")
    assert seen in ([], ["BodyDiverged"]), "no step was called"
    assert (await types_of(run))[-1] == "run_blocked"


async def test_parameters_that_dont_fit_the_recorded_input_park_the_run_too() -> None:
    run = await parked("parameter")
    info = await run.info()
    assert info.divergence is not None
    assert info.divergence.recorded == 'input {"order":"o-1"}'
    assert info.divergence.attempted == "the arguments don't fit app:blocked: it has no parameter 'order'"


async def test_the_code_that_wrote_the_log_heals_it() -> None:
    run = await parked("renamed")
    deploy("first")
    await run.retry()
    assert await run.status() == "running"
    async with worker():
        assert await run.result() == "done by first"
    types = await types_of(run)
    assert [type_ for type_ in types if type_.startswith("run_")] == [
        "run_created",
        "run_started",
        "run_blocked",
        "run_unblocked",
        "run_completed",
    ]


async def test_a_retry_with_the_same_code_parks_it_again() -> None:
    run = await parked("renamed")
    await run.retry()
    async with worker():
        await status_of(run, end="blocked")
    assert (await types_of(run)).count("run_blocked") == 2


async def test_a_blocked_run_is_cancelled_without_its_body() -> None:
    run = await parked("renamed")
    assert await run.cancel(reason="given up") is True
    assert await run.status() == "cancelled"
    with pytest.raises(RunCancelled) as caught:
        await run.result()
    assert caught.value.reason == "given up"
    assert "charge" not in seen
    assert (await run.info()).forced is False


async def test_a_blocked_run_is_woken_in_vain() -> None:
    run = await parked("renamed")
    assert await run.wake_up() == 0


async def test_who_waits_for_the_result_is_told_when_the_run_is_parked() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(deploy("first"), "o-1")
        await waiting_for(run, "sleep")
    deploy("renamed")
    async with worker():
        waiting = asyncio.create_task(run.result())
        await run.wake_up()
        with pytest.raises(RunBlocked):
            await waiting


async def test_one_parked_run_doesnt_stop_others() -> None:
    await parked("renamed")
    async with worker():
        other = await start(deploy("ended"), "o-9")
        assert await other.result() == "nothing to do"
