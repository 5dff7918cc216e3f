"""Every crash that a finished run could have had."""

import asyncio
from collections import Counter

import pytest

from perdure import UsageError, resume_hook, sleep, start, step, workflow
from perdure.testing import Lab, NotSurvived
from perdure.testing import lab as make_lab
from tests.testing.kit.refunds import PAID, Approval, approvals, collect, fails, family, nap, refund

pytestmark = pytest.mark.anyio
COUNTED = Counter[str]()


@step(name="crash:count")
async def count(what: str) -> int:
    """Not safe to repeat, and its result shows it."""
    COUNTED[what] += 1
    return COUNTED[what]


@step(name="crash:note")
async def note(what: str) -> None:
    """Not safe to repeat, and only its effects show it."""
    COUNTED[what] += 1


@workflow(name="crash:counting")
async def counting(what: str) -> int:
    await sleep("1h")
    return await count(what)


@workflow(name="crash:noting")
async def noting(what: str) -> None:
    await note(what)


async def test_a_run_that_was_answered_survives_them_all_and_pays_once(lab: Lab) -> None:
    run = await start(refund, "o-1")
    await lab.wait_for_hook(run)
    await approvals.resume("o-1", Approval(True))
    await run.result()
    del PAID[:-1]
    survived = await lab.crash_everywhere(run)
    assert [crash.where for crash in survived[:3]] == ["before append 1", "after append 1", "before append 2"]
    assert len(PAID) == 1, "the copies have the run's own step ids"
    paying = [[call.step for call in crash.calls].count("lab:refund_payment") for crash in survived]
    assert max(paying) == 2, "before its completion is kept, a step runs twice"
    assert len(lab.calls("lab:refund_payment")) == 1, "what copies do is theirs"


async def test_time_payloads_children_and_failures_come_again(lab: Lab) -> None:
    slept, failed = await start(nap, "7d"), await start(fails)
    await lab.advance("7d")
    parent = await start(family, "o")
    collected = await start(collect, 2)
    for word in ("a", "b"):
        await lab.wait_for_hook(collected)
        await resume_hook("lab-collect", word)
    await lab.rest()
    for run in (slept, failed, parent, collected):
        assert len(await lab.crash_everywhere(run)) >= 4


async def test_a_step_whose_result_is_another_the_second_time_is_found(lab: Lab) -> None:
    run = await start(counting, "result")
    await lab.advance("1h")
    assert await run.result() == 1
    with pytest.raises(NotSurvived) as found:
        await lab.crash_everywhere(run)
    assert found.value.expected == "the result 1"
    assert found.value.found.startswith("the result ")


async def test_effects_that_double_can_be_seen(lab: Lab) -> None:
    run = await start(noting, "effect")
    await run.result()
    assert COUNTED["effect"] == 1
    await lab.crash_everywhere(run)
    assert COUNTED["effect"] > 1


async def test_what_cannot_be_tried(lab: Lab) -> None:
    run = await start(nap, "7d")
    with pytest.raises(UsageError, match="hasn't ended: crash_everywhere needs a finished run"):
        await lab.crash_everywhere(run)
    await run.cancel(grace=0)
    with pytest.raises(UsageError, match="was taken over from outside"):
        await lab.crash_everywhere(run)


async def test_one_that_was_cancelled_survives_too(lab: Lab) -> None:
    run = await start(nap, "7d")
    await lab.wait_for_sleep(run)
    await run.cancel("enough")
    await lab.rest()
    assert await run.status() == "cancelled"
    assert len(await lab.crash_everywhere(run)) >= 4


@step(name="crash:slow")
async def slow() -> str:
    await asyncio.sleep(0.08)
    return "done"


@workflow(name="crash:slowly")
async def slowly() -> str:
    return await slow()


async def test_a_step_that_takes_real_time_is_waited_for() -> None:
    """Longer than the lab's patience: that is for whoever waits in vain, and a step that runs is no such thing."""
    async with make_lab(patience=0.01) as lab:
        run = await start(slowly)
        assert await run.result() == "done"
        assert await lab.crash_everywhere(run)
