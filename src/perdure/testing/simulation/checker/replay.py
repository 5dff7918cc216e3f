"""Rules of replay: a log replays, without I/O, to the same end; and each part of it asks for what the log has next."""

from collections.abc import Iterable, Iterator
from typing import cast

from perdure.core.divergence import describe
from perdure.core.history import History
from perdure.engine.log import to_event
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import (
    Event,
    Fact,
    HookConflict,
    HookCreated,
    HookDisposed,
    Request,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
)
from perdure.model.ids import RunId
from perdure.replay.body import Body
from perdure.replay.queue import body_of
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.evidence import Evidence, Violation


def check_replay(evidence: Evidence, log: RunLog, *, prefixes: bool) -> Iterator[Violation]:
    """Replay the log with the code that wrote it; with `prefixes`, up to each turn too."""
    events = [to_event(row.kept) for row in log.rows]
    if not any(row.type == "run_started" for row in log.rows):
        return
    codes = evidence.suite.codes(log.run.workflow)
    length = _before_force(log)
    code = next((code for code in codes if not diverges(code, log, length)), None)
    if code is None:
        parted = _replayed(codes[0], log.run_id, events[:length])
        sentence = parted.divergence.sentence() if parted.divergence is not None else ""
        parted.put_away()
        yield Violation("P3 no code fits the log", log.run_id, sentence)
        return
    body = _replayed(code, log.run_id, events[:length])
    detail = _another_end(body, log)
    body.put_away()
    if detail:
        yield Violation("P3 the replay ends otherwise", log.run_id, detail)
    if prefixes:
        for detail in _other_requests(code, log, events):
            yield Violation("P3 a part of the log asks for something else", log.run_id, detail)


def fits(code: WorkflowDefinition, log: RunLog) -> bool:
    """Whether this code replays the whole log."""
    return not diverges(code, log, len(log.rows))


def diverges(code: WorkflowDefinition, log: RunLog, length: int) -> bool:
    """Whether this code asks for something else than the first `length` events."""
    body = _replayed(code, log.run_id, [to_event(row.kept) for row in log.rows[:length]])
    diverged = body.divergence is not None
    body.put_away()
    return diverged


def _before_force(log: RunLog) -> int:
    """How many events there were before somebody ended the run without its body, and recorded what mail there was."""
    if log.end is None or log.end.type != "run_cancelled" or not (log.end.fact.get("forced") or log.was_parked):
        return len(log.rows)
    length = len(log.rows) - 1
    while log.rows[length - 1].kept.mail_id is not None or log.rows[length - 1].fact.get("woken"):
        length -= 1
    return length


def _replayed(code: WorkflowDefinition, run_id: str, events: list[Event], tokens: Iterable[str] = ()) -> Body:
    created = events[0].fact
    assert isinstance(created, RunCreated), "a log begins with run_created"
    made = iter(tokens)
    body = body_of(created, RunId(run_id), code, History(events), lambda: next(made, ""))
    body.begin()
    return body


def _another_end(body: Body, log: RunLog) -> str:
    if log.end is None:
        return ""
    match log.end.type, body.end:
        case "run_completed", RunCompleted(result=result) if bytes(result) == _result_of(log):
            return ""
        case "run_failed", RunFailed(error=error) if _is_error(error.type, error.message, log):
            return ""
        case "run_cancelled", RunCancelled():
            return ""
        case "run_cancelled", _ if log.end.fact.get("forced") or log.was_parked:
            return ""
        case recorded, attempted:
            return f"recorded {recorded}, attempted {attempted}"


def _result_of(log: RunLog) -> bytes:
    event = to_event(log.rows[-1].kept)
    assert isinstance(event.fact, RunCompleted), "asked for completed runs only"
    return bytes(event.fact.result)


def _is_error(type: str, message: str, log: RunLog) -> bool:
    error = log.rows[-1].fact["error"]
    return (type, message) == (error["type"], error["message"])


def _other_requests(code: WorkflowDefinition, log: RunLog, events: list[Event]) -> Iterator[str]:
    """Cut the log before each turn's answer: the body must ask for exactly that."""
    answers: dict[int, list[int]] = {}
    for row in log.rows:
        if row.is_request:
            answers.setdefault(row.turn, []).append(row.seq)
    for turn, seqs in answers.items():
        body = _replayed(code, log.run_id, events[: seqs[0] - 1], tokens=random_tokens(events[seqs[0] - 1 :]))
        asked = [(key, one) for key, one in body.take_answer().requests if not isinstance(one, HookDisposed)]
        body.put_away()
        recorded = [(events[seq - 1].key, asked_for(events[seq - 1].fact)) for seq in seqs]
        if asked != recorded:
            yield f"turn {turn}: recorded {_told(recorded)}, attempted {_told(asked)}"


def asked_for(fact: Fact) -> Request:
    """A request as the body made it: before the World decided on it."""
    return fact.hook if isinstance(fact, HookConflict) else cast(Request, fact)


def random_tokens(events: Iterable[Event]) -> Iterator[str]:
    """The tokens that a body made at random, in order: one that is to make them anew is given these."""
    asked = (asked_for(event.fact) for event in events)
    return (hook.token for hook in asked if isinstance(hook, HookCreated) and hook.random)


def _told(requests: list[tuple[str, Request]]) -> list[str]:
    return [f"{key}: {describe(request)}" for key, request in requests]
