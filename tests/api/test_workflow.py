"""Workflows: how they are defined, inlined and passed on, their timeout, and what their bodies may do."""

import asyncio
import random as system_random
import time
import typing
import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from perdure import (
    DefinitionInvalid,
    DeterminismError,
    DeterminismWarning,
    DuplicateName,
    DurationInvalid,
    NotInWorkflow,
    RunFailed,
    UsageError,
    Workflow,
    close,
    configure,
    find_run,
    get_workflow_metadata,
    list_runs,
    sleep,
    start,
    step,
    workflow,
)
from tests.api.following import facts, types_of

pytestmark = pytest.mark.anyio

HERE = __name__
seen: list[typing.Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@step
async def double(n: int) -> int:
    return 2 * n


# -- definition


@workflow
async def fulfil(order: str) -> str:
    """Fulfils an order."""
    return f"fulfilled {order}"


def test_a_workflow_looks_like_its_function() -> None:
    assert isinstance(fulfil, Workflow)
    assert (fulfil.__name__, fulfil.__doc__, fulfil.__module__) == ("fulfil", "Fulfils an order.", HERE)
    assert fulfil.definition.name == f"{HERE}:fulfil"
    assert repr(fulfil) == f"<workflow {HERE}:fulfil>"


async def test_the_plain_function_of_a_workflow() -> None:
    assert await fulfil.fn("o-1") == "fulfilled o-1"


async def test_outside_of_a_run_a_workflow_says_to_use_start() -> None:
    with pytest.raises(NotInWorkflow) as caught:
        await fulfil("o-1")
    assert str(caught.value) == (f"{HERE}:fulfil was called outside of a workflow: use `await start(fulfil, …)`")


@step(max_retries=0)
async def calls_a_workflow() -> str:
    return await fulfil("o-1")


@workflow
async def calls_a_step_that_calls_a_workflow() -> str:
    return await calls_a_workflow()


async def test_in_a_step_a_workflow_says_to_use_start() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(calls_a_step_that_calls_a_workflow)).result()
    assert type(caught.value.__cause__) is NotInWorkflow


def test_a_workflow_is_async() -> None:
    with pytest.raises(DefinitionInvalid) as caught:

        @workflow(name="app:sync")  # type: ignore[arg-type]
        def sync_one() -> None: ...

    assert str(caught.value) == "app:sync can't be defined: a workflow is an async function: write `async def`"


def test_an_async_generator_is_no_workflow() -> None:
    with pytest.raises(DefinitionInvalid):

        @workflow(name="app:rows")  # type: ignore[arg-type]
        async def rows() -> typing.AsyncIterator[int]:
            yield 1


def test_options_is_no_parameter() -> None:
    with pytest.raises(DefinitionInvalid) as caught:

        @workflow(name="app:options")
        async def with_options(options: str) -> None: ...

    assert str(caught.value) == (
        "app:options can't be defined: a parameter named 'options' is taken by start(…, options=…): rename it"
    )


def test_a_name_that_queued_steps_have() -> None:
    with pytest.raises(DefinitionInvalid) as caught:

        @workflow(name="queue:gpu/embed")
        async def embed() -> None: ...

    assert str(caught.value) == (
        "queue:gpu/embed can't be defined: steps that wait in a queue have names like that: give it another"
    )


def test_a_staticmethod_is_no_workflow() -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        workflow(name="app:static")(staticmethod(fulfil.fn))  # type: ignore[arg-type]
    assert str(caught.value).startswith("app:static can't be defined: it is a staticmethod, not a function")


def test_a_name_that_is_taken() -> None:
    @workflow(name="app:taken-workflow")
    async def one() -> None: ...

    with pytest.raises(DuplicateName) as caught:

        @workflow(name="app:taken-workflow")
        async def other() -> None: ...

    line = one.fn.__code__.co_firstlineno
    assert str(caught.value) == (
        f"the name 'app:taken-workflow' is defined twice: at {__file__}:{line} and at {__file__}:{line + 5}; "
        "give one of them name=…"
    )


@pytest.mark.parametrize("timeout", ["soon", -1, True])
def test_a_timeout_that_is_no_duration(timeout: typing.Any) -> None:
    with pytest.raises(DurationInvalid):
        workflow(timeout=timeout)


async def test_a_name_that_is_kept_through_renames() -> None:
    @workflow(name="app:kept", version="7")
    async def renamed_since() -> str:
        return get_workflow_metadata().workflow_name

    run = await start(renamed_since)
    assert await run.result() == "app:kept"
    assert (await run.info()).workflow == "app:kept"


def test_what_a_replay_cant_repeat_is_told_at_registration() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        @workflow(name="app:undetermined")
        async def undetermined() -> float:
            return time.time() + system_random.random()

        @workflow
        async def undetermined_too() -> float:
            return time.time()

    assert len(caught) == 3
    assert {warning.category for warning in caught} == {DeterminismWarning}
    assert {warning.filename for warning in caught} == {__file__}, "the warning is at the definition"
    assert all(f"{__file__}:" in str(warning.message) for warning in caught)


# -- inlined, and as values


@workflow
async def pay(amount: int) -> int:
    return await double(amount)


@workflow
async def pays_twice() -> list[int]:
    first, second = await asyncio.gather(pay(1), pay(2))
    return [first, second, await pay(3)]


async def test_a_workflow_awaited_in_a_workflow_is_inlined() -> None:
    run = await start(pays_twice)
    assert await run.result() == [2, 4, 6]
    assert (await types_of(run)).count("step_created") == 3
    assert "child_created" not in await types_of(run)
    assert [info.run_id async for info in list_runs()] == [run.run_id]


@workflow
async def pays_with(how: Workflow[[int], int], amount: int) -> int:
    return await how(amount)


async def test_workflows_are_values() -> None:
    run = await start(pays_with, pay, 4)
    assert await run.result() == 8
    [created] = await facts(run, "run_created")
    assert created["input"]["how"]["v"] == f"{HERE}:pay"


def test_a_workflow_may_close_over_what_it_likes() -> None:
    n = 1

    @workflow(name="app:closure")
    async def closes_over() -> int:
        return n

    assert closes_over.definition.name == "app:closure"


@dataclass
class Order:
    id: str
    paid: bool = False


@workflow
async def takes_an_order(order: Order) -> Order:
    order.paid = True
    return order


async def test_arguments_and_results_have_their_annotations_types() -> None:
    order = Order("o-1")
    assert await (await start(takes_an_order, order)).result() == Order("o-1", paid=True)
    assert order == Order("o-1"), "values are passed by value"


# -- @workflow(timeout=…)


@workflow(timeout=0.01)
async def too_slow() -> None:
    try:
        await sleep("1h")
    finally:
        await notes("cleaned up")


@step
async def notes(what: str) -> None:
    seen.append(what)


async def test_a_workflow_that_takes_too_long_fails_with_a_timeout() -> None:
    run = await start(too_slow)
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert type(caught.value.__cause__) is TimeoutError
    assert seen == ["cleaned up"]
    assert await run.status() == "failed"


@workflow(timeout="1h")
async def fast_enough() -> str:
    return "done"


async def test_a_workflow_within_its_time() -> None:
    run = await start(fast_enough)
    assert await run.result() == "done"
    [limit] = [wait async for wait in run.waits()]
    assert (limit.kind, limit.status) == ("timeout", "cancelled")
    assert timedelta(minutes=59) < limit.due_at - limit.created_at <= timedelta(hours=1)


@workflow(timeout=0.005)
async def catches_its_timeout() -> str:
    try:
        await sleep("1h")
    except asyncio.CancelledError:
        return "caught"
    return "slept"


async def test_a_body_that_catches_its_timeout_has_still_timed_out() -> None:
    """As with asyncio.timeout: who swallows the cancellation ends in time, as far as the block can tell."""
    run = await start(catches_its_timeout)
    assert await run.result() == "caught"


# -- determinism


def reads_a_file() -> None:
    Path(__file__).read_text()


def opens_a_socket() -> None:
    import socket

    socket.socket()


def sleeps_in_the_thread() -> None:
    time.sleep(0.001)


def asks_the_network() -> None:
    asyncio.get_running_loop().add_signal_handler(1, print)


ACTS: dict[str, typing.Callable[[], None]] = {
    "file": reads_a_file,
    "socket": opens_a_socket,
    "sleep": sleeps_in_the_thread,
    "signal": asks_the_network,
}


@workflow
async def does_io(what: str, caught: bool) -> str:
    try:
        ACTS[what]()
    except DeterminismError as error:
        if not caught:
            raise
        return str(error)
    return "done"


@pytest.mark.parametrize("what", [*ACTS])
async def test_io_in_a_body_is_an_error_with_the_line_and_the_way_out(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = await start(does_io, what, True)
    sentence = await run.result()
    line = ACTS[what].__code__.co_firstlineno
    assert f" in a workflow's body, at {__file__}:" in sentence
    assert any(f"{__file__}:{line + n}: a replay would not see the same; " in sentence for n in (1, 2, 3)), sentence
    assert sentence in [record.getMessage() for record in caplog.records], "caught or not, it is logged"


async def test_io_in_a_body_that_isnt_caught_fails_the_run() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(does_io, "file", False)).result()
    assert type(caught.value.__cause__) is DeterminismError
    assert str(caught.value.__cause__).startswith("opening a file (")


@workflow
async def reaches_for_the_world(verb: str) -> str:
    try:
        if verb == "find_run":
            await find_run("key")
        elif verb == "list_runs":
            await list_runs()
        elif verb == "configure":
            configure(world="memory://")
        else:
            await close()
    except UsageError as error:
        return str(error)
    return "done"


@pytest.mark.parametrize("verb", ["find_run", "list_runs", "configure", "close"])
async def test_a_body_reaches_the_world_only_through_its_log(verb: str) -> None:
    sentence = await (await start(reaches_for_the_world, verb)).result()
    in_use = "configure was called while a world is in use: `await close()` first"
    assert sentence == (
        in_use if verb == "configure" else "this verb was called in a workflow's body: call it in a step"
    )
