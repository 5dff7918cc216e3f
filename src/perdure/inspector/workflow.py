"""Workflows: who serves them, and how their newest runs went.

Figures are of the newest runs alone, so that a world of a million runs costs no more to look at than one of a thousand.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from perdure.api.records import Page, Record
from perdure.engine.engine import Engine
from perdure.inspector.page import Asked, page_of
from perdure.model.queue import PREFIX, queue_of
from perdure.world.query import RunFilter, RunRecord

SAMPLE = 200
"""So many runs of each workflow are looked at."""
RECENT = 1000
"""Among so many, of all workflows, those are found that no worker serves."""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowInfo(Record):
    """One workflow. `workers`: live ones that serve it. All else is of its newest `sampled` runs, at most `SAMPLE`.

    `p50_ms`, `p95_ms`: what completed ones took; `failed_share`: of those that completed or failed. None: there are none.
    Where `started_last_hour` is `sampled`, there may have been more.
    """

    name: str
    workers: int
    sampled: int
    counts: dict[str, int]
    started_last_hour: int
    p50_ms: int | None
    p95_ms: int | None
    failed_share: float | None


async def list_workflows(engine: Engine, asked: Asked) -> Page[WorkflowInfo]:
    """Those that a live worker serves, or of which there are recent runs, by name. Raises: UsageError."""
    workers = await workflow_names(engine)
    page = page_of(asked, list(workers), "workflows")
    items: list[WorkflowInfo] = []
    for name in page.items:
        newest = await engine.world.list_runs(RunFilter(workflow=name, limit=SAMPLE))
        items.append(workflow_info(name, workers[name], newest.runs, engine.world.now_ms()))
    return Page(items=tuple(items), cursor=page.cursor)


async def workflow_names(engine: Engine) -> dict[str, int]:
    """Those of `list_workflows`, in their order, with how many live workers serve each."""
    serving: Counter[str] = Counter()
    for worker in await engine.world.workers():
        serving.update(name for name in worker.workflows if worker.leased and queue_of(name) is None)
    recent = await engine.world.list_runs(RunFilter(without=PREFIX, limit=RECENT))
    return {name: serving[name] for name in sorted({*serving, *(run.workflow for run in recent.runs)})}


def workflow_info(name: str, workers: int, runs: Sequence[RunRecord], now_ms: int) -> WorkflowInfo:
    counts = Counter(str(run.status) for run in runs)
    took_ms = sorted(
        run.ended_at_ms - run.created_at_ms for run in runs if run.status == "completed" and run.ended_at_ms is not None
    )
    over = counts["completed"] + counts["failed"]
    return WorkflowInfo(
        name=name,
        workers=workers,
        sampled=len(runs),
        counts=dict(sorted(counts.items())),
        started_last_hour=sum(run.created_at_ms > now_ms - HOUR_MS for run in runs),
        p50_ms=_percentile(took_ms, 50),
        p95_ms=_percentile(took_ms, 95),
        failed_share=counts["failed"] / over if over else None,
    )


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The least value that so many percent don't exceed."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1] if ordered else None
