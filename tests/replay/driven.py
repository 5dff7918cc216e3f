"""A body's loop driven by hand: timers are kept in a list and fired in order of their due time."""

import gc
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, TypeVar

import pytest

from perdure.core.place import Place
from perdure.replay.loop import Loop
from perdure.replay.task import Task

T = TypeVar("T")


class ManualTimer:
    """A durable wait of the test's own making."""

    def __init__(self, place: Place, due_ms: int, is_timeout: bool) -> None:
        self.place, self.due_ms, self.is_timeout = place, due_ms, is_timeout
        self.key = place.key("timeout" if is_timeout else "sleep")
        self.released = 0
        self.callback: Callable[[], None] | None = None

    def on_due(self, callback: Callable[[], None]) -> None:
        self.callback = callback

    def release(self) -> None:
        self.released += 1

    def fire(self) -> None:
        callback, self.callback = self.callback, None
        assert callback is not None, "fired twice"
        callback()


class Driven:
    """A loop, the timers that it opened and the errors that it reported."""

    def __init__(self, salt: int = 1 << 32) -> None:
        self.timers: list[ManualTimer] = []
        self.errors: list[dict[str, Any]] = []
        self.refuse: BaseException | None = None
        self.loop = Loop(self, salt=salt)

    def begin(self, coroutine: Coroutine[Any, Any, T], context: Context | None = None) -> Task[T]:
        """Start the main task and run until it rests."""
        with self.loop.running():
            main = self.loop.create_main(coroutine, context)
            self.loop.rest()
        return main

    def advance(self) -> bool:
        """Fire the timer that is due next, and run until the body rests. Is there one?"""
        waiting = [timer for timer in self.timers if timer.callback and not timer.released]
        if not waiting:
            return False
        timer = min(waiting, key=lambda timer: timer.due_ms)
        with self.loop.running():
            self.loop.now_ms = max(self.loop.now_ms, timer.due_ms)
            timer.fire()
            self.loop.rest()
        return True

    def run(self, coroutine: Coroutine[Any, Any, T], context: Context | None = None) -> T:
        """The coroutine's result, with every timer fired in time; the loop is put away."""
        main = self.begin(coroutine, context)
        while not main.done() and self.advance():
            pass
        assert main.done(), "the body waits for ever"
        try:
            return main.result()
        finally:
            self.put_away()

    def rest(self) -> None:
        with self.loop.running():
            self.loop.rest()

    def put_away(self) -> None:
        with self.loop.running():
            self.loop.put_away()

    def log_error(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def open_timer(self, place: Place, due_ms: int, is_timeout: bool) -> ManualTimer:
        if self.refuse is not None:
            raise self.refuse
        timer = ManualTimer(place, due_ms, is_timeout)
        self.timers.append(timer)
        return timer


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return Driven().run(coroutine)


@contextmanager
def silence(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing is printed, warned of or dropped as unraisable. (Warnings are errors here, and these are unraisable.)"""
    unraisable: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = hook
    assert unraisable == []
    assert capsys.readouterr() == ("", "")
