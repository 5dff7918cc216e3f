"""Frames of the user's own code: which are, and where they are found."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from types import FrameType
from typing import Any

import msgspec
import pytest

from perdure.codec.value import decode
from perdure.testing.debugger.stack import is_at_yield, is_own, is_resumable, raised, running, waiting

FRAMES: list[FrameType] = []


def note() -> FrameType:
    FRAMES.append(sys._getframe())  # pyright: ignore[reportPrivateUsage]
    return FRAMES[-1]


class Noting(msgspec.Struct):
    number: int

    def __post_init__(self) -> None:
        note()


class Gate:
    """Awaited by way of a coroutine's own iterator, as a hook is."""

    def __await__(self) -> Generator[Any, None, None]:
        return inner().__await__()


async def inner() -> None:
    await asyncio.get_running_loop().create_future()


async def numbers() -> AsyncIterator[int]:
    yield 1
    await Gate()


async def outer() -> None:
    async for _ in numbers():
        pass


def names(stack: list[tuple[FrameType, int]]) -> list[str]:
    return [frame.f_code.co_name for frame, _ in stack]


def test_what_is_own() -> None:
    here = note()
    assert is_own(here)
    library = msgspec.structs.fields.__code__.co_filename
    assert "site-packages" in library
    assert not is_own(next(frame for frame in frames_of(decoding) if frame.f_code.co_name == "decode"))
    FRAMES.clear()
    decode(b'{"number": 1}', Noting)
    assert not is_own(FRAMES[0]) and not is_own(FRAMES[0].f_back or here), "perdure calls it, to decode"
    assert not is_own(next(frame for frame in frames_of(sorting) if "json" in frame.f_code.co_filename))


def frames_of(call: Callable[[], object]) -> list[FrameType]:
    """Those that are called, while they run."""
    found: list[FrameType] = []
    traced = sys.gettrace()
    sys.settrace(lambda frame, _, __: found.append(frame))
    try:
        call()
    finally:
        sys.settrace(traced)
    return found


def decoding() -> None:
    decode(b'{"number": 1}', Noting)


def sorting() -> None:
    json.loads("[1]")


def test_what_runs_is_told_from_the_outside_in() -> None:
    def deeper() -> list[str]:
        return names(running(note()))

    assert deeper()[-3:] == ["test_what_runs_is_told_from_the_outside_in", "deeper", "note"]
    assert running(None) == []


@pytest.mark.anyio
async def test_what_waits_is_told_down_to_what_it_waits_for() -> None:
    task = asyncio.ensure_future(outer())
    await asyncio.sleep(0)
    try:
        stack = waiting(task.get_coro())
        assert names(stack) == ["outer", "numbers", "inner"]
        first = outer.__code__.co_firstlineno
        assert next(line for _, line in stack) == first + 1
        awaiting = asyncio.ensure_future(wait_for(task))
        await asyncio.sleep(0)
        assert names(waiting(awaiting.get_coro())) == ["wait_for"], "another task is its own affair"
        awaiting.cancel()
    finally:
        task.cancel()
    assert waiting(None) == []


async def wait_for(task: Awaitable[None]) -> None:
    await task


def test_down_to_a_raise() -> None:
    assert names(raised(caught(lambda: fails("a")))) == ["caught", "<lambda>", "fails"]
    group = ExceptionGroup("two", [caught(lambda: fails("b")), KeyError()])
    assert names(raised(group)) == ["caught", "<lambda>", "fails"]
    assert raised(ValueError()) == []


def fails(what: str) -> None:
    raise ValueError(what)


def caught(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError


@pytest.mark.anyio
async def test_an_end_and_a_rest_are_told_apart() -> None:
    found: list[tuple[str, str, bool]] = []

    def trace(frame: FrameType, what: str, _: object) -> Any:
        if what in ("call", "return") and frame.f_code.co_name in ("twice", "plain"):
            found.append((frame.f_code.co_name, what, is_at_yield(frame)))
            assert is_resumable(frame) is (frame.f_code.co_name == "twice")
        return trace

    traced = sys.gettrace()
    task = asyncio.ensure_future(traced_call(trace, twice()))
    try:
        await task
    finally:
        sys.settrace(traced)
    assert found == [
        ("twice", "call", False), ("twice", "return", True), ("twice", "call", True), ("plain", "call", False),
        ("plain", "return", False), ("twice", "return", False),
    ]  # fmt: skip


async def traced_call(trace: Any, coroutine: Coroutine[Any, Any, None]) -> None:
    sys.settrace(trace)
    await coroutine
    sys.settrace(None)


async def twice() -> None:
    await asyncio.sleep(0)
    plain()


def plain() -> None: ...
