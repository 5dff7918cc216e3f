"""Leases and claims: who may append to what, and whose death counts.

Every owner has a row in `workers`, if only an empty one: so the dead are found among a few workers, not among all runs.
"""

from collections.abc import Iterator
from itertools import islice, product
from typing import Any, NamedTuple

from msgspec import json

from perdure.model.ids import RunId, WorkerId
from perdure.world import Claim, Claimed, Lease, Owned, WorkerRecord
from perdure.world.ownership import REMEMBERED_MS, SUSPECT_FROM
from perdure.worlds.sqlite.connection import Connection
from perdure.worlds.sqlite.transaction import Transaction

_BEAT = """
    INSERT INTO workers VALUES (?1, ?2, 0, ?3, ?4, ?5)
    ON CONFLICT (worker_id) DO UPDATE
    SET lease_until_ms = ?2, graceful = 0, process = ?3, workflows = ?4, deployment = ?5
"""

# Whoever claims is there again, if it had taken leave.
_SIGN_OF_LIFE = """
    INSERT INTO workers VALUES (?, 0, 0, '', '[]', '') ON CONFLICT (worker_id) DO UPDATE SET graceful = 0
"""

_FORGET = """
    DELETE FROM workers WHERE lease_until_ms <= ? AND NOT EXISTS (SELECT 1 FROM runs WHERE owner = worker_id)
"""

_WORKERS = """
    SELECT * FROM (
        SELECT worker_id, lease_until_ms, process, workflows, deployment,
               (SELECT count(*) FROM runs WHERE owner = worker_id) AS runs
        FROM workers)
    WHERE lease_until_ms > ? OR runs > 0
    ORDER BY worker_id
"""

_OF_OWNER = "SELECT 0, run_id, workflow, recoveries, probation FROM runs WHERE owner = ? AND pin = ?"
_WITH_MAIL = """
    SELECT 0, run_id, workflow, recoveries, probation FROM runs
    WHERE workflow = ? AND pin = ? AND mail > 0 AND owner IS NULL AND status IN ('pending', 'running')
    ORDER BY run_id LIMIT ?
"""
_OWNED = "SELECT run_id, epoch, mail FROM runs WHERE owner = ? ORDER BY run_id"
# Told which index: by itself the planner may take the other one, and look at every run of the owner.
_WITH_MAIL_OF = "SELECT run_id, epoch, mail FROM runs INDEXED BY runs_by_mail WHERE owner = ? AND mail > 0"
_DUE = """
    SELECT wake_at_ms, run_id, workflow, recoveries, probation FROM runs
    WHERE workflow = ? AND pin = ? AND wake_at_ms IS NOT NULL AND wake_at_ms <= ? AND mail = 0
    ORDER BY wake_at_ms, run_id LIMIT ?
"""
_SOONEST = "SELECT min(wake_at_ms) FROM runs WHERE workflow = ? AND pin = ? AND wake_at_ms IS NOT NULL"

_TAKE = """
    UPDATE runs SET owner = ?, epoch = epoch + 1, wake_at_ms = NULL, recoveries = recoveries + ?, probation = 0
    WHERE run_id = ?
    RETURNING run_id, workflow, status, epoch, length, recoveries
"""
_TAKE_AGAIN = """
    UPDATE runs SET epoch = epoch + 1, wake_at_ms = NULL, probation = 0 WHERE run_id = ? AND owner = ? AND epoch = ?
    RETURNING run_id, workflow, status, epoch, length, recoveries
"""


class _Candidate(NamedTuple):
    due_ms: int
    run_id: str
    workflow: str
    recoveries: int
    probation: int
    died: bool


_workflows = json.Decoder(tuple[str, ...])


def beat(transaction: Transaction, lease: Lease) -> int:
    lease_until_ms = transaction.now_ms + lease.lease_ms
    transaction.connection.execute(_FORGET, (transaction.now_ms - REMEMBERED_MS,))
    transaction.connection.execute(
        _BEAT,
        (
            lease.worker_id,
            lease_until_ms,
            lease.process,
            json.encode(lease.workflows).decode(),
            lease.deployment,
        ),
    )
    return lease_until_ms


def retire(transaction: Transaction, worker_id: WorkerId, died: bool) -> None:
    """A worker that took leave has not died, whoever finds its process gone afterwards."""
    transaction.connection.execute(
        "UPDATE workers SET lease_until_ms = 0, graceful = max(graceful, ?) WHERE worker_id = ?", (not died, worker_id)
    )


def workers(connection: Connection, now_ms: int) -> tuple[WorkerRecord, ...]:
    return tuple(
        WorkerRecord(
            worker_id=worker_id,
            lease_until_ms=lease_until_ms,
            now_ms=now_ms,
            process=process,
            workflows=_workflows.decode(workflows),
            deployment=deployment,
            runs=runs,
        )
        for worker_id, lease_until_ms, process, workflows, deployment, runs in connection.execute(_WORKERS, (now_ms,))
    )


def claim(transaction: Transaction, claim: Claim) -> list[Claimed]:
    connection = transaction.connection
    candidates = sorted(_candidates(connection, claim, transaction.now_ms))[: claim.limit]
    if candidates:
        connection.execute(_SIGN_OF_LIFE, (claim.worker_id,))
    taken: list[Claimed] = []
    for candidate in candidates:
        counts = candidate.died and (candidate.recoveries < SUSPECT_FROM or candidate.probation)
        [row] = connection.execute(_TAKE, (claim.worker_id, bool(counts), candidate.run_id)).fetchall()
        taken.append(_claimed(row, died=candidate.died))
    return taken


def _candidates(connection: Connection, claim: Claim, now_ms: int) -> Iterator[_Candidate]:
    """Runs of the dead, with mail, or due. Since when the first two wait isn't known: they count as due for ever."""
    lapsed = "SELECT worker_id, graceful FROM workers WHERE lease_until_ms <= ? AND worker_id <> ?"
    dead = connection.execute(lapsed, (now_ms, claim.worker_id)).fetchall()
    pins = {"", claim.deployment}
    for (worker_id, graceful), pin in product(dead, pins):
        left = (_Candidate(*row, died=not graceful) for row in connection.execute(_OF_OWNER, (worker_id, pin)))
        yield from islice((run for run in left if run.workflow in claim.workflows), claim.limit)
    for workflow, pin in product(set(claim.workflows), pins):
        for row in connection.execute(_WITH_MAIL, (workflow, pin, claim.limit)):
            yield _Candidate(*row, died=False)
        for row in connection.execute(_DUE, (workflow, pin, now_ms, claim.limit)):
            yield _Candidate(*row, died=False)


def reclaim(transaction: Transaction, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
    rows = transaction.connection.execute(_TAKE_AGAIN, (run_id, worker_id, epoch)).fetchall()
    return _claimed(rows[0], died=False) if rows else None


def owned(connection: Connection, worker_id: WorkerId, with_mail: bool) -> list[Owned]:
    rows = connection.execute(_WITH_MAIL_OF if with_mail else _OWNED, (worker_id,))
    return [Owned(run_id=run_id, epoch=epoch, mail=mail) for run_id, epoch, mail in rows]


def next_due_ms(connection: Connection, workflows: tuple[str, ...], deployment: str) -> int | None:
    """Owned, blocked and ended runs have no `wake_at_ms`."""
    soonest: list[int] = []
    for named in product(workflows, {"", deployment}):
        [[wake_at_ms]] = connection.execute(_SOONEST, named).fetchall()
        if wake_at_ms is not None:
            soonest.append(wake_at_ms)
    return min(soonest, default=None)


def _claimed(row: Any, *, died: bool) -> Claimed:
    run_id, workflow, status, epoch, length, recoveries = row
    return Claimed(
        run_id=run_id,
        workflow=workflow,
        status=status,
        epoch=epoch,
        length=length,
        recoveries=recoveries,
        died=died,
    )
