"""What the steps of a run logged, page by page."""

import asyncio
import re

import pytest
from msgspec.structs import replace

from perdure.cli.world import in_world
from perdure.codec.keyring import SEALED
from perdure.engine.engine import Engine
from perdure.errors import RunNotFound, UsageError
from perdure.inspector import log as logs
from perdure.inspector.log import LogLine, Wanted, follow_logs, list_logs
from perdure.inspector.page import Asked
from perdure.model.ids import RunId
from perdure.model.log import LOG
from perdure.world.stream import StreamPage
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, NOWHERE, look

TOLD = [
    ("diary:note", 1, "INFO", "noted o-1"),
    ("diary:note", 1, "WARNING", "running out of paper"),
    ("diary:books.charge", 1, "DEBUG", "asking for o-1"),
    ("diary:books.charge", 1, "ERROR", "the provider is away"),
]


def told(lines: tuple[LogLine, ...]) -> list[tuple[str, int, str, str]]:
    return [(line.step, line.attempt, line.level, line.message.partition("\n")[0]) for line in lines]


def test_in_the_order_in_which_they_came(diary: Shop) -> None:
    page = look(list_logs, diary.runs["failed"], Wanted(), ALL)
    assert (told(page.items), page.cursor) == (TOLD, None)
    assert [line.index for line in page.items] == [0, 1, 2, 3]
    shown = page.items[3].as_json()
    assert {name: shown[name] for name in ("logger", "stepId", "dropped", "locked")} == {
        "logger": "diary.app", "stepId": page.items[2].step_id, "dropped": 0, "locked": False,
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", shown["at"])
    assert shown["exception"].endswith("ConnectionError: nobody answers")
    assert look(list_logs, diary.runs["quiet"], Wanted(), ALL).items == ()


def test_page_by_page(diary: Shop) -> None:
    found: list[LogLine] = []
    asked = Asked(3)
    while True:
        page = look(list_logs, diary.runs["failed"], Wanted(level=30), asked)
        found += page.items
        if page.cursor is None:
            break
        asked = Asked(1, page.cursor)
    assert told(tuple(found)) == [TOLD[1], TOLD[3]]


@pytest.mark.parametrize(
    ("step", "count"),
    [
        ("diary:note", 2),
        ("note", 2),
        ("charge", 2),
        ("books.charge", 2),
        ("ooks.charge", 0),
        ("diary", 0),
        ("step_", 4),
    ],
)
def test_of_one_step(diary: Shop, step: str, count: int) -> None:
    assert len(look(list_logs, diary.runs["failed"], Wanted(step), ALL).items) == count


def test_of_one_step_by_its_id(diary: Shop) -> None:
    lines = look(list_logs, diary.runs["failed"], Wanted(), ALL).items
    chosen = lines[3].step_id
    assert chosen is not None
    assert look(list_logs, diary.runs["failed"], Wanted(chosen[:12]), ALL).items == lines[2:]


def test_a_page_ends_after_so_many_that_were_looked_at(diary: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SCAN_MAX", 2)
    monkeypatch.setattr(logs, "PAGE", 1)
    first = look(list_logs, diary.runs["failed"], Wanted(level=40), ALL)
    assert (first.items, first.cursor) == ((), "2")
    second = look(list_logs, diary.runs["failed"], Wanted(level=40), Asked(100, "2"))
    assert (told(second.items), second.cursor) == (TOLD[3:], None)


def test_what_isnt_there(diary: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_logs, NOWHERE, Wanted(), ALL)
    for cursor in ("x", "-1", "²"):
        with pytest.raises(UsageError, match="is no cursor of a list of logs: "):
            look(list_logs, diary.runs["failed"], Wanted(), Asked(1, cursor))
    assert look(list_logs, diary.runs["failed"], Wanted(), Asked(1, "99")).items == ()


@pytest.mark.parametrize(
    ("data", "message", "locked"),
    [
        (SEALED + b"\x01k...", "not readable here: ", True),
        (b"{", "not readable here: ", False),
        (b'{"at_ms":"noon"}', "not readable here: ", False),
    ],
)
def test_a_line_that_cannot_be_read_keeps_its_place(diary: Shop, data: bytes, message: str, locked: bool) -> None:
    async def work(engine: Engine) -> tuple[LogLine, ...]:
        streams = engine.world.streams
        read = streams.read

        async def spoilt(run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
            page = await read(run_id, stream, from_index, limit)
            assert page is not None
            first, *others = page.chunks
            return replace(page, chunks=(replace(first, data=data), *others))

        setattr(streams, "read", spoilt)  # noqa: B010 - a World's own
        return (await list_logs(engine, diary.runs["failed"], Wanted("step_", 30), ALL)).items

    first, *others = in_world(None, work)
    assert told(tuple(others)) == [TOLD[1], TOLD[3]]
    assert (first.at, first.level, first.locked, first.attempt) == (None, "", locked, 1)
    assert first.message.startswith(message)


def test_followed_to_the_end_of_the_run(diary: Shop) -> None:
    async def work(engine: Engine) -> list[LogLine]:
        run_id = RunId(diary.runs["failed"])
        return [line async for lines in follow_logs(engine, run_id, Wanted(level=30), 2) for line in lines]

    assert told(tuple(in_world(None, work))) == TOLD[3:]


def test_followed_while_it_lives(diary: Shop) -> None:
    async def work(engine: Engine) -> int:
        followed = follow_logs(engine, RunId(diary.runs["open"]), Wanted())
        there = await anext(followed)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(followed)
        await followed.aclose()
        return len(there)

    assert in_world(None, work) == 2


def test_it_lies_in_a_stream_of_the_run(diary: Shop) -> None:
    async def work(engine: Engine) -> list[tuple[str, int]]:
        streams = await engine.world.streams.list(RunId(diary.runs["failed"]))
        return [(stream.stream, stream.length) for stream in streams]

    assert in_world(None, work) == [(LOG, 4)]
