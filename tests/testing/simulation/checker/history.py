"""Histories written by hand: what a simulation might have left behind. Healthy, until a test plants a violation."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from msgspec import structs

from perdure import Retry, sleep, step, workflow
from perdure.codec.fact import pack
from perdure.model.event import (
    Fact,
    RunCompleted,
    RunCreated,
    RunStarted,
    WaitCompleted,
    WaitCreated,
)
from perdure.model.ids import MailId, RunId, WorkerId, step_id
from perdure.testing.simulation.client import Story
from perdure.testing.simulation.effect import effect
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.ledger import Effect
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.store import Watched
from perdure.world import Log, Row, RunRecord
from tests.core.logs import done, raw
from tests.core.logs import step as called

ME, OTHER = RunId("wrun_00000000000000000000000001"), RunId("wrun_00000000000000000000000002")
WORKER = WorkerId("wrkr_1")
CALM_MS, LATER_MS = 100_000, 1_000_000

# -- what ran


@step(name="checked:do", retry=Retry(max_retries=2, delay="100ms"))
async def do(what: str) -> str:
    return await effect(f"did {what}")


@step(name="checked:once", at_most_once=True, retry=Retry(max_retries=2, delay="100ms"))
async def once(what: str) -> str:
    return await effect(f"did {what}")


@step(name="checked:booked", transaction=True)
async def booked(what: str) -> str:
    return await effect(f"did {what}")


@workflow(name="checked:trip")
async def trip(given: str) -> list[str]:
    first = await do(given)
    await sleep("2s")
    return [first, await do("end")]


@workflow(name="checked:detour")
async def detour(given: str) -> list[str]:
    """What `trip` is in another version."""
    first = await do(given)
    await sleep("2s")
    return [first, await do("other end")]


@workflow(name="checked:both")
async def both(given: str) -> list[str]:
    return await asyncio.gather(do("left"), do("right"))


TRIP = Program(workflow=trip)
SUITE = Suite(programs=(TRIP, Program(workflow=both)), children=(), steps=(do, once, booked))
DEPLOYMENTS = {"d0": 0, "d1": 1}


def suite_of(**options: Any) -> Suite:
    """`trip` alone, as a program with these options."""
    return replace(SUITE, programs=(replace(TRIP, **options),))


# -- logs

DO, END, ONCE, NAP = "0/step:checked:do#0", "0/step:checked:do#1", "0/step:checked:once#0", "0/sleep#0"
BOOKED = "0/step:checked:booked#0"


def row(turn: int, key: str, fact: Fact, **fields: Any) -> Row:
    """An event, of epoch 1 unless `fields` say otherwise. Its seq and its moment are its place in the log."""
    line = Row(seq=0, turn=turn, epoch=1, type=fact.type, key=key, payload=pack(fact), at_ms=0)
    return structs.replace(line, **fields)


def mailed(turn: int, fact: Fact, mail_id: str, key: str = "") -> Row:
    """An event that was a letter."""
    return row(turn, key, fact, mail_id=MailId(mail_id))


def altered(rows: tuple[Row, ...], place: int, **fields: Any) -> tuple[Row, ...]:
    """The rows with these fields of one of them (from 1) changed."""
    return (*rows[: place - 1], structs.replace(rows[place - 1], **fields), *rows[place:])


TRIPPED = (
    row(0, "", RunCreated(workflow="checked:trip", input=raw('{"given":"x"}'), deployment="d0")),
    row(0, "", RunStarted(deployment="d0")),
    row(0, DO, called("checked:do", '{"what":"x"}')),
    row(1, DO, done('"did x"')),
    row(1, NAP, WaitCreated(due_ms=6_000)),
    row(2, NAP, WaitCompleted(due_ms=6_000)),
    row(2, END, called("checked:do", '{"what":"end"}')),
    row(3, END, done('"did end"')),
    row(3, "", RunCompleted(result=raw('["did x","did end"]'))),
)
"""All the rows of a run of `trip`."""

BEGUN = TRIPPED[:2]
ELSEWHERE = altered(TRIPPED, 7, payload=TRIPPED[6].payload.replace(b"end", b"other end"))
"""What `detour` has written, but for its result."""

LEFT = row(0, "0.1/step:checked:do#0", called("checked:do", '{"what":"left"}'))
RIGHT = row(0, "0.2/step:checked:do#0", called("checked:do", '{"what":"right"}'))
"""What a run of `both` asks for first."""

_STATUS = {"run_completed": "completed", "run_failed": "failed", "run_cancelled": "cancelled", "run_blocked": "blocked"}


def log_of(*rows: Row, run_id: RunId = ME, **fields: Any) -> Log:
    """The log of a run, and its row, which says what the log says unless `fields` say otherwise."""
    kept = tuple(
        structs.replace(row, seq=row.seq or place, at_ms=row.at_ms or place * 1_000)
        for place, row in enumerate(rows, 1)
    )
    status = _STATUS.get(rows[-1].type, "running")
    run = RunRecord(
        run_id=run_id,
        workflow="checked:trip",
        status=status,  # type: ignore[arg-type]
        owner=WORKER if status == "running" else None,
        epoch=1,
        length=len(kept),
        mail=0,
        wake_at_ms=None,
        idempotency_key=None,
        parent_id=None,
        root_id=None,
        attributes={},
        deployment="d0",
        recoveries=0,
        created_at_ms=1_000,
        started_at_ms=2_000,
        ended_at_ms=None,
    )
    return Log(run=structs.replace(run, **fields), rows=kept)


# -- what else a simulation leaves


def effect_of(key: str = DO, attempt: int = 1, *, run_id: RunId = ME, **fields: Any) -> Effect:
    """A body has begun, as it should; at its run's beginning."""
    begun = Effect(
        run_id=run_id,
        step_id=step_id(run_id, key),
        step=key.partition("step:")[2].partition("#")[0],
        attempt=attempt,
        worker_id=WORKER,
        epoch=1,
        at_ms=3_000,
        recorded=False,
        owner=True,
        lease_live=True,
    )
    return replace(begun, **fields)


def story_of(program: Program = TRIP, run_id: RunId | None = ME, **fields: Any) -> Story:
    """A client has started this run, and has seen it all."""
    return replace(Story(program=program, run_id=run_id, done=True), **fields)


def evidence_of(*logs: Log, **fields: Any) -> Evidence:
    """These logs, and nothing remarkable with them: no mail, nobody who was told anything, no trouble since 0 ms."""
    evidence = Evidence(
        suite=SUITE,
        logs={log.run.run_id: log for log in logs},
        mail={log.run.run_id: () for log in logs},
        watched=Watched(),
        streams={log.run.run_id: {} for log in logs},
        effects=[],
        written=[],
        booked=[],
        stories=[],
        calm_ms=0,
        ended_ms=LATER_MS,
        late_ms=0,
        back_ms=0,
        skew_ms=0,
        version=0,
        versions=DEPLOYMENTS,
        mischief=[],
        counts=Counter(),
        calls=0,
        trace="",
    )
    return replace(evidence, **fields)


def told(violations: Iterable[Violation]) -> list[tuple[str, str]]:
    """Rules and details; all of run `ME`."""
    found = list(violations)
    assert all(violation.run_id == ME for violation in found)
    return [(violation.rule, violation.detail) for violation in found]
