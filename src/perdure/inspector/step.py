"""One step of a run."""

from dataclasses import dataclass
from typing import Any

from perdure.api.info import step_info
from perdure.api.records import Record, StepInfo
from perdure.engine.engine import Engine
from perdure.engine.queue import steps_with_queued
from perdure.inspector.reference import step_named


@dataclass(frozen=True, slots=True)
class StepView(Record):
    """A step as people look at it, without its code."""

    info: StepInfo
    with_data: bool

    def as_json(self) -> dict[str, Any]:
        shown = self.info.as_json()
        if not self.with_data:
            del shown["input"], shown["output"]
        return shown

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
    log, events = await engine.log(run_id)
    standings = await steps_with_queued(engine.world, events, engine.keys)
    infos = (step_info(log.run, standing) for standing in standings)
    return StepView(next(info for info in infos if info.step_id == step_id), with_data)
