"""Leases and claims: who may append to what, and whose death counts. What a claim takes is in `0008_pins.sql`."""

from collections.abc import Sequence
from typing import Any, cast

from msgspec import json

from perdure.model.ids import RunId, WorkerId
from perdure.model.status import Status
from perdure.world import Claim, Claimed, Lease, Owned, WorkerRecord
from perdure.world.ownership import REMEMBERED_MS, SUSPECT_FROM
from perdure.worlds.postgres.connection import Call
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import read, write

_BEAT = Call("SELECT perdure.beat($1, $2, $3, $4, $5::jsonb, $6, $7)")
_RETIRE = "UPDATE perdure.workers SET lease_until_ms = 0, graceful = graceful OR $2 WHERE worker_id = $1::text"
_WORKERS = """
    SELECT worker_id, lease_until_ms, now_ms, process, workflows, deployment, runs
    FROM (SELECT coalesce($1::bigint, perdure.clock_ms()) AS now_ms) AS clock,
        perdure.workers,
        LATERAL (SELECT count(*) AS runs FROM perdure.runs WHERE owner = worker_id) AS counted
    WHERE lease_until_ms > now_ms OR runs > 0
    ORDER BY worker_id
"""
_CLAIM = Call("SELECT * FROM perdure.claim($1, $2, $3, $4, $5, $6)")
_RECLAIM = """
    UPDATE perdure.runs SET epoch = epoch + 1, wake_at_ms = NULL, probation = false
    WHERE run_id = $1::text AND owner IS NOT DISTINCT FROM $2::text AND epoch = $3::bigint
    RETURNING run_id, workflow, status, epoch, length, recoveries, false
"""
_OWNED = "SELECT run_id, epoch, mail FROM perdure.runs WHERE owner = $1::text ORDER BY run_id"
_OWNED_WITH_MAIL = "SELECT run_id, epoch, mail FROM perdure.runs WHERE owner = $1::text AND mail > 0"
_NEXT_DUE = """
    SELECT min(due) FROM unnest($1::text[]) AS flow, unnest(ARRAY['', $2::text]) AS mine,
        LATERAL (
            SELECT wake_at_ms AS due FROM perdure.runs
            WHERE workflow = flow AND pin = mine AND wake_at_ms IS NOT NULL ORDER BY wake_at_ms LIMIT 1
        ) AS soonest
"""

_workflows = json.Decoder(tuple[str, ...])


async def beat(store: Store, lease: Lease) -> int:
    await store.writes()
    workflows = json.encode([write(workflow) for workflow in lease.workflows]).decode()
    [[now_ms]] = await store.fetch(
        _BEAT,
        store.told_ms,
        write(lease.worker_id),
        lease.lease_ms,
        write(lease.process),
        workflows,
        write(lease.deployment),
        REMEMBERED_MS,
    )
    store.heard(now_ms)
    return now_ms + lease.lease_ms


async def retire(store: Store, worker_id: WorkerId, died: bool) -> None:
    """A worker that took leave has not died, whoever finds its process gone afterwards."""
    await store.fetch(_RETIRE, write(worker_id), not died)
    store.tell()


async def workers(store: Store, asked: Sequence[None]) -> list[tuple[WorkerRecord, ...]]:
    """The same for all who ask: thousands who wait for a run may, whether anybody serves it."""
    found = tuple(
        WorkerRecord(
            worker_id=WorkerId(read(worker_id)),
            lease_until_ms=lease_until_ms,
            now_ms=now_ms,
            process=read(process),
            workflows=tuple(read(workflow) for workflow in _workflows.decode(workflows)),
            deployment=read(deployment),
            runs=runs,
        )
        for worker_id, lease_until_ms, now_ms, process, workflows, deployment, runs in await store.fetch(
            _WORKERS, store.told_ms
        )
    )
    return [found] * len(asked)


async def claim(store: Store, claim: Claim) -> list[Claimed]:
    flows = [write(workflow) for workflow in claim.workflows]
    asked = (write(claim.worker_id), flows, write(claim.deployment), claim.limit, SUSPECT_FROM)
    rows = await store.fetch(_CLAIM, store.told_ms, *asked)
    return [_claimed(row) for row in rows]


async def reclaim(store: Store, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
    row = await store.fetch_row(_RECLAIM, write(run_id), write(worker_id), epoch)
    return None if row is None else _claimed(row)


async def owned(store: Store, worker_id: WorkerId, with_mail: bool) -> list[Owned]:
    rows = await store.fetch(_OWNED_WITH_MAIL if with_mail else _OWNED, write(worker_id))
    return [Owned(run_id=RunId(read(run_id)), epoch=epoch, mail=mail) for run_id, epoch, mail in rows]


async def next_due_ms(store: Store, workflows: tuple[str, ...], deployment: str) -> int | None:
    """Owned, blocked and ended runs have no `wake_at_ms`."""
    [[due_ms]] = await store.fetch(_NEXT_DUE, [write(workflow) for workflow in workflows], write(deployment))
    return due_ms


def _claimed(row: Sequence[Any]) -> Claimed:
    run_id, workflow, status, epoch, length, recoveries, died = row
    return Claimed(
        run_id=RunId(read(run_id)),
        workflow=read(workflow),
        status=cast(Status, status),
        epoch=epoch,
        length=length,
        recoveries=recoveries,
        died=died,
    )
