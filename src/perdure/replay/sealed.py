"""The part of asyncio's loop that has one answer in a workflow's body: a refusal that says what to do, or a constant.

What a body may use, and how that behaves, is in `loop.py`.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextvars import Context
from typing import Any

from perdure.errors import DeterminismError
from perdure.replay.source import user_line

_log = logging.getLogger("perdure")

_EAGER_TASK_FACTORY: object = getattr(asyncio, "eager_task_factory", None)  # from Python 3.12
_TO_A_STEP = "move it to a step"
_REFUSED: tuple[tuple[str, str, str], ...] = (
    ("run_in_executor set_default_executor", "using a thread", f"{_TO_A_STEP}; a sync step gets a thread"),
    (
        "create_connection create_server create_datagram_endpoint create_unix_connection create_unix_server "
        "connect_accepted_socket start_tls sendfile getaddrinfo getnameinfo sock_accept sock_connect sock_recv "
        "sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall sock_sendfile sock_sendto",
        "using the network",
        _TO_A_STEP,
    ),
    ("add_reader remove_reader add_writer remove_writer", "watching a file descriptor", _TO_A_STEP),
    ("connect_read_pipe connect_write_pipe", "using a pipe", _TO_A_STEP),
    ("subprocess_exec subprocess_shell", "starting a process", _TO_A_STEP),
    ("add_signal_handler remove_signal_handler", "handling a signal", "let the worker's process handle it"),
    ("run_forever run_until_complete stop close", "driving the event loop", "await instead"),
    ("set_exception_handler", "replacing the exception handler", "catch exceptions where they are awaited"),
)


def refusal(what: str, advice: str) -> DeterminismError:
    """The error to raise, with the line of the user's code; logged, because user code may catch it."""
    error = DeterminismError(what, user_line() or "an unknown line", advice)
    _log.error("%s", error)
    return error


class SealedLoop(asyncio.AbstractEventLoop):
    """Refuses I/O, threads, and whatever would change the loop.

    `thread` is the one that runs the loop now; `eager` whether tasks begin where they are made.
    """

    __slots__ = ("eager", "thread")

    eager: bool
    thread: int | None

    def begun(self, generator: AsyncGenerator[Any, Any]) -> None:
        """An async generator begins its first iteration."""
        raise NotImplementedError

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As `call_soon`: only the body itself may use it."""
        if threading.get_ident() != self.thread:
            raise refusal("a call from another thread (loop.call_soon_threadsafe)", "send it to the run as a message")
        return self.call_soon(callback, *args, context=context)

    def is_running(self) -> bool:
        return self.thread is not None

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Nothing: debug mode times callbacks by the wall clock."""

    def get_exception_handler(self) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def set_task_factory(self, factory: object) -> None:
        """None, or (from Python 3.12) asyncio.eager_task_factory: tasks must be of the loop's own making."""
        if factory is not None and factory is not _EAGER_TASK_FACTORY:
            raise refusal("replacing the task factory (loop.set_task_factory)", "leave the loop as it is")
        self.eager = factory is not None

    def get_task_factory(self) -> Any:
        return _EAGER_TASK_FACTORY if self.eager else None

    async def shutdown_asyncgens(self) -> None:
        """Nothing: async generators are closed when the body is put away."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing: there is none."""


def _refuse(name: str, what: str, advice: str) -> Callable[..., Any]:
    def refuse(*_args: object, **_options: object) -> Any:
        raise refusal(f"{what} (loop.{name})", advice)

    return refuse


for _names, _what, _advice in _REFUSED:
    for _name in _names.split():
        setattr(SealedLoop, _name, _refuse(_name, _what, _advice))
