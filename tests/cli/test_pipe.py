"""A pipe whose reader has gone."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perdure.cli.pipe import quieten, while_read

pytestmark = pytest.mark.anyio


@contextmanager
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The reading end of what is standard output meanwhile."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stdout, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stdout)
        yield reader


async def test_a_reader_that_goes_ends_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    with piped(monkeypatch) as reader, pytest.raises(BrokenPipeError):
        async with asyncio.timeout(20), while_read():
            os.close(reader)
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_reader_that_stays_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with piped(monkeypatch) as reader:
        async with while_read():
            for _ in range(10):
                await asyncio.sleep(0)
        os.close(reader)


async def test_another_cancellation_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> None:
        async with while_read():
            await asyncio.Event().wait()

    with piped(monkeypatch) as reader:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        os.close(reader)


async def test_what_is_no_pipe_has_no_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w") as file:
        closed = file
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", file)
            async with while_read():
                await asyncio.sleep(0)
    for stdout in (closed, None):
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stdout)
            async with while_read():
                await asyncio.sleep(0)


async def test_what_is_left_to_write_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with piped(monkeypatch) as reader:
        os.close(reader)
        sys.stdout.write("more")
        quieten()
        sys.stdout.flush()
