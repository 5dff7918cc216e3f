"""A divergence: today's code asks for something else than what was recorded. It parks the run, and says both sides."""

from collections.abc import Callable

from msgspec import Raw, Struct

from perdure.core.hook import shown
from perdure.model.event import (
    AttributesSet,
    ChildCreated,
    Delivery,
    HookCreated,
    Request,
    StepCreated,
    StreamClosed,
    StreamEpilogue,
    StreamWritten,
    WaitCreated,
)

SHOWN_CHARACTERS = 200
Show = Callable[[Raw], str]
"""How a value of the user's looks in a sentence: cut, or as a digest where payloads are sealed."""


class Divergence(Struct, frozen=True, kw_only=True):
    """`recorded` and `attempted` in words, the turn, the line of the workflow (or None), and whose code wrote the turn."""

    recorded: str
    attempted: str
    turn: int
    line: str | None = None
    deployment: str = ""

    def sentence(self) -> str:
        where = f" at {self.line}" if self.line else ""
        return (
            f"the code doesn't fit the log in turn {self.turn}: recorded is {self.recorded}, "
            f"attempted{where} is {self.attempted}; deploy the code that wrote the log{self._whose()}, "
            "or guard the change with patched()"
        )

    def _whose(self) -> str:
        return f" (deployment {self.deployment})" if self.deployment else ""


def cut(value: Raw) -> str:
    """The value itself, as far as there is room."""
    text = bytes(value).decode("utf-8", "replace")
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def describe(request: Request | Delivery | None, show: Show = cut) -> str:
    """A request or delivery in words, its values as `show` has them."""
    match request:
        case None:
            return "nothing"
        case StepCreated(name=name, input=input):
            return f"step {name}({show(input)})"
        case ChildCreated(workflow=workflow, input=input):
            return f"child run {workflow}({show(input)})"
        case WaitCreated(due_ms=due_ms, timeout=timeout):
            return f"{'timeout' if timeout else 'sleep'} until {due_ms} ms"
        case HookCreated(metadata=metadata, expires_ms=expires_ms):
            until = "" if expires_ms is None else f" until {expires_ms} ms"
            return _hook(request, show) + (f"({show(metadata)})" if metadata else "") + until
        case StreamWritten(data=data):
            return f"a write to {_stream(request)} ({show(data)})"
        case StreamClosed():
            return f"the end of {_stream(request)}"
        case StreamEpilogue(completed=completed, failed=failed, cancelled=cancelled):
            told = (("completed", completed), ("failed", failed), ("cancelled", cancelled))
            chunks = "; ".join(f"{status}: {', '.join(map(show, data))}" for status, data in told if data)
            return f"what the run's end writes to the stream {request.stream or 'default'} ({chunks or 'nothing'})"
        case AttributesSet(changes=changes):
            return f"attributes {changes}"
        case _:
            return type(request).type.replace("_", " ")


def _hook(request: HookCreated, show: Show) -> str:
    return shown(request) if show is cut else f"hook {show(Raw(request.token.encode()))}"


def _stream(request: StreamWritten | StreamClosed) -> str:
    whose = f" of run {request.run_id}" if request.run_id is not None else ""
    return f"the stream {request.stream or 'default'}{whose}"
