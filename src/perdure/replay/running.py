"""Makes one loop the thread's running loop, guarded, and hides the one that runs there otherwise.

These are the hooks that Python documents for people who implement event loops. Entered from a plain callback of the
worker's loop; never within one of its tasks, whose own code would then meet a strange loop.
"""

import asyncio
from asyncio import tasks as asyncio_tasks
from collections.abc import Callable
from sys import get_asyncgen_hooks, set_asyncgen_hooks
from threading import get_ident
from typing import Any

from perdure.replay.guard import guarded, install
from perdure.replay.sealed import SealedLoop

_get_running_loop: Callable[[], asyncio.AbstractEventLoop | None] = asyncio._get_running_loop
_set_running_loop: Callable[[asyncio.AbstractEventLoop | None], None] = asyncio._set_running_loop
# From Python 3.12. Newer ones keep one current task per thread, not one per loop.
_swap_current_task: Callable[[Any, Any], Any] | None = getattr(asyncio_tasks, "_swap_current_task", None)


class Running:
    """`with running: …`, once at a time, as often as the loop is to run."""

    __slots__ = ("_hooks", "_loop", "_outer", "_outer_task")

    def __init__(self, loop: SealedLoop) -> None:
        self._loop = loop
        install()

    def __enter__(self) -> None:
        loop = self._loop
        assert loop.thread is None, "P8: a body runs once at a time"
        self._outer = outer = _get_running_loop()
        if _swap_current_task is not None:
            self._outer_task = None if outer is None else asyncio.current_task(outer)
            if self._outer_task is not None:
                _swap_current_task(outer, None)
        self._hooks = get_asyncgen_hooks()
        set_asyncgen_hooks(loop.begun, _let_go)
        _set_running_loop(loop)
        loop.thread = thread = get_ident()
        guarded.add(thread)

    def __exit__(self, *_error: object) -> None:
        loop = self._loop
        guarded.discard(loop.thread)
        loop.thread = None
        _set_running_loop(self._outer)
        set_asyncgen_hooks(*self._hooks)
        if _swap_current_task is not None and self._outer_task is not None:
            _swap_current_task(self._outer, self._outer_task)


def _let_go(_generator: object) -> None:
    """Nothing: an async generator that was left halfway isn't resumed for its `finally` blocks.

    When Python notices it may depend on the garbage collector, which no replay could repeat; `contextlib.aclosing`
    closes one in time.
    """
