"""What the engine tells of its work to who measures it. Here nobody does: each of these calls does nothing.

`perdure.telemetry` makes spans and metrics of them. What is told has happened, and is in the log (a start and an attempt
are told as they go on): a body that is replayed, by whichever worker, tells nothing. No payload is told.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

from perdure.core.pending import OpenStep
from perdure.model.event import Event, RunCreated, RunStarted
from perdure.model.ids import RunId, StepId
from perdure.world.world import World

Trace = Mapping[str, str]
"""The headers (`traceparent` and so on) of the trace that a run belongs to."""

NO_TRACE: dict[str, str] = {}


class TracedAttempt(Protocol):
    """An attempt of a step, as its telemetry sees it. `asked_at`: when it began to wait for a slot, by its loop's clock;
    `takes_slot`: it isn't one of our own steps."""

    run_id: RunId
    step_name: str
    attempt: int
    takes_slot: bool
    asked_at: float

    @property
    def step_id(self) -> StepId: ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...


class StartTelemetry:
    """One start, while the block lasts. The new run carries `trace` on."""

    __slots__ = ()

    @property
    def trace(self) -> dict[str, str]:
        return NO_TRACE

    def found(self, run_id: RunId, *, created: bool) -> None:
        """The run that the start came to, made or found by its key."""

    def __enter__(self) -> "StartTelemetry":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """It is over."""


class StepTelemetry:
    """One attempt of a step, which began in the task that made this."""

    __slots__ = ()

    def ended(self, error: BaseException | None, *, cancelled: bool) -> None:
        """Its function has returned, has raised this, or nobody waits for it any more."""


class RunTelemetry:
    """One run, while it lives in this worker."""

    __slots__ = ()

    def landed(self, events: Sequence[Event]) -> None:
        """These are in the log, written by this worker; requests of the body are left out."""

    def streamed(self, chunks: int) -> None:
        """So many chunks are in their streams."""

    def attempt(self, attempt: TracedAttempt) -> StepTelemetry:
        """A step's function is about to be called, in the task (and so the context) that runs now."""
        return _STEP


class Telemetry:
    """One process's."""

    __slots__ = ()

    def start(self, workflow: str) -> StartTelemetry:
        """A start is on its way to the store."""
        return _START

    def origin(self, workflow: str, run_id: RunId, at_ms: int) -> dict[str, str]:
        """The trace for a run that was started without one, at that time."""
        return NO_TRACE

    def run(self, run_id: RunId, trace: Trace, events: Sequence[Event], steps: Mapping[str, OpenStep]) -> RunTelemetry:
        """The run lives in this worker from now on. `events`: its log; `steps`: its open steps by key, kept up to date."""
        return _RUN

    def committed(self, operations: int, seconds: float) -> None:
        """One commit of so many operations is durable."""

    def watching(self, world: World) -> Coroutine[Any, Any, None] | None:
        """What goes on beside the worker: it looks at the World now and then."""
        return None


_START, _STEP, _RUN = StartTelemetry(), StepTelemetry(), RunTelemetry()
SILENT = Telemetry()


def trace_of(events: Iterable[Event]) -> dict[str, str]:
    """The trace that the log says its run belongs to; empty where it doesn't."""
    for event in events:
        if isinstance(event.fact, RunCreated | RunStarted) and event.fact.trace:
            return event.fact.trace
    return NO_TRACE
