"""Who runs runs: the workers of a world."""

from dataclasses import dataclass
from datetime import datetime

from perdure.api.records import Page, Record, moment
from perdure.engine.engine import Engine
from perdure.engine.process import is_here, pid_of
from perdure.inspector.page import Asked, page_of
from perdure.model.queue import DEFAULT, queue_of
from perdure.world.ownership import WorkerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo(Record):
    """One worker. `pid` None: not told; `here`: on this machine. `runs`: how many it owns.

    Where `leased` is False, its lease is over, and others take its runs.
    """

    worker_id: str
    pid: int | None
    here: bool
    deployment: str
    queues: tuple[str, ...]
    workflows: tuple[str, ...]
    runs: int
    lease_until: datetime
    leased: bool


async def list_workers(engine: Engine, asked: Asked) -> Page[WorkerInfo]:
    """Every worker with a lease, or that still owns runs; the last to come first. Raises: UsageError."""
    records = sorted(await engine.world.workers(), key=lambda record: record.worker_id, reverse=True)
    return page_of(asked, [worker_info(record) for record in records], "workers")


def worker_info(record: WorkerRecord) -> WorkerInfo:
    workflows = tuple(name for name in record.workflows if queue_of(name) is None)
    queues = {queue for name in record.workflows if (queue := queue_of(name)) is not None}
    return WorkerInfo(
        worker_id=record.worker_id,
        pid=pid_of(record.process),
        here=is_here(record.process),
        deployment=record.deployment,
        queues=tuple(sorted({*queues, DEFAULT} if workflows else queues)),
        workflows=workflows,
        runs=record.runs,
        lease_until=moment(record.lease_until_ms),
        leased=record.leased,
    )
