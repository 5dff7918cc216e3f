"""Child runs: durable start and result inside a workflow, their end told to the parent, cancellation that follows."""

import asyncio
from typing import Any

import pytest

from perdure import (
    FatalError,
    Run,
    RunCancelled,
    RunFailed,
    StartConflict,
    StartOptions,
    UsageError,
    configure,
    get_run,
    get_workflow_metadata,
    list_runs,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from tests.api.following import facts, status_of, types_of, waiting_for

pytestmark = pytest.mark.anyio

HERE = __name__
seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@step
async def double(n: int) -> int:
    return 2 * n


@workflow
async def pay(amount: int) -> int:
    if amount < 0:
        raise FatalError("no negative amounts")
    return await double(amount)


@workflow
async def sleeps() -> str:
    try:
        await sleep("1h")
    except asyncio.CancelledError:
        await notes("child cleaned up")
        raise
    return "slept"


@step
async def notes(what: str) -> None:
    seen.append(what)


@workflow
async def parent(amount: int) -> list[Any]:
    child = await start(pay, amount)
    return [child.run_id, await child.result(), await child.result()]


async def test_a_childs_result() -> None:
    run = await start(parent, 3)
    child_id, result, again = await run.result()
    assert (result, again) == (6, 6)
    info = await get_run(child_id).info()
    assert (info.workflow, info.status, info.result) == (f"{HERE}:pay", "completed", 6)
    assert (info.parent_id, info.root_id) == (run.run_id, run.run_id)
    assert await types_of(run) == [
        "run_created",
        "run_started",
        "child_created",
        "child_completed",
        "run_completed",
    ]


@workflow
async def catches(amount: int) -> list[Any]:
    child = await start(pay, amount)
    try:
        await child.result()
    except RunFailed as error:
        return [error.run_id == child.run_id, str(error.__cause__), type(error.__cause__).__name__, str(error)]
    return []


async def test_a_childs_failure_is_told_with_its_cause() -> None:
    is_its, cause, type_name, sentence = await (await start(catches, -1)).result()
    assert is_its
    assert (cause, type_name) == ("no negative amounts", "FatalError")
    assert sentence.endswith(" failed: FatalError: no negative amounts")


@workflow
async def doesnt_catch() -> None:
    await (await start(pay, -1)).result()


async def test_a_childs_failure_that_isnt_caught_fails_the_parent() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(doesnt_catch)).result()
    assert type(caught.value.__cause__) is RunFailed
    assert type(caught.value.__cause__.__cause__) is FatalError


@workflow
async def leaves_its_child() -> str:
    return (await start(sleeps)).run_id


async def test_a_child_goes_on_when_its_parent_has_completed() -> None:
    child = get_run(await (await start(leaves_its_child)).result(), str)
    assert (await waiting_for(child, "sleep")).status == "running"
    await child.wake_up()
    assert await child.result() == "slept"


@workflow
async def fails_after_a_start() -> None:
    child = await start(sleeps)
    raise FatalError(child.run_id)


async def test_a_child_goes_on_when_its_parent_has_failed() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(fails_after_a_start)).result()
    child = get_run(str(caught.value.__cause__))
    assert (await waiting_for(child, "sleep")).status == "running"
    await child.cancel()


@workflow
async def waits_for_its_child() -> str:
    child = await start(sleeps)
    return await child.result()


async def child_of(run: Run[Any]) -> Run[Any]:
    info = await waiting_for(run, "child")
    return get_run(info.waiting_for[0].detail.rpartition(" ")[2])


async def test_a_parent_waits_for_its_child() -> None:
    run = await start(waits_for_its_child)
    child = await child_of(run)
    info = await run.info()
    assert info.waiting_sentence == f"waiting for {HERE}:sleeps {child.run_id}"
    [reason] = info.waiting_for
    assert (reason.kind, reason.until) == ("child", None)
    await waiting_for(child, "sleep")
    await child.wake_up()
    assert await run.result() == "slept"


async def test_a_cancelled_parents_children_follow() -> None:
    run = await start(waits_for_its_child)
    child = await child_of(run)
    await waiting_for(child, "sleep")
    assert await run.cancel(reason="changed my mind")
    with pytest.raises(RunCancelled):
        await run.result()
    with pytest.raises(RunCancelled) as caught:
        await child.result()
    assert caught.value.reason == f"its parent {run.run_id} was cancelled"
    assert seen == ["child cleaned up"]


async def test_a_forced_parents_children_follow() -> None:
    run = await start(waits_for_its_child)
    child = await child_of(run)
    await waiting_for(child, "sleep")
    assert await run.cancel(grace=0)
    with pytest.raises(RunCancelled):
        await child.result()
    assert seen == ["child cleaned up"]


@workflow
async def grandparent() -> Any:
    return await (await start(waits_for_its_child)).result()


async def test_grandchildren_follow_and_know_their_root() -> None:
    run = await start(grandparent)
    child = await child_of(run)
    grandchild = await child_of(child)
    info = await grandchild.info()
    assert (info.parent_id, info.root_id) == (child.run_id, run.run_id)
    await run.cancel()
    assert await status_of(grandchild, end="cancelled") == "cancelled"


@workflow
async def survives_its_childs_cancel() -> list[Any]:
    child = await start(sleeps)
    try:
        return [await child.result()]
    except RunCancelled as error:
        return [error.run_id == child.run_id, error.reason]


async def test_a_childs_cancel_is_told_to_its_parent() -> None:
    run = await start(survives_its_childs_cancel)
    child = await child_of(run)
    await child.cancel(reason="by hand")
    assert await run.result() == [True, "by hand"]


@workflow
async def cancels_its_child() -> list[Any]:
    child = await start(sleeps)
    accepted = await child.cancel(reason="by its parent")
    try:
        await child.result()
    except RunCancelled as error:
        return [accepted, error.reason, await child.cancel(), await child.status()]
    return []


async def test_a_parent_cancels_its_child() -> None:
    assert await (await start(cancels_its_child)).result() == [True, "by its parent", False, "cancelled"]


@workflow
async def is_impatient() -> str:
    child = await start(sleeps)
    try:
        await child.result(timeout=0.002)
    except TimeoutError:
        return child.run_id
    return "slept"


async def test_a_timeout_on_a_childs_result_leaves_the_child_alone() -> None:
    child = get_run(await (await start(is_impatient)).result(), str)
    assert (await waiting_for(child, "sleep")).status == "running"
    await child.wake_up()
    assert await child.result() == "slept"


@workflow
async def fans_out(n: int) -> list[int]:
    children = [await start(pay, each) for each in range(n)]
    return await asyncio.gather(*(child.result() for child in children))


async def test_many_children() -> None:
    run = await start(fans_out, 20)
    assert await run.result() == [2 * each for each in range(20)]
    assert len([info async for info in list_runs(workflow=pay)]) == 20


@workflow
async def with_options() -> list[str]:
    later = await start(pay, 1, options=StartOptions(delay=0.01, attributes={"kind": "later"}))
    return [later.run_id, str(await later.result())]


async def test_a_childs_delay_and_attributes() -> None:
    child_id, result = await (await start(with_options)).result()
    assert result == "2"
    info = await get_run(child_id).info()
    assert info.attributes == {"kind": "later"}
    [created] = await facts(get_run(child_id), "run_created")
    assert info.started_at is not None
    assert info.started_at.timestamp() * 1000 >= created["dueMs"]


@workflow
async def with_a_key(amount: int, on_conflict: Any) -> list[Any]:
    options = StartOptions(idempotency_key="shared", on_conflict=on_conflict)
    try:
        child = await start(pay, amount, options=options)
    except StartConflict as error:
        return [error.run_id, str(error)]
    return [child.run_id, await child.result()]


async def test_a_child_with_a_key_may_be_somebody_elses_run() -> None:
    known = await start(pay, 1, options=StartOptions(idempotency_key="shared"))
    assert await (await start(with_a_key, 1, "return")).result() == [known.run_id, 2]


async def test_a_childs_key_that_is_taken() -> None:
    known = await start(pay, 1, options=StartOptions(idempotency_key="shared"))
    run_id, sentence = await (await start(with_a_key, 1, "fail")).result()
    assert run_id == known.run_id
    assert sentence.endswith("already; on_conflict='return' gives that run instead")
    run_id, sentence = await (await start(with_a_key, 2, "return")).result()
    assert "with other arguments" in sentence


async def test_a_child_with_a_key_of_its_own_knows_its_parent() -> None:
    run = await start(with_a_key, 1, "fail")
    child_id, _ = await run.result()
    info = await get_run(child_id).info()
    assert (info.parent_id, info.root_id) == (run.run_id, run.run_id)


@workflow
async def with_key_and_delay() -> str:
    try:
        await start(pay, 1, options=StartOptions(idempotency_key="shared", delay="1h"))
    except UsageError as error:
        return str(error)
    return "started"


async def test_a_key_and_a_delay_at_once_are_refused() -> None:
    assert await (await start(with_key_and_delay)).result() == (
        "in a workflow, a start with both a key and a delay isn't supported: sleep first, then start"
    )


@workflow
async def starts_itself(depth: int) -> list[str]:
    mine = get_workflow_metadata().run_id
    if depth == 0:
        return [mine]
    return [mine, *await (await start(starts_itself, depth - 1)).result()]


async def test_a_workflow_may_start_itself() -> None:
    ids = await (await start(starts_itself, 4)).result()
    assert len(set(ids)) == 5


async def test_a_child_whose_parent_changes_workers() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(waits_for_its_child)
        child = await child_of(run)
        await waiting_for(child, "sleep")
    await child.wake_up()
    async with worker():
        assert await run.result() == "slept"
    assert len(await facts(run, "child_created")) == 1
