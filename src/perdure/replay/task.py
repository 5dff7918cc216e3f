"""Tasks, futures and handles of a workflow's body, and how unfinished tasks are thrown away.

The hash of a task or future is a number that every replay repeats, because asyncio keeps tasks in sets (`TaskGroup`
cancels siblings in set order). Who makes them, and at which place in the task tree, is decided in `loop.py`.
"""

import asyncio
import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, TypeVar

from msgspec import Struct

from perdure.core.place import Place
from perdure.replay.control import BodyClosed

try:
    from _ctypes import Py_INCREF as _keep_for_ever
except ImportError:  # a Python that was built without libffi: kept as long as modules are
    _immortal: list[object] = []
    _keep_for_ever = _immortal.append

T = TypeVar("T")

THROWS_MAX = 100
"""How often a coroutine may answer its end by awaiting something else. `TaskGroup` does so once for each level."""

_warn_unawaited: Callable[[Any], None] = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]


class Handle(Struct, eq=False):
    """What `call_soon` gives: as asyncio's, which takes longer to make than most callbacks take."""

    _callback: Callable[..., object] | None
    _args: tuple[Any, ...]
    _loop: asyncio.AbstractEventLoop
    _context: Context
    _cancelled: bool = False

    def cancel(self) -> None:
        self._callback, self._args, self._cancelled = None, (), True

    def cancelled(self) -> bool:
        return self._cancelled

    def get_context(self) -> Context:
        return self._context

    def __repr__(self) -> str:
        shown: Any = asyncio.Handle
        handle = shown(self._callback, self._args, self._loop)
        if self._cancelled:
            handle.cancel()
        return repr(handle)


class Future(asyncio.Future[T]):
    """A future of the loop. `number`, its hash, is set by the loop that makes it."""

    __slots__ = ("number",)

    number: int

    def __hash__(self) -> int:
        return self.number


class Task(asyncio.Task[T]):
    """A task of the loop, with its place in the task tree and the context that it runs in."""

    __slots__ = ("context", "number", "place")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        loop: asyncio.AbstractEventLoop,
        number: int,
        place: Place,
        name: str | None,
        context: Context,
        **options: Any,
    ) -> None:
        self.number, self.place, self.context = number, place, context  # first: asyncio puts the task into a set
        super().__init__(coroutine, loop=loop, name=name, context=context, **options)

    def __hash__(self) -> int:
        return self.number


def abandon_task(task: Task[Any]) -> None:
    """End an unfinished task's coroutine. The task stays unfinished, and nothing keeps it alive."""
    private: Any = task
    coroutine: Any = task.get_coro()
    # In the task's context: elsewhere a step in a `finally` block would think itself outside of a run, and act.
    _end(coroutine, task.context, coroutine.throw)
    awaited: Any = private._fut_waiter
    for callback, _ in getattr(awaited, "_callbacks", None) or ():
        if getattr(callback, "__self__", None) is task:
            awaited.remove_done_callback(callback)


def abandon_generator(generator: AsyncGenerator[Any, Any], context: Context) -> None:
    """Close an async generator that nothing iterates any more."""
    closing: Any = generator.aclose()
    try:
        context.run(closing.send, None)
    except BaseException:  # StopIteration: it has ended; all else is its own affair
        return
    _end(generator, context, closing.throw)


@contextmanager
def unawaited_is_silent() -> Generator[None]:
    """No "coroutine was never awaited" for what a body held when it was put away: its next replay may await it.

    `warnings.catch_warnings` would do too, but it swaps the filters of the whole process, and a thread that does the
    same at the same time may leave the wrong ones behind for good.
    """
    warnings._warn_unawaited_coroutine = _say_nothing  # type: ignore[attr-defined]
    try:
        yield
    finally:
        warnings._warn_unawaited_coroutine = _warn_unawaited  # type: ignore[attr-defined]


def _say_nothing(_coroutine: object) -> None:
    pass


def _end(owner: object, context: Context, throw: Callable[[BaseException], object]) -> None:
    """Raise BodyClosed at the await, and at each that follows.

    Not close(), where an await in a cleanup (`TaskGroup` has one) becomes a RuntimeError in the code around it, whose
    `except Exception` would then act on a failure that never was.
    """
    for _ in range(THROWS_MAX):
        try:
            context.run(throw, BodyClosed())
        except BaseException:  # it has ended
            return
    # Were it collected, or the process at its end, Python would run it once more: perhaps for ever.
    _keep_for_ever(owner)
