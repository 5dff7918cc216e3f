"""Attributes of a run: set at the start, by the body and by steps; their limits; and that nothing breaks one."""

from typing import Any

import pytest

from perdure import (
    AttributeInvalid,
    NotInWorkflow,
    Retry,
    StartOptions,
    get_step_metadata,
    list_runs,
    set_attributes,
    sleep,
    start,
    step,
    sync,
    workflow,
)
from tests.api.following import facts, until, waiting_for

pytestmark = pytest.mark.anyio


@step
async def charges() -> None:
    await set_attributes(by="step", phase="charged")


@step
def charges_in_a_thread() -> None:
    sync.set_attributes(by="thread", old=None)


@workflow
async def pays() -> None:
    await set_attributes(phase="charging", old="value")
    await charges()
    await charges_in_a_thread()
    await set_attributes(phase="paid")


async def test_attributes_by_the_body_and_by_its_steps() -> None:
    run = await start(pays, options=StartOptions(attributes={"region": "eu"}))
    await run.result()
    assert (await run.info()).attributes == {"region": "eu", "phase": "paid", "by": "thread"}
    assert await facts(run, "attr_set") == [
        {"changes": {"phase": "charging", "old": "value"}},
        {"changes": {"by": "step", "phase": "charged"}, "byStep": True},
        {"changes": {"by": "thread", "old": None}, "byStep": True},
        {"changes": {"phase": "paid"}},
    ]


@workflow
async def shows_its_phase() -> None:
    await set_attributes(phase="asleep")
    await sleep("1h")


async def test_attributes_are_seen_while_the_run_lives() -> None:
    run = await start(shows_its_phase)
    await waiting_for(run, "sleep")

    async def is_seen() -> bool:
        return [info.run_id async for info in list_runs(attributes={"phase": "asleep"})] == [run.run_id]

    await until(is_seen)


@step(retry=Retry(delay=0.001))
async def fails_after_setting() -> None:
    await set_attributes(**{f"attempt{get_step_metadata().attempt}": "began"})
    if get_step_metadata().attempt == 1:
        raise ValueError("not yet")


@workflow
async def sets_in_each_attempt() -> None:
    await fails_after_setting()


async def test_attributes_of_an_attempt_that_failed_stay() -> None:
    run = await start(sets_in_each_attempt)
    await run.result()
    assert (await run.info()).attributes == {"attempt1": "began", "attempt2": "began"}


@step
async def sets_too_much(changes: dict[str, Any]) -> str:
    try:
        await set_attributes(**changes)
    except AttributeInvalid as error:
        return str(error)
    return "accepted"


@workflow
async def sets_too_much_everywhere(changes: dict[str, Any]) -> list[str]:
    try:
        await set_attributes(**changes)
    except AttributeInvalid as error:
        return [str(error), await sets_too_much(changes)]
    return ["accepted"]


async def test_limits_in_the_body_and_in_steps() -> None:
    sentence = "the attribute 'phase' can't be set: its value is longer than 256 bytes"
    run = await start(sets_too_much_everywhere, {"phase": "x" * 257})
    assert await run.result() == [sentence, sentence]
    assert (await run.info()).attributes == {}


async def test_limits_at_the_start() -> None:
    with pytest.raises(AttributeInvalid):
        await start(pays, options=StartOptions(attributes={"k" * 257: "v"}))


async def test_outside_of_a_run() -> None:
    with pytest.raises(NotInWorkflow) as caught:
        await set_attributes(phase="x")
    assert str(caught.value) == (
        "set_attributes was called outside of a workflow: only a workflow or one of its steps has a run"
    )
