"""The runs that a run has started, in short."""

from dataclasses import dataclass
from datetime import datetime

from perdure.api.records import Record, moment
from perdure.engine.engine import Engine
from perdure.model.ids import RunId
from perdure.model.queue import PREFIX
from perdure.model.status import Status
from perdure.world.query import RunFilter

LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildInfo(Record):
    """One child, by what its row says."""

    run_id: str
    workflow: str
    status: Status
    created_at: datetime


def children_filter(run_id: RunId) -> RunFilter:
    """A run's children; its steps in queues, which are runs too, are none."""
    return RunFilter(parent_id=run_id, without=PREFIX, limit=LISTED)


async def newest_children(engine: Engine, run_id: RunId) -> list[ChildInfo]:
    """The newest first, `LISTED` at most; all of them are `runs.list_children`'s."""
    page = await engine.world.list_runs(children_filter(run_id))
    return [
        ChildInfo(run_id=run.run_id, workflow=run.workflow, status=run.status, created_at=moment(run.created_at_ms))
        for run in page.runs
    ]
