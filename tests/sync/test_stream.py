"""Streams in sync steps: what they write, on which loop, and what a thread hears whose attempt is over."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import perdure
from perdure import sync
from perdure.sync import (
    EncodeError,
    NotInWorkflow,
    Retry,
    StreamClosed,
    UsageError,
    Writable,
    configure,
    get_step_metadata,
    get_writable,
    start,
    step,
    workflow,
)
from tests.sync.program import background_threads, refusal, wait_until

MANY = 1000


@step(retry=Retry(delay=0.001))
def counts(atomic: bool) -> int:
    attempt = get_step_metadata().attempt
    with get_writable(int, atomic=atomic) as out:
        for n in range(MANY):
            out.write(n)
        out.drain()
        if attempt == 1:
            raise ValueError("after the last chunk")
    return attempt


@workflow
async def counting(atomic: bool) -> int:
    return await counts(atomic)


@pytest.mark.parametrize("world", ["memory", "sqlite"])
def test_a_thousand_chunks_and_a_retry(world: str, tmp_path: Any) -> None:
    sync.close()
    configure(world="memory://" if world == "memory" else f"sqlite:///{tmp_path}/runs.db")
    run = start(counting, False)
    assert run.result() == 2
    chunks = list(run.read_chunks(int))
    assert [chunk.index for chunk in chunks] == [*range(2 * MANY)]
    assert [(chunk.attempt, chunk.value) for chunk in chunks] == [(n, v) for n in (1, 2) for v in range(MANY)]
    [info] = run.steps()
    assert {chunk.step_id for chunk in chunks} == {info.step_id}


def test_an_atomic_stream_shows_nothing_of_the_attempt_that_failed() -> None:
    run = start(counting, True)
    assert run.result() == 2
    assert [(chunk.attempt, chunk.value) for chunk in run.read_chunks()] == [(2, n) for n in range(MANY)]


def test_chunks_can_be_read_while_the_step_still_runs() -> None:
    run = start(lingering)
    values = run.readable(str)
    assert next(values) == "begun"
    assert run.status() == "running"
    TURNSTILE.set()
    assert list(values) == ["ended"]
    assert run.result() is None


TURNSTILE = threading.Event()


@step
def lingers() -> None:
    out = get_writable(str)
    out.write("begun")
    assert TURNSTILE.wait(60)
    out.write("ended")


@workflow
async def lingering() -> None:
    TURNSTILE.clear()
    await lingers()


async def letters() -> AsyncIterator[str]:
    for letter in "abc":
        await asyncio.sleep(0)
        yield letter


def digits() -> Iterator[str]:
    """Runs in the step's thread, as blocking code must."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    yield from "123"


@step
def writes_from() -> list[Any]:
    with get_writable(str, namespace="mixed") as out:
        out.write_from(letters())
        out.write_from(digits())
        out.write_from(["x", "y"])
    out.close()
    refused: list[str] = []
    for write in (lambda: out.write("z"), lambda: out.write_from(["z"]), out.close):
        try:
            write()
        except StreamClosed as error:
            refused.append(error.namespace or "")
    return [repr(out) == f"<stream mixed of {out.run_id}>", refused]


@workflow
async def writing_from() -> list[Any]:
    return await writes_from()


def test_write_from_and_a_close() -> None:
    run = start(writing_from)
    assert run.result() == [True, ["mixed", "mixed", "mixed"]]
    assert "".join(run.readable(str, namespace="mixed")) == "abc123xy"
    assert run.stream_info("mixed").closed


@step
def writes_late() -> str:
    out = get_writable(int)
    try:
        out.write(2)
        out.drain()
    except StreamClosed as error:
        return str(error)
    return "drained"


@workflow
async def closes_first() -> str:
    out = perdure.get_writable(int)
    await out.write(1)
    await out.close()
    return await writes_late()


def test_a_stream_that_the_body_has_closed() -> None:
    run = start(closes_first)
    assert run.result() == (
        f"the default stream of run {run.run_id} is closed: write before it is, or to another namespace"
    )
    assert list(run.readable(int)) == [1]


@step
def writes_one(word: str) -> None:
    get_writable(str).write(word)


@workflow
async def alternates() -> None:
    out = perdure.get_writable(str)
    await out.write("body 1")
    await writes_one("step 1")
    await out.write("body 2")
    await writes_one("step 2")
    await out.write("body 3")


def test_chunks_of_the_body_come_before_those_of_the_step_that_it_then_calls() -> None:
    run = start(alternates)
    run.result()
    assert list(run.readable(str)) == ["body 1", "step 1", "body 2", "step 2", "body 3"]


@step(max_retries=0)
def writes_what_is_none() -> None:
    with get_writable() as out:
        out.write(object())


@workflow
async def writing_what_is_none() -> str:
    try:
        await writes_what_is_none()
    except EncodeError as error:
        return error.path
    return "written"


def test_a_chunk_that_cant_be_encoded() -> None:
    assert start(writing_what_is_none).result() == "chunk"


# -- a thread goes on after its attempt is over


class Straggler:
    """What the thread of a step does once its attempt is over, and hears."""

    def __init__(self) -> None:
        self.may_go_on, self.began, self.over = threading.Event(), threading.Event(), threading.Event()
        self.heard: list[str] = []

    def write(self, attempt: int, atomic: bool) -> None:
        out = get_writable(str, atomic=atomic)
        out.write(f"{attempt}: in time")
        if not atomic:
            out.drain()
        self.began.set()
        assert self.may_go_on.wait(60)
        for call in (lambda: out.write(f"{attempt}: late"), out.drain, out.close):
            try:
                call()
                self.heard.append("nothing")
            except StreamClosed:
                self.heard.append("StreamClosed")
        self.over.set()


STRAGGLER = Straggler()


@step(max_retries=0)
def straggles(atomic: bool) -> None:
    STRAGGLER.write(1, atomic)


@workflow
async def straggling(atomic: bool) -> None:
    await straggles(atomic)


@workflow
async def outlived(atomic: bool) -> str:
    """The run lives on when the step is cancelled."""
    async with perdure.timeout("1h"):
        return await perdure.race(straggles(atomic), perdure.sleep("1h", result="raced"))


def heard(atomic: bool) -> list[str]:
    """By the calls of a straggler; nothing is drained of what waits for a completion."""
    return ["StreamClosed", "nothing" if atomic else "StreamClosed", "StreamClosed"]


@pytest.fixture
def straggler() -> Iterator[Straggler]:
    global STRAGGLER
    STRAGGLER = Straggler()
    yield STRAGGLER
    STRAGGLER.may_go_on.set()


@pytest.mark.parametrize("atomic", [False, True])
def test_the_thread_of_a_cancelled_run(straggler: Straggler, atomic: bool) -> None:
    run = start(straggling, atomic)
    assert straggler.began.wait(60)
    run.cancel()
    with pytest.raises(perdure.RunCancelled):
        run.result()
    straggler.may_go_on.set()
    assert straggler.over.wait(60)
    assert straggler.heard == heard(atomic)
    assert list(run.readable()) == ([] if atomic else ["1: in time"])


@pytest.mark.parametrize("atomic", [False, True])
def test_the_thread_of_a_cancelled_step_in_a_run_that_goes_on(straggler: Straggler, atomic: bool) -> None:
    run = start(outlived, atomic)
    assert straggler.began.wait(60)
    wait_until(lambda: any(reason.kind == "sleep" for reason in run.info().waiting_for))
    run.wake_up()
    assert run.result() == "raced"
    straggler.may_go_on.set()
    assert straggler.over.wait(60)
    assert straggler.heard == heard(atomic)
    assert list(run.readable()) == ([] if atomic else ["1: in time"])


@step(timeout=0.5, retry=Retry(delay=0.001))
def is_too_slow(atomic: bool) -> int:
    attempt = get_step_metadata().attempt
    if attempt == 1:
        STRAGGLER.write(1, atomic)
    else:
        get_writable(str).write("2: in time")
    return attempt


@workflow
async def timing_out(atomic: bool) -> int:
    return await is_too_slow(atomic)


@pytest.mark.parametrize("atomic", [False, True])
def test_the_thread_of_an_attempt_that_took_too_long(straggler: Straggler, atomic: bool) -> None:
    run = start(timing_out, atomic)
    assert straggler.began.wait(60)
    wait_until(lambda: any(event.type == "step_retrying" for event in run.events()))
    straggler.may_go_on.set()
    assert run.result() == 2
    assert straggler.heard == heard(atomic)
    assert list(run.readable()) == [*([] if atomic else ["1: in time"]), "2: in time"]


# -- handed over


@step
def fills(out: Writable[str], word: str) -> str:
    with out:
        out.write(word)
    return f"{type(out).__module__}:{type(out).__qualname__}"


@step
def passes_on(word: str) -> str:
    child = start(filling, get_writable(str, namespace="words"), word)
    return child.result()


@workflow
async def filling(out: perdure.Writable[str], word: str) -> str:
    return await fills(Writable(out), word)


@workflow
async def handing_over() -> list[str]:
    words = perdure.get_writable(str, namespace="words")
    return [await fills(words, "from the body"), await passes_on("from a child")]  # type: ignore[arg-type]


def test_a_step_gets_the_one_that_it_asks_for_whichever_it_was_handed() -> None:
    run = start(handing_over)
    assert run.result() == ["perdure.sync.stream:Writable"] * 2
    assert list(run.readable(str, namespace="words")) == ["from the body", "from a child"]


# -- where it may not be


def test_outside_of_a_run() -> None:
    with pytest.raises(NotInWorkflow) as caught:
        get_writable()
    assert str(caught.value) == (
        "get_writable was called outside of a workflow: only a workflow and its steps write to streams"
    )
    with pytest.raises(NotInWorkflow):
        Writable[int](perdure.Writable("wrun_" + "0" * 26)).write(1)


@workflow
async def writes_from_its_body() -> list[str]:
    out = get_writable(int)
    found: list[str] = []
    for call in (lambda: out.write(1), lambda: out.write_from([1]), out.drain, out.close):
        try:
            call()
        except UsageError as error:
            found.append(str(error))
    return found


def test_in_a_body() -> None:
    names = ["Writable.write", "Writable.write", "Writable.drain", "Writable.close"]
    assert start(writes_from_its_body).result() == [refusal(name) for name in names]


def test_in_the_worker_of_another_loop_its_loop_takes_the_chunks() -> None:
    sync.close()
    configure(world="memory://")

    async def main() -> list[int]:
        run = await perdure.start(counting, False)
        assert await run.result() == 2
        assert background_threads() == []
        values = [value async for value in run.readable(int)]
        await perdure.close()
        return values

    assert asyncio.run(main()) == [*range(MANY), *range(MANY)]
