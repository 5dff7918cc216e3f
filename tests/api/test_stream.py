"""Streams: what bodies, steps and children write, and what readers see of it; in every way that a run may go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from perdure import (
    Chunk,
    DecodeError,
    EncodeError,
    FatalError,
    NotInWorkflow,
    Retry,
    Run,
    RunNotFound,
    StreamClosed,
    StreamInfo,
    UsageError,
    Writable,
    get_run,
    get_step_metadata,
    get_writable,
    race,
    sleep,
    start,
    step,
    workflow,
)
from tests.api.following import cause_of, status_of, until
from tests.api.ways import in_every_way, once

pytestmark = pytest.mark.anyio

seen: list[Any] = []
gates: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()


def clean() -> None:
    seen.clear()
    gates.clear()


def gate(name: str) -> asyncio.Event:
    return gates.setdefault(name, asyncio.Event())


async def values(run: Run[Any], namespace: str | None = None, **more: Any) -> list[Any]:
    return [value async for value in run.readable(namespace=namespace, **more)]


async def chunks(run: Run[Any], namespace: str | None = None) -> list[tuple[int, Any, int]]:
    """Index, value, attempt."""
    return [(chunk.index, chunk.value, chunk.attempt) async for chunk in run.read_chunks(namespace=namespace)]


@dataclass
class Progress:
    done: int
    what: str = ""


# -- what a body writes


@step(name="streams:goes")
async def goes(what: str) -> str:
    return what


@workflow(name="streams:telling")
async def telling() -> str:
    out = get_writable(str)
    await out.write("begins")
    await goes("first")
    await out.write_from(["one", "two"])
    await asyncio.gather(goes("second"), sleep("0.05s"))
    await out.write("ends")
    return "told"


def test_a_body_writes_exactly_once() -> None:
    async def act() -> Any:
        run = await start(telling)
        return await run.result(), await chunks(run)

    told = [(0, "begins", 0), (1, "one", 0), (2, "two", 0), (3, "ends", 0)]
    in_every_way(act, telling, goes, gives=("told", told))


def test_a_reader_follows_it_live() -> None:
    """Begun before anything is written, it sees all of it, and ends with the run."""

    async def act() -> Any:
        run = await start(telling)
        followed = await values(run)
        assert await run.status() == "completed"
        return followed

    in_every_way(act, telling, goes, gives=["begins", "one", "two", "ends"])


def test_a_reader_that_was_cut_off_goes_on_where_it_was() -> None:
    async def act() -> Any:
        run = await start(telling)
        read: list[Any] = []
        while True:
            async for chunk in run.read_chunks(start_index=len(read)):
                assert chunk.index == len(read)
                read.append(chunk.value)
                break
            else:
                return read

    in_every_way(act, telling, goes, gives=["begins", "one", "two", "ends"])


# -- what a step writes


@step(name="streams:draws", retry=Retry(max_retries=2, delay=0.01, jitter=0))
async def draws(atomic: bool, fails: int = 0) -> str:
    async with get_writable(str, namespace="atomic" if atomic else None, atomic=atomic) as out:
        for part in ("head", "body", "tail"):
            await out.write(part)
            if part == "body" and get_step_metadata().attempt <= fails:
                raise ConnectionError("cut off")
    return "drawn"


@workflow(name="streams:picture")
async def picture(atomic: bool, fails: int) -> str:
    return await draws(atomic, fails)


@pytest.mark.parametrize("fails", [0, 2])
def test_an_atomic_stream_shows_nothing_twice(fails: int) -> None:
    """Whatever fails or dies: the chunks are committed with the step's completion, or not at all."""

    async def act() -> Any:
        run = await start(picture, True, fails)
        return await run.result(), await values(run, "atomic")

    in_every_way(act, picture, draws, gives=("drawn", ["head", "body", "tail"]))


def test_all_of_an_atomic_stream_is_of_the_attempt_that_completed() -> None:
    async def act() -> Any:
        run = await start(picture, True, 1)
        await run.result()
        return await chunks(run, "atomic")

    assert once(act, picture, draws)[0] == [(0, "head", 2), (1, "body", 2), (2, "tail", 2)]


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_chunks_of_failed_attempts_stay_and_those_of_the_next_follow(fails: int) -> None:
    async def act() -> Any:
        run = await start(picture, False, fails)
        await run.result()
        read = await chunks(run)
        assert [index for index, _, _ in read] == list(range(len(read)))
        attempts = [attempt for _, _, attempt in read]
        assert attempts == sorted(attempts)
        last = [value for _, value, attempt in read if attempt == attempts[-1]]
        return last, {value for _, value, _ in read} == {"head", "body", "tail"}

    in_every_way(act, picture, draws, gives=(["head", "body", "tail"], True))
    assert len(once(_whole(fails), picture, draws)[0]) == 3 + 2 * fails


def _whole(fails: int) -> Any:
    async def act() -> Any:
        run = await start(picture, False, fails)
        await run.result()
        return await chunks(run)

    return act


@step(name="streams:releases")
async def releases() -> str:
    """Wins its race, or doesn't."""
    async with get_writable(str, atomic=True) as out:
        await out.write("kept")
    await sleep("1s")
    return "completed"


@workflow(name="streams:racing")
async def racing() -> str:
    return await race(releases(), sleep("1s", result="in time"), sleep("1s", result="as well"))


def test_what_was_kept_for_a_step_that_lost_is_not_written() -> None:
    """Its completion is not in the log: nor are its chunks."""

    async def act() -> Any:
        run = await start(racing)
        await run.result()
        completed = [event.key async for event in run.events() if event.type == "step_completed"]
        return await values(run) == ["kept"] * len(completed)

    in_every_way(act, racing, releases, gives=True)


# -- handed on


@step(name="streams:writes_into")
async def writes_into(out: Writable[str], what: str) -> None:
    await out.write(what)


@workflow(name="streams:child")
async def child(out: Writable[str]) -> None:
    await out.write("the child's body")
    await writes_into(out, "the child's step")
    await get_writable(str).write("the child's own")


@workflow(name="streams:parent")
async def parent() -> str:
    out = get_writable(str, namespace="shared")
    await out.write("the parent's body")
    await writes_into(out, "the parent's step")
    run = await start(child, out)
    await get_run(run.run_id).result()
    return run.run_id


def test_a_writable_is_handed_to_steps_and_children() -> None:
    """The stream stays the parent's, wherever its chunks come from. (A step that is repeated may write once more.)"""

    async def act() -> Any:
        run = await start(parent)
        child_id = await run.result()
        shared = await values(run, "shared")
        assert shared.count("the parent's body") == shared.count("the child's body") == 1
        assert [each.namespace async for each in run.streams()] == ["shared"]
        return list(dict.fromkeys(shared)), await values(get_run(child_id))

    told = ["the parent's body", "the parent's step", "the child's body", "the child's step"]
    in_every_way(act, parent, child, writes_into, gives=(told, ["the child's own"]))


def test_chunks_tell_whose_they_are() -> None:
    async def act() -> Any:
        run = await start(parent)
        child_id = await run.result()
        steps = {info.step_id for whose in (run, get_run(child_id)) for info in (await whose.steps()).items}
        found = [chunk async for chunk in run.read_chunks(namespace="shared")]
        return [(chunk.step_id in steps if chunk.step_id else None, chunk.attempt) for chunk in found]

    assert once(act, parent, child, writes_into)[0] == [(None, 0), (True, 1), (None, 0), (True, 1)]


@workflow(name="streams:orphan")
async def orphan(out: Writable[str]) -> str:
    """Goes on after its parent has ended."""
    await sleep("2s")
    try:
        await writes_late(out)
    except StreamClosed as error:
        return f"{error.namespace} is closed"
    return "written"


@step(name="streams:writes_late", max_retries=0)
async def writes_late(out: Writable[str]) -> None:
    await out.write("too late")
    await out.drain()


@workflow(name="streams:leaving")
async def leaving() -> str:
    return (await start(orphan, get_writable(str, namespace="shared"))).run_id


def test_the_stream_of_a_run_that_has_ended_takes_nothing() -> None:
    async def act() -> Any:
        run = await start(leaving)
        child_id = await run.result()
        return await get_run(child_id).result(), await values(run, "shared")

    given, _ = once(act, leaving, orphan, writes_late)
    assert given == ("shared is closed", [])


# -- closed


@workflow(name="streams:closing")
async def closing() -> list[str]:
    out = get_writable(str, namespace="log")
    await out.write("all")
    await out.close()
    told = []
    for attempt in (out.write("more"), out.close(), writes_and_drains("log")):
        try:
            await attempt
        except StreamClosed as error:
            told.append(str(error))
    await get_writable().write("elsewhere")
    return told


@step(name="streams:writes_and_drains", retry=Retry(max_retries=0))
async def writes_and_drains(namespace: str) -> None:
    async with get_writable(str, namespace=namespace) as out:
        await out.write("a step's")


def test_a_closed_stream_takes_nothing_more() -> None:
    async def act() -> Any:
        run = await start(closing)
        told = await run.result()
        sentence = f"the stream 'log' of run {run.run_id} is closed: write before it is, or to another namespace"
        return told == [sentence] * 3, await values(run, "log"), await values(run)

    in_every_way(act, closing, writes_and_drains, gives=(True, ["all"], ["elsewhere"]))


@step(name="streams:closes", retry=Retry(max_retries=0))
async def closes(atomic: bool) -> str:
    out = get_writable(str, atomic=atomic)
    await out.write("all")
    await out.close()
    try:
        await out.write("more")
    except StreamClosed:
        return "refused"
    return "accepted"


@workflow(name="streams:closed_by_a_step")
async def closed_by_a_step(atomic: bool) -> str:
    return await closes(atomic)


@pytest.mark.parametrize("atomic", [False, True])
async def test_a_step_closes_a_stream(atomic: bool) -> None:
    run = await start(closed_by_a_step, atomic)
    assert await run.result() == "refused"
    assert await values(run) == ["all"]
    assert (await run.stream_info()).closed


async def test_readers_come_to_the_end_of_a_closed_stream_while_the_run_goes_on() -> None:
    run = await start(closes_and_sleeps)
    assert await values(run) == ["all"]
    assert await run.status() == "running"
    await run.cancel()


@workflow
async def closes_and_sleeps() -> None:
    await get_writable().write("all")
    await get_writable().close()
    await sleep("1h")


@step(name="streams:breaks", retry=Retry(max_retries=0))
async def breaks() -> None:
    if not seen:
        raise FatalError("broken")


@workflow(name="streams:breaking")
async def breaking() -> str:
    out = get_writable(str)
    await out.write("before")
    await breaks()
    await out.write("after")
    return "mended"


def test_a_retry_in_place_opens_the_streams_that_the_end_has_closed() -> None:
    async def act() -> Any:
        run = await start(breaking)
        await status_of(run, end="failed")
        assert await values(run) == ["before"], "it is closed while the run is over"
        seen.append("mended")
        await run.retry()
        return await run.result(), await values(run)

    in_every_way(act, breaking, breaks, gives=("mended", ["before", "after"]), before=clean)


# -- live


@step
async def waits_between(count: int) -> None:
    out = get_writable(int)
    for number in range(count):
        await gate(f"write {number}").wait()
        await out.write(number)
        await out.drain()


@workflow
async def paced(count: int) -> None:
    await waits_between(count)


async def test_each_chunk_is_seen_before_the_next_is_written() -> None:
    run = await start(paced, 3)
    gate("write 0").set()
    read: list[int] = []
    async for number in run.readable(int):
        assert (await run.stream_info()).tail_index == number
        assert number == 2 or await run.status() == "running"
        read.append(number)
        gate(f"write {len(read)}").set()
    assert read == [0, 1, 2]


async def test_many_readers_see_the_same() -> None:
    run = await start(paced, 3)
    readers = [asyncio.create_task(values(run)) for _ in range(4)]
    for number in range(3):
        gate(f"write {number}").set()
    assert await asyncio.gather(*readers) == [[0, 1, 2]] * 4


@step
async def writes_lazily() -> None:
    await get_writable().write("lazily")
    await gate("lazily").wait()


@workflow
async def lazy() -> None:
    await writes_lazily()


async def test_a_chunk_goes_soon_though_nobody_drains() -> None:
    run = await start(lazy)
    reader = run.readable()
    assert await anext(reader) == "lazily"
    assert await run.status() == "running"
    gate("lazily").set()
    await run.result()
    await reader.aclose()


@step
async def writes_much(count: int) -> int:
    out = get_writable(bytes)
    for _ in range(count):
        await out.write(b"x" * 1_000_000)
    return count


@workflow
async def much(count: int) -> int:
    return await writes_much(count)


async def test_a_writer_waits_while_much_is_on_its_way() -> None:
    run = await start(much, 10)
    tails: set[int] = set()
    async for _ in run.readable(bytes):
        tails.add((await run.stream_info()).tail_index)
    assert await run.result() == 10
    assert (await run.stream_info()).tail_index == 9
    assert min(tails) < 9, "it was written little by little"


@step
async def writes_without_a_pause(count: int) -> None:
    out = get_writable(int)
    for number in range(count):
        await out.write(number)
    seen.append("written")


@workflow
async def unpaused(count: int) -> None:
    await writes_without_a_pause(count)


async def test_others_go_on_while_a_step_writes_without_a_pause() -> None:
    async def others() -> None:
        while "written" not in seen:
            seen.append("others")
            await asyncio.sleep(0)

    run = await start(unpaused, 5000)
    going_on = asyncio.create_task(others())
    assert await values(run) == list(range(5000))
    await going_on
    assert seen.count("others") >= 15


# -- values


VALUES: list[Any] = [
    "text", b"\0bytes\xff", 7, None, [1, {"deep": (2,)}], Progress(done=1, what="x"), {"a": Progress(done=2)}, {1, 2},
]  # fmt: skip


@workflow
async def writes_values(by: str) -> None:
    if by == "body":
        await get_writable().write_from(VALUES)
    else:
        await writes_all_values()


@step
async def writes_all_values() -> None:
    await get_writable().write_from(VALUES)


@pytest.mark.parametrize("by", ["body", "step"])
async def test_values_of_every_kind_come_back(by: str) -> None:
    assert await values(await start(writes_values, by)) == VALUES


@workflow
async def progresses() -> None:
    out = get_writable(Progress, namespace="progress")
    await out.write(Progress(done=1))
    await out.write({"done": 2, "what": "plain"})  # type: ignore[arg-type]


async def test_a_reader_says_which_type_it_wants() -> None:
    run = await start(progresses)
    typed = [each async for each in run.readable(Progress, namespace="progress")]
    assert typed == [Progress(done=1), Progress(done=2, what="plain")]
    read = [each async for each in run.read_chunks(Progress, namespace="progress")]
    assert [each.value for each in read] == typed


async def test_a_chunk_that_doesnt_fit_the_readers_type() -> None:
    run = await start(progresses)
    await run.result()
    with pytest.raises(DecodeError) as caught:
        [each async for each in run.readable(int, namespace="progress")]
    assert caught.value.path == "chunk"


@workflow
async def writes_an_iterator() -> None:
    await writes_from_both()


@step
async def writes_from_both() -> None:
    async def slowly() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async with get_writable(int) as out:
        await out.write_from(slowly())
        await out.write_from(range(3, 5))


async def test_all_of_an_iterator() -> None:
    assert await values(await start(writes_an_iterator)) == [0, 1, 2, 3, 4]


@workflow
async def writes_in_parallel() -> None:
    await asyncio.gather(*(writes_lines(name) for name in "ab"))


@step
async def writes_lines(name: str) -> None:
    async with get_writable(str) as out:
        for number in range(50):
            await out.write(f"{name}{number}")


async def test_each_of_two_parallel_steps_keeps_its_order() -> None:
    run = await start(writes_in_parallel)
    read = await values(run)
    assert len(read) == 100
    for name in "ab":
        assert [each for each in read if each[0] == name] == [f"{name}{number}" for number in range(50)]


# -- from where


@pytest.mark.parametrize(
    ("start_index", "read"),
    [(0, ["begins", "one", "two", "ends"]), (3, ["ends"]), (4, []), (-1, ["ends"]), (-2, ["two", "ends"]), (-99, None)],
)
async def test_from_an_index_or_from_the_tail(start_index: int, read: list[str] | None) -> None:
    run = await start(telling)
    await run.result()
    assert await values(run, start_index=start_index) == (
        read or (["begins", "one", "two", "ends"] if read is None else [])
    )
    first = {0: 0, 3: 3, -1: 3, -2: 2, -99: 0}.get(start_index)
    async for chunk in run.read_chunks(start_index=start_index):
        assert chunk.index == first
        break


async def test_an_index_past_the_tail() -> None:
    run = await start(telling)
    await run.result()
    with pytest.raises(UsageError) as caught:
        await values(run, start_index=5)
    assert str(caught.value) == "start_index=5 is past the stream's end: it has 4 chunks so far"


async def test_the_tail_of_a_stream_that_is_being_written() -> None:
    run = await start(paced, 4)
    for number in range(2):
        gate(f"write {number}").set()

    async def has_two() -> bool:
        return (await run.stream_info()).tail_index == 1

    await until(has_two)
    reader = run.readable(int, start_index=-1)
    assert await anext(reader) == 1
    for number in range(2, 4):
        gate(f"write {number}").set()
    assert [number async for number in reader] == [2, 3]


async def test_a_namespace_that_nobody_wrote_waits_and_then_ends() -> None:
    run = await start(paced, 1)
    reader = asyncio.create_task(values(run, "nobody's"))
    gate("write 0").set()
    await run.result()
    assert await reader == []
    assert await run.stream_info("nobody's") == StreamInfo(namespace="nobody's", tail_index=-1, closed=True)


async def test_it_waits_while_the_run_lives() -> None:
    run = await start(paced, 1)
    reader = asyncio.create_task(values(run, "nobody's"))
    assert await run.stream_info("nobody's") == StreamInfo(namespace="nobody's", tail_index=-1, closed=False)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not reader.done()
    gate("write 0").set()
    await reader


async def test_a_run_that_isnt_there() -> None:
    nobody = get_run("wrun_00000000000000000000000000")
    for look in (values(nobody), chunks(nobody), nobody.stream_info(), nobody.streams()):
        with pytest.raises(RunNotFound):
            await look


# -- what people see


@workflow
async def two_streams() -> None:
    await get_writable(namespace="logs").write("a line")
    out = get_writable()
    await out.write(1)
    await out.write(2)
    await get_writable(namespace="empty").close()


async def test_the_streams_of_a_run() -> None:
    run = await start(two_streams)
    await run.result()
    listed = [each async for each in run.streams()]
    assert listed == [
        StreamInfo(namespace=None, tail_index=1, closed=True),
        StreamInfo(namespace="empty", tail_index=-1, closed=True),
        StreamInfo(namespace="logs", tail_index=0, closed=True),
    ]
    assert [await run.stream_info(each.namespace) for each in listed] == listed
    assert listed[0].as_json() == {"namespace": None, "tailIndex": 1, "closed": True}


async def test_a_chunk_as_json() -> None:
    run = await start(progresses)
    [first, _] = [chunk async for chunk in run.read_chunks(Progress, namespace="progress")]
    assert isinstance(first, Chunk)
    assert first.as_json()["index"] == 0
    assert (first.as_json()["stepId"], first.as_json()["attempt"]) == (None, 0)


@workflow
async def shows_itself() -> list[str]:
    return [repr(get_writable()), repr(get_writable(namespace="logs"))]


async def test_a_writable_says_which_stream_it_is() -> None:
    run = await start(shows_itself)
    assert await run.result() == [f"<stream default of {run.run_id}>", f"<stream logs of {run.run_id}>"]


@step
async def returns_it(out: Writable[Any]) -> Writable[Any]:
    return out


@workflow
async def passes_it_around(namespace: str | None, atomic: bool) -> list[Any]:
    out = await returns_it(get_writable(namespace=namespace, atomic=atomic))
    await out.write("through a step")
    return [out.run_id, out.namespace, out.atomic]


@pytest.mark.parametrize("namespace", [None, "logs", "a/b", "ünï çødé", "x" * 256])
@pytest.mark.parametrize("atomic", [False, True])
async def test_a_writable_stays_what_it_is_on_the_way(namespace: str | None, atomic: bool) -> None:
    run = await start(passes_it_around, namespace, atomic)
    assert await run.result() == [run.run_id, namespace, atomic]
    assert await values(run, namespace) == ["through a step"]


# -- bad input


NAMES: list[tuple[Any, str]] = [
    ("", "namespace='' can't name a stream: give 1 to 256 characters, the first not '~'"),
    ("x" * 257, f"namespace='{'x' * 257}' can't name a stream: give 1 to 256 characters, the first not '~'"),
    ("~reply/1", "namespace='~reply/1' can't name a stream: give 1 to 256 characters, the first not '~'"),
    (7, "namespace=7 is of type int: give a text, such as '7'"),
    ("\ud800", "namespace='\\ud800' holds half of a surrogate pair, which is no text: mend it first"),
]


@workflow
async def names_badly(number: int) -> None:
    get_writable(namespace=NAMES[number][0])


@pytest.mark.parametrize("number", range(len(NAMES)))
async def test_a_namespace_that_cant_be(number: int) -> None:
    run = await start(names_badly, number)
    namespace, sentence = NAMES[number]
    error = await cause_of(run)
    assert (type(error), str(error)) == (UsageError, sentence)
    for look in (lambda: values(run, namespace), lambda: run.stream_info(namespace)):
        with pytest.raises(UsageError) as caught:
            await look()
        assert str(caught.value) == sentence


@step(max_retries=0)
async def writes_what_cant_be() -> None:
    await get_writable().write({"rows": [1, object()]})


@workflow
async def encodes_badly() -> None:
    await writes_what_cant_be()


async def test_a_chunk_that_cant_be_encoded() -> None:
    run = await start(encodes_badly)
    error = await cause_of(run)
    assert isinstance(error, EncodeError)
    assert error.path == 'chunk["rows"][1]'
    assert await values(run) == []


async def test_only_workflows_and_steps_write() -> None:
    for write in (get_writable, lambda: get_writable(str, namespace="logs")):
        with pytest.raises(NotInWorkflow) as caught:
            write()
        assert str(caught.value) == (
            "get_writable was called outside of a workflow: only a workflow and its steps write to streams"
        )


async def test_a_writable_that_was_taken_outside_is_of_no_use_there() -> None:
    out: Writable[Any] = Writable("wrun_00000000000000000000000000")
    for attempt in (out.write(1), out.drain(), out.close()):
        with pytest.raises(NotInWorkflow):
            await attempt


@workflow
async def reads_in_a_body() -> None:
    async for _ in get_run("wrun_00000000000000000000000000").readable():
        pass


async def test_a_body_reads_no_stream() -> None:
    error = await cause_of(await start(reads_in_a_body))
    assert (type(error), str(error)) == (
        UsageError,
        "this verb was called in a workflow's body: call it in a step",
    )


LATE: list[asyncio.Task[Any]] = []


@step
async def leaves_a_task_behind() -> str:
    out = get_writable()

    async def late() -> None:
        await gate("late").wait()
        await out.write("too late")

    LATE.append(asyncio.create_task(late()))
    return "gone"


@workflow
async def leaves_it() -> str:
    return await leaves_a_task_behind()


async def test_what_an_attempt_writes_after_its_end_is_refused() -> None:
    run = await start(leaves_it)
    assert await run.result() == "gone"
    gate("late").set()
    with pytest.raises(StreamClosed):
        await LATE.pop()
    assert await values(run) == []


# -- what the end writes


@workflow(name="streams:parting")
async def parting(how: str) -> str:
    out = get_writable(str)
    await out.write_at_end(completed=["never"])
    await out.write_at_end(completed=["all", "done"], failed=["sorry"], cancelled=["stopped"])
    await out.write(await goes("on"))
    if how == "fails":
        raise ValueError(how)
    if how == "waits":
        await sleep("1h")
    return how


@pytest.mark.parametrize(("how", "chunks"), [("goes", ["on", "all", "done"]), ("fails", ["on", "sorry"])])
def test_an_end_writes_what_it_was_given(how: str, chunks: list[str]) -> None:
    async def act() -> list[str]:
        return await values(await start(parting, how))

    in_every_way(act, parting, goes, gives=chunks)


@pytest.mark.parametrize("grace", [None, 0])
def test_so_does_one_that_is_brought_about_from_outside(grace: int | None) -> None:
    async def act() -> list[str]:
        run = await start(parting, "waits")
        reading = run.readable(str)
        first = await anext(reading)
        await run.cancel(grace=grace)
        return [first, *[value async for value in reading]]

    in_every_way(act, parting, goes, gives=["on", "stopped"])


@step(name="streams:oversteps")
async def oversteps(out: Writable[str]) -> None:
    await out.write_at_end(completed=["x"])


@workflow(name="streams:overstepping")
async def overstepping(other: Writable[str]) -> list[str]:
    said: list[str] = []
    for attempt in (oversteps(get_writable(str)), other.write_at_end(failed=["x"])):
        try:
            await attempt
        except (NotInWorkflow, UsageError) as error:
            said.append(str(error))
    return said


def test_last_words_are_for_a_body_and_streams_of_its_own() -> None:
    async def act() -> list[str]:
        return await (await start(overstepping, Writable("wrun_00HF7YAT00YPRPA8JAB2VS3WER"))).result()

    said, _ = once(act, overstepping, oversteps)
    assert said == [
        "write_at_end was called outside of a workflow: only a workflow's body knows how its run goes on",
        "write_at_end is for a run's own streams: this one is of run wrun_00HF7YAT00YPRPA8JAB2VS3WER",
    ]
