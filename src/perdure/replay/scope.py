"""The one context variable: what a verb finds when it is called. Replay and the engine set it, the api looks it up."""

import asyncio
import logging
from contextvars import ContextVar
from typing import Any

from msgspec import Raw

from perdure.codec.value import decode
from perdure.model.ids import RunId, StepId, step_id


class Scope:
    """Where a verb was called: a workflow's `Body`, a step's `Attempt`, or (None) neither."""

    __slots__ = ()


SCOPE: ContextVar[Scope | None] = ContextVar("perdure_scope", default=None)


class Attempt(Scope):
    """One attempt of a step, as seen from inside its function. The engine makes it, and hears what the step says.

    `attempt` counts from 1; `started_at_ms` is the first attempt's; `progress` is what an earlier attempt last reported.
    """

    __slots__ = ("_starts", "attempt", "key", "recorded_progress", "run_id", "started_at_ms", "step_name")

    def __init__(
        self, run_id: RunId, key: str, step_name: str, attempt: int, started_at_ms: int, progress: Raw | None
    ) -> None:
        self.run_id, self.key, self.step_name = run_id, key, step_name
        self.attempt, self.started_at_ms, self.recorded_progress = attempt, started_at_ms, progress
        self._starts = 0

    def beat(self, progress: Any) -> None:
        """A sign of life; may be called from the step's own thread."""
        raise NotImplementedError

    def write(self, run_id: RunId, stream: str, data: bytes | None, *, kept: bool = False) -> bool:
        """Write a chunk to a stream, or (None) close it; on the worker's loop. True: drain before you write on.

        `kept`: the chunk goes with the step's completion, or not at all. Raises: StreamClosed.
        """
        raise NotImplementedError

    async def drain(self, run_id: RunId, stream: str) -> None:
        """Commit what was written; on the worker's loop. Raises: StreamClosed, WorldUnavailable."""
        raise NotImplementedError

    def set_attributes(self, changes: dict[str, str | None]) -> None:
        """Set attributes of the run; may be called from the step's own thread."""
        raise NotImplementedError

    def logged(self, record: logging.LogRecord) -> None:
        """The process's logging lets a record through; may be called in any thread."""
        raise NotImplementedError

    @property
    def workflow(self) -> str:
        """The name of the workflow that called it; empty where the step lies in a queue."""
        raise NotImplementedError

    @property
    def holder(self) -> RunId:
        """The run whose log has this attempt: where the step lies in a queue, that is a run of its own."""
        raise NotImplementedError

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The worker's: what the step's own thread asks of perdure runs there."""
        raise NotImplementedError

    @property
    def in_transaction(self) -> bool:
        """Whether the step has a transaction of its own."""
        raise NotImplementedError

    @property
    def connection(self) -> Any:
        """The transaction's; None where there is none."""
        raise NotImplementedError

    @property
    def step_id(self) -> StepId:
        return step_id(self.run_id, self.key)

    @property
    def progress(self) -> Any:
        return None if self.recorded_progress is None else decode(self.recorded_progress, Any, "progress")

    def next_start_key(self) -> str:
        """An idempotency key for the next run that this step starts: the same in a retried attempt."""
        self._starts += 1
        return f"{self.step_id}/{self._starts}"


def current_attempt() -> Attempt | None:
    scope = SCOPE.get()
    return scope if isinstance(scope, Attempt) else None
