"""Following a stream: from which index, how soon, how much is held, and when it ends; in virtual time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import perdure.engine.reader
from perdure.codec.compression import compressed
from perdure.engine.reader import LOOK_EVERY_S, Readers
from perdure.errors import KeyMissing, RunNotFound, UsageError, WorldUnavailable
from perdure.testing.conformance.sample import append_to, born, chunks_of, done, run_id, writing
from perdure.world import Streams
from perdure.world.stream import PAGE_BYTES
from tests.engine.stage import Stage

ME = run_id(1)


class Watched:
    """A World's streams, with the indexes that were asked for; and whether they are away."""

    def __init__(self, inner: Streams) -> None:
        self._inner = inner
        self.asked: list[int] = []
        self.away = False

    async def read(self, run_id: Any, stream: str, from_index: int, limit: int) -> Any:
        if limit:
            self.asked.append(from_index)
        if self.away:
            raise WorldUnavailable("it is away")
        return await self._inner.read(run_id, stream, from_index, limit)


class Scene:
    """A run with a stream, and readers of it."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, stage.world
        self.streams = Watched(stage.world.streams)
        self.hints: list[Callable[[], None]] = []
        self.readers = Readers(self)  # type: ignore[arg-type]
        self.seen: list[str] = []
        self.pages: list[int] = []
        self._writes = 0

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        self.hints.append(hint)
        return lambda: self.hints.remove(hint) if hint in self.hints else None

    async def write(self, *data: str, close: bool = False, stream: str = "") -> None:
        chunks = chunks_of(1, stream, *(each.encode() for each in data), close=close)
        await done(self.world, writing(1, self._writes, chunks))
        self._writes += 1

    async def end(self) -> None:
        await done(self.world, append_to(1, status="completed"))

    async def read(self, start_index: int = 0, stream: str = "") -> None:
        async for page in self.readers.pages(ME, stream, start_index):
            self.pages.append(len(page))
            self.seen += [f"{chunk.index}{chunk.data.decode()}" for chunk in page]

    async def following(self, start_index: int = 0, stream: str = "") -> "asyncio.Task[None]":
        task = asyncio.create_task(self.read(start_index, stream))
        await asyncio.sleep(0.001)
        return task


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()

    async def scene() -> None:
        on = Scene(stage)
        await born(stage.world)
        await act(on)

    stage.play(scene)


# -- from where


@pytest.mark.parametrize(
    ("start_index", "seen"),
    [
        (0, ["0a", "1b", "2c"]),
        (2, ["2c"]),
        (3, []),
        (-1, ["2c"]),
        (-3, ["0a", "1b", "2c"]),
        (-9, ["0a", "1b", "2c"]),
    ],
)
def test_an_index_from_the_start_or_from_the_tail(start_index: int, seen: list[str]) -> None:
    async def act(on: Scene) -> None:
        await on.write("a", "b", "c", close=True)
        await on.read(start_index)
        assert on.seen == seen

    play(act)


def test_what_lies_before_a_chunk_that_does_not_open_comes_before_its_error() -> None:
    async def act(on: Scene) -> None:
        await on.write("a", "b", "\x01\x03key and more", "d")
        with pytest.raises(KeyMissing) as caught:
            await on.read()
        assert (on.seen, caught.value.key_id) == (["0a", "1b"], "key")
        await on.readers.check(ME, "", 1)
        await on.readers.check(ME, "", 9)
        with pytest.raises(KeyMissing):
            await on.readers.check(ME, "", 2)

    play(act)


@pytest.mark.parametrize(
    ("first", "after", "seen"), [(0, 3, "abc"), (1, 2, "b"), (2, 9, "c"), (3, 9, ""), (1, 1, ""), (0, 99, "abc")]
)
def test_a_few_between_two_indexes(first: int, after: int, seen: str) -> None:
    """It doesn't wait for those that aren't there yet."""

    async def act(on: Scene) -> None:
        await on.write("a", "b", "c")
        found = await on.readers.between(ME, "", first, after)
        assert [(chunk.index, chunk.data.decode()) for chunk in found] == list(enumerate(seen, first))

    play(act)


def test_what_was_compressed_comes_in_pages_of_its_real_size() -> None:
    async def act(on: Scene) -> None:
        large = compressed(b"x" * (PAGE_BYTES // 2))
        chunks = chunks_of(1, "", *[large] * 5, b"last", close=True)
        await done(on.world, writing(1, 0, chunks))
        await on.read()
        assert on.pages == [2, 2, 2]
        assert [len(each) for each in on.seen] == [1 + PAGE_BYTES // 2] * 5 + [5]

    play(act)


def test_an_index_past_the_tail() -> None:
    async def act(on: Scene) -> None:
        await on.write("a", "b", "c")
        with pytest.raises(UsageError) as caught:
            await on.read(4)
        assert str(caught.value) == "start_index=4 is past the stream's end: it has 3 chunks so far"
        with pytest.raises(UsageError) as caught:
            await on.read(1, "nobody's")
        assert str(caught.value) == "start_index=1 is past the stream's end: it has 0 chunks so far"

    play(act)


def test_from_the_tail_of_a_stream_that_is_being_written() -> None:
    """The index is settled at the first look."""

    async def act(on: Scene) -> None:
        await on.write("a", "b")
        task = await on.following(-1)
        await on.write("c", close=True)
        await task
        assert on.seen == ["1b", "2c"]

    play(act)


def test_a_run_that_isnt_there() -> None:
    async def act(on: Scene) -> None:
        for look in (on.readers.record(run_id(7), ""), on.readers.pages(run_id(7), "", 0).__anext__()):
            with pytest.raises(RunNotFound):
                await look

    play(act)


def test_the_record() -> None:
    async def act(on: Scene) -> None:
        await on.write("a", "b")
        record = await on.readers.record(ME, "")
        assert (record.length, record.closed) == (2, False)
        assert (await on.readers.record(ME, "nobody's")).length == 0

    play(act)


# -- when it ends


def test_the_end_of_a_stream_ends_it() -> None:
    async def act(on: Scene) -> None:
        task = await on.following()
        await on.write("a", close=True)
        await task
        assert on.seen == ["0a"]

    play(act)


def test_the_end_of_the_run_ends_it() -> None:
    async def act(on: Scene) -> None:
        await on.write("a")
        task = await on.following()
        await on.end()
        await task
        assert on.seen == ["0a"]

    play(act)


def test_a_stream_that_nobody_writes_is_waited_for_and_ends_with_the_run() -> None:
    async def act(on: Scene) -> None:
        task = await on.following(stream="nobody's")
        await asyncio.sleep(600)
        assert not task.done()
        await on.end()
        await task
        assert on.seen == []
        await on.read(stream="nobody's")

    play(act)


def test_one_that_is_written_late_is_followed() -> None:
    async def act(on: Scene) -> None:
        task = await on.following(stream="late")
        await on.write("a", stream="late")
        await on.write("b", stream="other")
        await on.end()
        await task
        assert on.seen == ["0a"]

    play(act)


# -- how soon


def test_who_is_told_looks_at_once() -> None:
    async def act(on: Scene) -> None:
        task = await on.following()
        before = on.stage.passed_ms
        await on.write("a")
        on.readers.stir(ME)
        await asyncio.sleep(0.001)
        assert on.seen == ["0a"]
        await on.end()
        on.readers.stir(ME)
        await task
        assert on.stage.passed_ms - before < 10

    play(act)


def test_a_hint_of_the_world_will_do() -> None:
    async def act(on: Scene) -> None:
        task = await on.following()
        await on.write("a", close=True)
        [hint] = on.hints
        hint()
        await asyncio.sleep(0.001)
        assert task.done()

    play(act)


def test_without_any_word_it_looks_anyway() -> None:
    async def act(on: Scene) -> None:
        task = await on.following()
        before = on.stage.passed_ms
        await on.write("a", close=True)
        await task
        assert on.seen == ["0a"]
        assert on.stage.passed_ms - before <= LOOK_EVERY_S * 1000

    play(act)


def test_what_is_written_while_it_looks_is_not_missed() -> None:
    """The word comes between the look and the wait."""

    async def act(on: Scene) -> None:
        read = on.streams.read

        async def late(*args: Any) -> Any:
            page = await read(*args)
            if len(on.streams.asked) == 1:
                await on.write("a", close=True)
                on.readers.stir(ME)
            return page

        on.streams.read = late  # type: ignore[method-assign]
        before = on.stage.passed_ms
        await on.read()
        assert on.seen == ["0a"]
        assert on.stage.passed_ms == before

    play(act)


def test_a_word_about_another_run_wakes_nobody() -> None:
    async def act(on: Scene) -> None:
        task = await on.following()
        looks = len(on.streams.asked)
        on.readers.stir(run_id(2))
        await asyncio.sleep(0.001)
        assert len(on.streams.asked) == looks
        task.cancel()

    play(act)


def test_many_readers_each_see_all() -> None:
    async def act(on: Scene) -> None:
        tasks = [await on.following() for _ in range(3)]
        await on.write("a", close=True)
        on.readers.stir(ME)
        await asyncio.gather(*tasks)
        assert on.seen == ["0a"] * 3

    play(act)


def test_the_world_is_listened_to_only_while_somebody_reads() -> None:
    async def act(on: Scene) -> None:
        assert on.hints == []
        tasks = [await on.following() for _ in range(2)]
        assert len(on.hints) == 1
        tasks[0].cancel()
        await asyncio.sleep(0.001)
        assert len(on.hints) == 1
        tasks[1].cancel()
        await asyncio.sleep(0.001)
        assert on.hints == []
        again = await on.following()
        assert len(on.hints) == 1
        again.cancel()

    play(act)


# -- how much


def test_a_page_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perdure.engine.reader, "PAGE", 3)

    async def act(on: Scene) -> None:
        await on.write(*"abcdefgh", close=True)
        await on.read()
        assert on.pages == [3, 3, 2]
        assert "".join(on.seen) == "0a1b2c3d4e5f6g7h"

    play(act)


def test_a_slow_reader_holds_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perdure.engine.reader, "PAGE", 3)

    async def act(on: Scene) -> None:
        await on.write(*"abcdefgh")
        pages = on.readers.pages(ME, "", 0)
        assert len(await anext(pages)) == 3
        await asyncio.sleep(600)
        on.readers.stir(ME)
        await asyncio.sleep(600)
        assert on.streams.asked == [0], "it reads on when it is asked to"
        assert len(await anext(pages)) == 3
        assert on.streams.asked == [0, 3]
        await pages.aclose()

    play(act)


# -- trouble


def test_a_world_that_is_away_at_first_is_told() -> None:
    async def act(on: Scene) -> None:
        on.streams.away = True
        with pytest.raises(WorldUnavailable):
            await on.read()
        assert on.hints == []

    play(act)


def test_a_world_that_is_away_later_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "perdure")

    async def act(on: Scene) -> None:
        await on.write("a")
        task = await on.following()
        on.streams.away = True
        await asyncio.sleep(3)
        await on.write("b", close=True)
        on.streams.away = False
        await task
        assert on.seen == ["0a", "1b"]

    play(act)
    assert f"a stream of run {ME} could not be read, trying again: the world can't be reached: it is away" in (
        caplog.text
    )


def test_who_waits_when_the_process_closes_its_world_is_told() -> None:
    async def act(on: Scene) -> None:
        task = await on.following()
        on.readers.close()
        with pytest.raises(WorldUnavailable) as caught:
            await task
        assert str(caught.value) == "the world can't be reached: this process is closing its world"
        assert on.hints == []

    play(act)


def test_a_hint_that_comes_after_the_end_of_the_loop_is_harmless() -> None:
    async def made() -> Readers:
        return Readers(Stage().world)

    loop = asyncio.new_event_loop()
    readers = loop.run_until_complete(made())
    loop.close()
    readers._hinted()
