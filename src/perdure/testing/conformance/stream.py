"""Streams: chunks numbered from 0 without gaps, kept as they are, and closed at the latest by the end of their run."""

from time import process_time

from msgspec.structs import replace

from perdure.model.ids import StepId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    ENDS,
    TWO,
    Check,
    append_to,
    born,
    chunks_of,
    do,
    done,
    record_of,
    refused,
    row,
    run_id,
    start_of,
    stream_of,
    texts_of,
    writing,
)
from perdure.world import Appended, Chunk, Refusal, StreamRecord, World
from perdure.world.stream import PAGE_BYTES

MANY = 10_000
SECONDS_MAX = 4.0
"""CPU time of this process, for the machine may be busy: several times what it takes a World that looks only where it
must, a fraction of what it takes one that goes through all chunks for each."""


async def a_stream_that_nobody_wrote_is_empty(world: World, clock: VirtualClock) -> None:
    assert await world.streams.read(run_id(1), "log", 0, 10) is None
    assert await world.streams.list(run_id(1)) == ()
    await born(world)
    page = await world.streams.read(run_id(1), "log", 0, 10)
    assert page is not None
    assert (page.record, page.chunks) == (_row(1, "log", 0, closed=False), ())
    await done(world, append_to(1, 3, status="blocked"))
    assert not (await stream_of(world, 1, "log")).record.closed
    await done(world, append_to(1, 4, seize=True, status="cancelled"))
    assert (await stream_of(world, 1, "log")).record == _row(1, "log", 0, closed=True)
    assert await world.streams.list(run_id(1)) == ()


async def chunks_are_kept_with_their_steps(world: World, clock: VirtualClock) -> None:
    await born(world)
    step = StepId("step_1")
    await done(world, writing(1, 0, chunks_of(1, "", b"a", b"", step_id=step, attempt=3), seq=3))
    await done(world, append_to(1, 3, chunks=(chunks_of(1, "", b"\0\xff"),), writes=1))
    page = await stream_of(world)
    assert page.record == _row(1, "", 3, closed=False)
    assert page.chunks == (
        Chunk(index=0, data=b"a", step_id=step, attempt=3),
        Chunk(index=1, data=b"", step_id=step, attempt=3),
        Chunk(index=2, data=b"\0\xff", step_id=None, attempt=0),
    )


async def chunks_are_numbered_by_stream(world: World, clock: VirtualClock) -> None:
    """Whoever writes: several steps, in one append or in many, and other runs."""
    await born(world, 1)
    await born(world, 2)
    a, b = StepId("step_a"), StepId("step_b")
    first = (chunks_of(1, "x", b"1", step_id=a), chunks_of(1, "y", b"2", step_id=b), chunks_of(1, "x", b"3", step_id=b))
    await done(world, writing(1, 0, *first))
    await done(world, writing(2, 0, chunks_of(1, "x", b"4"), chunks_of(2, "x", b"5")))
    await done(world, writing(1, 1, chunks_of(1, "x"), chunks_of(1, "x", b"6", b"7")))
    assert await texts_of(world, 1, "x") == [b"1", b"3", b"4", b"6", b"7"]
    assert await texts_of(world, 1, "y") == [b"2"]
    assert await texts_of(world, 2, "x") == [b"5"]
    assert [chunk.step_id for chunk in (await stream_of(world, 1, "x")).chunks] == [a, b, None, None, None]


async def writes_of_one_commit_see_each_other(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    outcomes = await world.commit(
        [
            writing(1, 0, chunks_of(1, "", b"a")),
            writing(2, 0, chunks_of(1, "", b"b", close=True)),
            writing(1, 1, chunks_of(1, "", b"c")),
            writing(1, 1, chunks_of(1, "", b"d")),
        ]
    )
    told = [outcome.refused if isinstance(outcome, Appended) else None for outcome in outcomes]
    assert told == [(), (), (0,), None]
    assert await texts_of(world) == [b"a", b"b"]


async def a_closed_stream_refuses_alone(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, writing(1, 0, chunks_of(1, "shut", b"a", close=True)))
    assert (await stream_of(world, 1, "shut")).record == _row(1, "shut", 1, closed=True)
    chunks = (
        chunks_of(1, "open", b"b"),
        chunks_of(1, "shut", b"c", b"d"),
        chunks_of(1, "shut", close=True),
        chunks_of(1, "open", b"e", close=True),
        chunks_of(1, "open", b"f"),
    )
    outcome = await done(world, append_to(1, 3, rows=(row(), row()), chunks=chunks, writes=1, attributes={"a": "b"}))
    assert outcome.refused == (1, 2, 4)
    assert (await texts_of(world, 1, "shut"), await texts_of(world, 1, "open")) == ([b"a"], [b"b", b"e"])
    record = await record_of(world)
    assert (record.length, record.writes, record.attributes) == (4, 2, {"a": "b"})


async def a_stream_is_closed_without_chunks(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert (await done(world, writing(1, 0, chunks_of(1, "", close=True), chunks_of(1, "made")))).refused == ()
    assert await world.streams.list(run_id(1)) == (_row(1, "", 0, closed=True), _row(1, "made", 0, closed=False))
    assert (await done(world, writing(1, 1, chunks_of(1, "", b"a")))).refused == (0,)


async def chunks_for_the_dead_or_unknown_are_refused_alone(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, writing(2, 0, chunks_of(2, "", b"a"), status="completed"))
    chunks = (chunks_of(2, "", b"b"), chunks_of(2, "new", b"c"), chunks_of(9, "", b"d"), chunks_of(1, "", b"e"))
    outcome = await done(world, append_to(1, 3, chunks=chunks))
    assert outcome.refused == (0, 1, 2)
    assert (await texts_of(world, 2), await texts_of(world, 1)) == ([b"a"], [b"e"])
    assert await world.streams.list(run_id(2)) == (_row(2, "", 1, closed=True),)
    assert await world.streams.read(run_id(9), "", 0, 10) is None


async def chunks_reach_whoever_is_alive(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await do(world, start_of(2))
    await born(world, 3)
    await done(world, append_to(3, 3, status="blocked"))
    outcome = await done(world, writing(1, 0, chunks_of(2, "", b"a"), chunks_of(3, "", b"b")))
    assert (outcome.refused, await texts_of(world, 2), await texts_of(world, 3)) == ((), [b"a"], [b"b"])


async def an_append_with_chunks_has_its_place(world: World, clock: VirtualClock) -> None:
    """Without rows, nothing else would tell a second try from the next append."""
    await born(world)
    first = writing(1, 0, chunks_of(1, "", b"a"), seq=3)
    await refused(world, writing(1, 1, chunks_of(1, "", b"a"), seq=3), Refusal.PLACE)
    await done(world, first)
    await refused(world, first, Refusal.PLACE)
    await refused(world, writing(1, 1, chunks_of(1, "", b"b"), seq=4), Refusal.PLACE)
    await refused(world, writing(1, 1, chunks_of(1, "", b"b"), seq=3, owner=TWO), Refusal.FENCED)
    await done(world, writing(1, 1, chunks_of(1, "", b"b"), seq=3))
    with_rows = append_to(1, 3, chunks=(chunks_of(1, "", b"c"),), writes=2)
    await refused(world, replace(with_rows, writes=1), Refusal.PLACE)
    await refused(world, replace(with_rows, writes=3), Refusal.PLACE)
    await done(world, with_rows)
    assert await texts_of(world) == [b"a", b"b", b"c"]
    assert (await record_of(world)).writes == 3


async def appends_with_chunks_are_counted(world: World, clock: VirtualClock) -> None:
    """Also where all of the chunks were refused; and of appends without any, `writes` says nothing."""
    await born(world, 1)
    await born(world, 2)
    assert (await record_of(world)).writes == 0
    await done(world, writing(1, 0, chunks_of(1, "", b"a"), chunks_of(2, "", b"b"), chunks_of(9, "", b"c")))
    await done(world, writing(1, 1, chunks_of(9, "", b"d")))
    await done(world, append_to(1, 3))
    await done(world, append_to(1, 4, writes=7))
    assert [(await record_of(world, number)).writes for number in (1, 2)] == [2, 0]


async def an_end_keeps_its_chunks_and_closes(world: World, clock: VirtualClock) -> None:
    for number, status in enumerate(ENDS, 1):
        await born(world, number)
        await born(world, number + 10)
        await done(world, writing(number + 10, 0, chunks_of(number + 10, "a", b"x")))
        await done(world, writing(number, 0, chunks_of(number, "a", b"1"), chunks_of(number, "b", b"2")))
        last = (chunks_of(number, "a", b"3"), chunks_of(number, "c", b"4"))
        outcome = await done(world, append_to(number, 3, status=status, chunks=last, writes=1))
        assert outcome.refused == ()
        assert await texts_of(world, number, "a") == [b"1", b"3"]
        assert await world.streams.list(run_id(number)) == (
            _row(number, "a", 2, closed=True),
            _row(number, "b", 1, closed=True),
            _row(number, "c", 1, closed=True),
        )
        assert not (await stream_of(world, number + 10, "a")).record.closed
        assert (await done(world, writing(number + 10, 1, chunks_of(number, "a", b"5")))).refused == (0,)


async def a_seizure_that_ends_a_run_closes_its_streams(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, writing(1, 0, chunks_of(1, "", b"a")))
    await done(world, append_to(1, 3, release=True, wake_at_ms=clock()))
    assert not (await stream_of(world)).record.closed
    await done(world, append_to(1, 4, seize=True, status="cancelled"))
    assert (await stream_of(world)).record.closed


async def a_refused_append_writes_no_chunk(world: World, clock: VirtualClock) -> None:
    """`refused` compares all streams before and after."""
    await born(world)
    await done(world, writing(1, 0, chunks_of(1, "", b"a")))
    chunks = (chunks_of(1, "", b"b"), chunks_of(1, "new", close=True))
    await refused(world, append_to(1, 9, chunks=chunks, writes=1), Refusal.PLACE)
    await refused(world, append_to(1, 3, chunks=chunks, writes=1, due_ms=clock() + 1), Refusal.EARLY)
    assert (await record_of(world)).writes == 1


async def a_stream_is_read_from_an_index(world: World, clock: VirtualClock) -> None:
    await born(world)
    texts = [b"%d" % number for number in range(10)]
    await done(world, writing(1, 0, chunks_of(1, "x", *texts), chunks_of(1, "y", b"other")))
    for from_index, limit, expected in (
        (0, 10, texts),
        (0, 99, texts),
        (0, 3, texts[:3]),
        (3, 3, texts[3:6]),
        (8, 3, texts[8:]),
        (9, 1, texts[9:]),
        (10, 5, []),
        (99, 5, []),
        (0, 0, []),
        (5, 0, []),
    ):
        page = await world.streams.read(run_id(1), "x", from_index, limit)
        assert page is not None
        assert [chunk.data for chunk in page.chunks] == expected, (from_index, limit)
        assert [chunk.index for chunk in page.chunks] == list(range(from_index, from_index + len(expected)))
        assert page.record == _row(1, "x", 10, closed=False)


async def a_page_is_bounded(world: World, clock: VirtualClock) -> None:
    """It ends with the chunk that fills it, and so never without any."""
    await born(world)
    half = bytes(PAGE_BYTES // 2)
    await done(world, writing(1, 0, chunks_of(1, "", half, half[1:], b"a", b"b", half + half, b"c")))
    sizes: list[int] = []
    for from_index in (0, 1, 3, 4, 5):
        page = await world.streams.read(run_id(1), "", from_index, 100)
        assert page is not None
        assert page.record.length == 6
        assert [chunk.index for chunk in page.chunks] == list(range(from_index, from_index + len(page.chunks)))
        sizes.append(len(page.chunks))
    assert sizes == [3, 4, 2, 1, 1]


async def streams_are_listed_by_name(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    names = ["b", "", "a", "B", "é", "ab", "~reply/1", "\U0001f600", "\uffff"]
    await done(world, writing(1, 0, *(chunks_of(1, name, b"x") for name in names)))
    await done(world, writing(2, 0, chunks_of(2, "other", b"x")))
    assert [stream.stream for stream in await world.streams.list(run_id(1))] == sorted(names)
    assert await world.streams.list(run_id(2)) == (_row(2, "other", 1, closed=False),)


async def many_chunks_stay_fast(world: World, clock: VirtualClock) -> None:
    await born(world)
    begun_at = process_time()
    for first in range(0, MANY, 200):
        texts = [b"%d" % number for number in range(first, first + 200)]
        appends = [writing(1, first + place, chunks_of(1, "", text)) for place, text in enumerate(texts)]
        assert {type(outcome) for outcome in await world.commit(appends)} == {Appended}
        assert process_time() - begun_at < SECONDS_MAX, f"{SECONDS_MAX} s for the first {first} of {MANY} chunks"
    for first in range(0, MANY, 100):
        page = await world.streams.read(run_id(1), "", first, 100)
        assert page is not None
        assert [chunk.data for chunk in page.chunks] == [b"%d" % number for number in range(first, first + 100)]
    assert process_time() - begun_at < SECONDS_MAX, f"{SECONDS_MAX} s for {MANY} chunks"


def _row(number: int, stream: str, length: int, *, closed: bool) -> StreamRecord:
    return StreamRecord(run_id=run_id(number), stream=stream, length=length, closed=closed)


CHECKS: tuple[Check, ...] = (
    a_stream_that_nobody_wrote_is_empty,
    chunks_are_kept_with_their_steps,
    chunks_are_numbered_by_stream,
    writes_of_one_commit_see_each_other,
    a_closed_stream_refuses_alone,
    a_stream_is_closed_without_chunks,
    chunks_for_the_dead_or_unknown_are_refused_alone,
    chunks_reach_whoever_is_alive,
    an_append_with_chunks_has_its_place,
    appends_with_chunks_are_counted,
    an_end_keeps_its_chunks_and_closes,
    a_seizure_that_ends_a_run_closes_its_streams,
    a_refused_append_writes_no_chunk,
    a_stream_is_read_from_an_index,
    a_page_is_bounded,
    streams_are_listed_by_name,
    many_chunks_stay_fast,
)
