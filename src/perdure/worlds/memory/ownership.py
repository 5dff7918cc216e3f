"""Leases and claims: who may append to what, and whose death counts."""

from msgspec.structs import replace

from perdure.model.ids import RunId, WorkerId
from perdure.model.status import ENDED
from perdure.world import Claim, Claimed, Lease, Owned, RunRecord, WorkerRecord
from perdure.world.ownership import SUSPECT_FROM
from perdure.worlds.memory.state import NEVER_SEEN, Kept, State, Worker


def beat(state: State, lease: Lease, now_ms: int) -> int:
    state.workers[lease.worker_id] = Worker(
        lease_until_ms=now_ms + lease.lease_ms,
        graceful=False,
        process=lease.process,
        workflows=lease.workflows,
        deployment=lease.deployment,
    )
    return now_ms + lease.lease_ms


def retire(state: State, worker_id: WorkerId, died: bool) -> None:
    """A worker that took leave has not died, whoever finds its process gone afterwards."""
    worker = state.workers.get(worker_id)
    if worker is not None:
        state.workers[worker_id] = replace(worker, lease_until_ms=0, graceful=worker.graceful or not died)


def workers(state: State, now_ms: int) -> tuple[WorkerRecord, ...]:
    found: list[WorkerRecord] = []
    for worker_id in sorted(state.workers):
        worker, runs = state.workers[worker_id], len(owned(state, worker_id))
        if state.is_live(worker_id, now_ms) or runs:
            found.append(
                WorkerRecord(
                    worker_id=worker_id,
                    lease_until_ms=worker.lease_until_ms,
                    now_ms=now_ms,
                    process=worker.process,
                    workflows=worker.workflows,
                    deployment=worker.deployment,
                    runs=runs,
                )
            )
    return tuple(found)


def claim(state: State, claim: Claim, now_ms: int) -> list[Claimed]:
    """Runs of the dead and runs with mail first: since when they wait isn't known. Then by due time."""
    due: list[tuple[int, RunId]] = []
    for kept in state.runs.values():
        record = kept.record
        if record.workflow not in claim.workflows or record.status in ENDED or record.status == "blocked":
            continue
        if record.pin not in ("", claim.deployment):
            continue
        if record.owner is not None:
            if record.owner != claim.worker_id and not state.is_live(record.owner, now_ms):
                due.append((0, record.run_id))
        elif record.mail:
            due.append((0, record.run_id))
        elif record.wake_at_ms is not None and record.wake_at_ms <= now_ms:
            due.append((record.wake_at_ms, record.run_id))
    taken = [_take(state, state.runs[run_id], claim.worker_id) for _, run_id in sorted(due)[: claim.limit]]
    if taken:  # whoever claims is there again, if it had taken leave
        claimer = state.workers.get(claim.worker_id, NEVER_SEEN)
        state.workers[claim.worker_id] = replace(claimer, graceful=False)
    return taken


def reclaim(state: State, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
    kept = state.runs.get(run_id)
    if kept is None or kept.record.owner != worker_id or kept.record.epoch != epoch:
        return None
    return _hand_over(state, kept, worker_id, kept.record.recoveries, died=False)


def owned(state: State, worker_id: WorkerId) -> list[Owned]:
    mine = (kept.record for kept in state.runs.values() if kept.record.owner == worker_id)
    return [_owned(record) for record in sorted(mine, key=lambda record: record.run_id)]


def next_due_ms(state: State, workflows: tuple[str, ...], deployment: str) -> int | None:
    """Owned, blocked and ended runs have no `wake_at_ms`."""
    records = (kept.record for kept in state.runs.values() if kept.record.workflow in workflows)
    mine = (record.wake_at_ms for record in records if record.pin in ("", deployment))
    return min((wake_at_ms for wake_at_ms in mine if wake_at_ms is not None), default=None)


def _take(state: State, kept: Kept, worker_id: WorkerId) -> Claimed:
    record = kept.record
    died = record.owner is not None and not state.workers.get(record.owner, NEVER_SEEN).graceful
    counts = died and (record.recoveries < SUSPECT_FROM or kept.probation)
    return _hand_over(state, kept, worker_id, record.recoveries + counts, died=died)


def _hand_over(state: State, kept: Kept, worker_id: WorkerId, recoveries: int, *, died: bool) -> Claimed:
    record = replace(kept.record, owner=worker_id, epoch=kept.record.epoch + 1, wake_at_ms=None, recoveries=recoveries)
    state.runs[record.run_id] = replace(kept, record=record, probation=False)
    return Claimed(
        run_id=record.run_id,
        workflow=record.workflow,
        status=record.status,
        epoch=record.epoch,
        length=record.length,
        recoveries=recoveries,
        died=died,
    )


def _owned(record: RunRecord) -> Owned:
    return Owned(run_id=record.run_id, epoch=record.epoch, mail=record.mail)
