"""pdb in a workflow's body: where its trace stops, and what it writes.

`next`, `step`, `until`, `return` and breakpoints do what they always do, in the user's own frames only, and across awaits:
while a coroutine waits, it is neither called nor does it return.
"""

import pdb
from collections.abc import Callable
from types import FrameType
from typing import IO, Any

from perdure.testing.debugger.sight import error_line, shortened
from perdure.testing.debugger.stack import NO_ERRORS, is_at_yield, is_own, is_resumable

SHOWN_CHARACTERS = 10_000


class Tracer(pdb.Pdb):
    """`visible` makes what is written harmless for a terminal. `stdin` and `stdout`: the process's, unless given."""

    def __init__(
        self, *, stdin: IO[str] | None = None, stdout: IO[str] | None = None, visible: Callable[[str], str] = str
    ) -> None:
        super().__init__(stdin=stdin, stdout=stdout, nosigint=True, readrc=stdin is None)
        self._visible = visible

    def message(self, msg: str, *args: Any, **options: Any) -> None:
        super().message(self._visible(shortened(str(msg), SHOWN_CHARACTERS)), *args, **options)

    def error(self, msg: str) -> None:
        self.message(f"*** {msg}")

    def stop_here(self, frame: FrameType) -> bool:
        return is_own(frame) and bool(super().stop_here(frame))

    def dispatch_return(self, frame: FrameType, arg: Any) -> Any:
        if frame is not self.stopframe or not is_resumable(frame) or is_at_yield(frame):
            return super().dispatch_return(frame, arg)
        self.frame_returning = frame  # `next` at a coroutine's end goes on in whoever awaits it
        self.set_step()
        self.frame_returning = None
        return self.trace_dispatch

    def dispatch_exception(self, frame: FrameType, arg: Any) -> Any:
        return self.trace_dispatch if issubclass(arg[0], NO_ERRORS) else super().dispatch_exception(frame, arg)

    def user_call(self, frame: FrameType, argument_list: Any) -> None:
        if not is_at_yield(frame):
            super().user_call(frame, argument_list)

    def user_return(self, frame: FrameType, return_value: Any) -> None:
        if not is_at_yield(frame):
            super().user_return(frame, return_value)

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        self.message(error_line(exc_info[1]))
        self.interaction(frame, None)
