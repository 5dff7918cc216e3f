"""One step of a run."""

from dataclasses import dataclass, replace
from typing import Any

from perdure.api.info import step_id_of, step_info
from perdure.api.records import Record, StepInfo
from perdure.core.attempt import attempts_of
from perdure.core.standing import StepStanding
from perdure.engine.engine import Engine
from perdure.engine.queue import steps_with_queued
from perdure.inspector.reading import read_events
from perdure.inspector.record import record_of
from perdure.inspector.redaction import redacted
from perdure.inspector.reference import StepNotFound, step_named
from perdure.inspector.span import AttemptInfo, attempt_info
from perdure.world.query import RunRecord


@dataclass(frozen=True, slots=True)
class StepView(Record):
    """A step as people look at it, without its code. `attempts` None: not asked for."""

    info: StepInfo
    with_data: bool
    attempts: tuple[AttemptInfo, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        shown = self.info.as_json()
        if self.attempts is not None:
            shown["attempts"] = [attempt.as_json() for attempt in self.attempts]
        if not self.with_data:
            del shown["input"], shown["output"]
        return shown

    @classmethod
    def from_json(cls, told: dict[str, Any], *, with_data: bool = True) -> "StepView":
        """The view whose JSON this is, or without its data. Raises: msgspec.ValidationError."""
        attempts = told.get("attempts")
        return cls(
            record_of(StepInfo, {"input": None, "output": None, **told}),
            with_data and "input" in told,
            None if attempts is None else tuple(record_of(AttemptInfo, each) for each in attempts),
        )

    @property
    def took_ms(self) -> int | None:
        """From its call to its outcome, back-offs included."""
        if self.info.completed_at is None:
            return None
        return round((self.info.completed_at - self.info.created_at).total_seconds() * 1000)


async def find_step(engine: Engine, step: str, run: str | None, *, with_data: bool) -> StepView:
    """The step with this id, of that run; without one all logs are searched, the newest first.

    Raises: StepNotFound, RunNotFound, UsageError.
    """
    run_id, step_id = await step_named(engine, step, run)
    log, events = await read_events(engine, run_id)
    for standing in await steps_with_queued(engine.world, events, engine.keys):
        if step_id_of(log.run, standing) == step_id:
            attempts = attempts_of(events).get(standing.key, ())
            view = step_view(log.run, standing, with_data=with_data)
            return replace(view, attempts=tuple(attempt_info(attempt) for attempt in attempts))
    raise StepNotFound(step, f"run {run_id}")


def step_view(record: RunRecord, standing: StepStanding, *, with_data: bool) -> StepView:
    """A step of this run."""
    info = step_info(record, standing)
    return StepView(replace(info, input=redacted(info.input), output=redacted(info.output)), with_data)
