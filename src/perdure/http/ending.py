"""Whether the server is going down: what lives long (streams, callers of a webhook) ends then, so that no deploy hangs.

Servers tell an app of a shutdown only once all requests are answered, so one that has no end must hear of it otherwise:
at SIGTERM and SIGINT a handler of ours sets the event, and then calls the one that was there.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

LINGER_S = 0.5
"""How long what is ending may still take, where it waits for somebody else."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], Any]

_ENDINGS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def ending() -> asyncio.Event:
    """Set while the server on the running loop goes down."""
    return _ENDINGS.setdefault(asyncio.get_running_loop(), asyncio.Event())


class SignalWatch:
    """Sets the running loop's event at a signal. Only where somebody handles that signal already, in the main thread."""

    def __init__(self) -> None:
        self._loop, self._event = asyncio.get_running_loop(), ending()
        self._chained: dict[int, tuple[Handler, Handler]] = {}

    def begin(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            known = signal.getsignal(number)
            if callable(known):
                ours = self._before(known)
                signal.signal(number, ours)
                self._chained[number] = (ours, known)

    def end(self) -> None:
        """Put back what was there, unless somebody has put something on top since. Harmless to repeat."""
        for number, (ours, known) in self._chained.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, known)
        self._chained.clear()

    def _before(self, known: Handler) -> Handler:
        def handle(number: int, frame: FrameType | None) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._event.set)
            known(number, frame)

        return handle
