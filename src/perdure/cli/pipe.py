"""A pipe whose reader has gone: `perdure … | head` ends quietly, and at once even where there is nothing to write."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def while_read() -> AsyncGenerator[None]:
    """Ends the block where nobody reads standard output any more. Raises: BrokenPipeError, then."""
    pipe, loop, task = _pipe(), asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    gone = False

    def end() -> None:
        nonlocal gone
        gone = True
        task.cancel()

    if pipe is None:
        yield
        return
    loop.add_reader(pipe, end)  # the writing end has nothing to read: what comes is the error that its reader has gone
    try:
        yield
    except asyncio.CancelledError:
        if gone:
            task.uncancel()
            raise BrokenPipeError from None
        raise
    finally:
        loop.remove_reader(pipe)


def quieten() -> None:
    """What is left to write goes nowhere: Python would complain about it when it flushes standard output at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _pipe() -> int | None:
    try:
        number = sys.stdout.fileno()
        return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
    except (OSError, ValueError, AttributeError):  # closed, none, or no file
        return None
