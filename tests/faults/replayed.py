"""What bodies ask for when golden logs are replayed, and how simulations go, as text: `python -m tests.faults.replayed`.

Run it under any PYTHONHASHSEED: all but the hash must be the same. A log is cut before each turn's answer, so that every
beginning of it that was once the whole log is replayed, and the body is asked for what comes next.
"""

import json
from collections.abc import Iterable, Iterator

import msgspec

from perdure.core.history import History
from perdure.engine.log import to_event
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import Event, HookDisposed, RunCreated
from perdure.replay.queue import body_of
from perdure.testing.simulation.checker.replay import asked_for, random_tokens
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.simulation import Plan, simulate
from tests.faults.programs import PROGRAMS, SUITE
from tests.golden import kept

SEEDS = range(40)
Answers = dict[int, list[str]]


def recorded(log: RunLog) -> Answers:
    """What the log says that the body asked for, by turn."""
    answers: Answers = {}
    for row in log.rows:
        if row.is_request:
            answers.setdefault(row.turn, []).append(_said(to_event(row.kept)))
    return answers


def attempted(code: WorkflowDefinition, log: RunLog) -> Answers:
    """What this code asks for, by turn, each time on the log as it was before."""
    events = [to_event(row.kept) for row in log.rows]
    first: dict[int, int] = {}
    for row in log.rows:
        if row.is_request:
            first.setdefault(row.turn, row.seq)
    return {turn: asked(code, log, events[: seq - 1], random_tokens(events[seq - 1 :])) for turn, seq in first.items()}


def asked(code: WorkflowDefinition, log: RunLog, events: list[Event], tokens: Iterable[str] = ()) -> list[str]:
    """What the body asks for at the end of these events."""
    created = events[0].fact
    assert isinstance(created, RunCreated), "a log begins with run_created"
    made = iter(tokens)
    body = body_of(created, log.run_id, code, History(events), lambda: next(made, ""))
    body.begin()
    try:
        if body.divergence is not None:
            return [body.divergence.sentence()]
        asked_now = [(key, fact) for key, fact in body.take_answer().requests if not isinstance(fact, HookDisposed)]
        return [f"{key} {msgspec.json.encode(fact).decode()}" for key, fact in asked_now]
    finally:
        body.put_away()


def _said(event: Event) -> str:
    return f"{event.key} {msgspec.json.encode(asked_for(event.fact)).decode()}"


def texts() -> Iterator[tuple[str, object]]:
    """All of it, by name."""
    for log in kept.logs():
        for number, code in enumerate(SUITE.codes(log.run.workflow)):
            yield f"{log.run_id} {log.run.workflow} {number}", attempted(code, log)
    plan = Plan(suite=SUITE, programs=PROGRAMS)
    for seed in SEEDS:
        yield f"seed {seed}", simulate(plan, seed).trace


if __name__ == "__main__":
    print(json.dumps({"hash": hash("perdure"), **dict(texts())}))
