"""The one context variable: what a verb finds when it is called. Replay and the engine set it, the api looks it up."""

from contextvars import ContextVar
from typing import Any, Protocol

from msgspec import Raw

from perdure.codec.value import decode
from perdure.model.ids import RunId, StepId, step_id


class Scope:
    """Where a verb was called: a workflow's `Body`, a step's `Attempt`, or (None) neither."""

    __slots__ = ()


SCOPE: ContextVar[Scope | None] = ContextVar("perdure_scope", default=None)


class Voice(Protocol):
    """What an attempt can say to its worker; may be called from the step's own thread."""

    def beat(self, progress: Any) -> None: ...

    def set_attributes(self, changes: dict[str, str | None]) -> None: ...


class Attempt(Scope):
    """One attempt of a step, as seen from inside its function.

    `attempt` counts from 1; `started_at_ms` is the first attempt's; `progress` is what an earlier attempt last reported.
    """

    __slots__ = ("_key", "_progress", "_starts", "attempt", "run_id", "started_at_ms", "step_name", "voice")

    def __init__(
        self,
        run_id: RunId,
        key: str,
        step_name: str,
        attempt: int,
        started_at_ms: int,
        progress: Raw | None,
        voice: Voice,
    ) -> None:
        self.run_id, self.step_name, self.attempt, self.started_at_ms = run_id, step_name, attempt, started_at_ms
        self.voice = voice
        self._key, self._progress = key, progress
        self._starts = 0

    @property
    def step_id(self) -> StepId:
        return step_id(self.run_id, self._key)

    @property
    def progress(self) -> Any:
        return None if self._progress is None else decode(self._progress, Any, "progress")

    def next_start_key(self) -> str:
        """An idempotency key for the next run that this step starts: the same in a retried attempt."""
        self._starts += 1
        return f"{self.step_id}/{self._starts}"


def current_attempt() -> Attempt | None:
    scope = SCOPE.get()
    return scope if isinstance(scope, Attempt) else None
