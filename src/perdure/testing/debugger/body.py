"""A body that tells how far it has come."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from types import FrameType
from typing import Any, Protocol

from perdure.core.place import Place
from perdure.errors import UsageError
from perdure.model.event import Event, HookDisposed, Request
from perdure.replay.body import Body
from perdure.replay.control import BodyDiverged
from perdure.replay.wait import TimerWait


class Watcher(Protocol):
    """Who is told. Each may end the body, with BodyClosed, once the machine is closed."""

    def asks(self, key: str) -> None:
        """It makes this request, which is as recorded, or new."""
        ...

    def gets(self, event: Event) -> None:
        """This delivery is handed to it next."""
        ...

    def settles(self) -> None:
        """It rests at the end of a turn."""
        ...

    def settled(self) -> None:
        """It was looked at whether it has ended, or doesn't fit."""
        ...

    def diverges(self) -> None:
        """It asks for something else than what was recorded."""
        ...


class WatchedBody(Body):
    """`looking`: somebody is at a prompt in its frames, and may ask for nothing. `first`: the workflow's own frame."""

    __slots__ = ("_looking", "_watcher", "first")

    def __init__(self, watcher: Watcher, **given: Any) -> None:
        self._watcher, self._looking = watcher, False
        self.first: FrameType | None = None
        function: Callable[..., Any] = given["definition"].function

        @wraps(function)
        def remembered(*args: Any, **kwargs: Any) -> Any:
            coroutine = function(*args, **kwargs)
            self.first = getattr(coroutine, "cr_frame", None)
            return coroutine

        super().__init__(**{**given, "definition": replace(given["definition"], function=remembered)})

    @property
    def main(self) -> "asyncio.Task[bytes] | None":
        return self._main

    def awaited(self, path: str) -> list[str]:
        """The keys of what the task at this place waits for."""
        return [key for key in self._waiting if key.partition("/")[0] == path]

    def asked_anew(self) -> list[Request]:
        """What it has asked for that isn't in the log."""
        return [request for _, request in self._answer.requests if not isinstance(request, HookDisposed)]

    @contextmanager
    def looked_at(self) -> Generator[None]:
        self._looking = True
        try:
            yield
        finally:
            self._looking = False

    def key(self, kind: str, name: str = "") -> str:
        self._refuse()
        return super().key(kind, name)

    def open_timer(self, place: Place, due_ms: int, is_timeout: bool, /) -> TimerWait:
        self._refuse()
        return super().open_timer(place, due_ms, is_timeout)

    def patched(self, name: str) -> bool:
        self._refuse()
        return super().patched(name)

    def ask(self, key: str, request: Request) -> None:
        try:
            super().ask(key, request)
        except BodyDiverged:
            self._watcher.diverges()
            raise
        if not self.machine.closed:
            self._watcher.asks(key)

    def log_error(self, context: dict[str, Any], /) -> None:
        """Nothing: it was told when it happened."""

    def _hand(self, event: Event) -> None:
        self._watcher.gets(event)
        super()._hand(event)

    def _settle(self) -> None:
        self._watcher.settles()
        super()._settle()
        self._watcher.settled()

    def _refuse(self) -> None:
        if self._looking:
            raise UsageError("this is a recording: look at what it holds, nothing can be asked for here")
