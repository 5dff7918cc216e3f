"""How a server's end is heard of: a signal sets the event, and goes on to whoever handled it before."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from perdure.http.ending import SignalWatch, ending

pytestmark = pytest.mark.anyio
PATIENCE_S = 20.0


@contextmanager
def handled(handler: Any) -> Iterator[None]:
    """SIGTERM goes to this handler, as a server has it."""
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_signal_ends_and_goes_on() -> None:
    seen: list[int] = []

    def server(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    with handled(server):
        watch = SignalWatch()
        watch.begin()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await ending().wait()
        assert seen == [signal.SIGTERM]
        watch.end()
        assert signal.getsignal(signal.SIGTERM) is server
        watch.end()


async def test_a_loop_that_handles_signals_itself_still_does() -> None:
    """As hypercorn does it."""
    loop, seen = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, seen.set)
    try:
        watch = SignalWatch()
        watch.begin()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await ending().wait()
            await seen.wait()
        watch.end()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def test_what_nobody_handles_is_left_alone() -> None:
    for handler in (signal.SIG_DFL, signal.SIG_IGN):
        with handled(handler):
            SignalWatch().begin()
            assert signal.getsignal(signal.SIGTERM) is handler


async def test_what_came_on_top_stays() -> None:
    with handled(lambda *_: None):
        watch = SignalWatch()
        watch.begin()
        signal.signal(signal.SIGTERM, other := lambda *_: None)
        watch.end()
        assert signal.getsignal(signal.SIGTERM) is other


def test_in_another_thread_nothing_is_touched() -> None:
    async def begin() -> None:
        SignalWatch().begin()

    with handled(server := lambda *_: None):
        thread = threading.Thread(target=asyncio.run, args=(begin(),))
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) is server


def test_each_loop_has_its_own() -> None:
    async def end() -> None:
        ending().set()

    async def is_ending() -> bool:
        return ending().is_set()

    asyncio.run(end())
    assert not asyncio.run(is_ending())
