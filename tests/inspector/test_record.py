"""Records out of their JSON: every one is the same again, and what is none is refused."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from perdure.api.records import DivergenceInfo, ErrorInfo, Record, RunInfo, Waiting
from perdure.inspector.record import record_of
from perdure.inspector.span import AttemptInfo, SpanInfo, Timeline
from perdure.inspector.worker import WorkerInfo
from perdure.inspector.workflow import WorkflowInfo

AT = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
ERROR = ErrorInfo(type="E", message="no", traceback=None)
ATTEMPT = AttemptInfo(attempt=1, started_at=AT, ended_at=None, status="failed", error=ERROR)
SPAN = SpanInfo(
    key="a", kind="hook", name="x", status="waiting", started_at=AT, ended_at=None, due_at=AT, step_id=None, run_id=None,
    token="t", attempts=(ATTEMPT,), marks=(AT, AT),
)  # fmt: skip
RUN = RunInfo(
    run_id="wrun_1", workflow="a:b", status="blocked", created_at=AT, started_at=AT, completed_at=None, duration_ms=None,
    attributes={"runId": "x", "run_id": "y", "a_b": "c"}, parent_id=None, root_id="wrun_1", recoveries=2, deployment="",
    reason="why", forced=False, error=ERROR,
    divergence=DivergenceInfo(recorded="a", attempted="b", turn=3, line=None, deployment="d"),
    waiting_for=(Waiting(kind="sleep", key="k", since=AT, until=None, detail="a sleep"),),
)  # fmt: skip
WORKER = WorkerInfo(
    worker_id="wrkr_1", pid=None, here=True, deployment="", queues=("default",), workflows=(), runs=0, lease_until=AT,
    leased=True,
)  # fmt: skip
WORKFLOW = WorkflowInfo(
    name="a:b", workers=1, sampled=2, counts={"failed": 1}, started_last_hour=0, p50_ms=None, p95_ms=7, failed_share=0.5
)


@pytest.mark.parametrize(
    "record", [ERROR, ATTEMPT, SPAN, RUN, WORKER, WORKFLOW, Timeline(items=(SPAN,), created_at=AT, now=AT)]
)
def test_each_is_the_same_again(record: Record) -> None:
    told = msgspec.json.decode(msgspec.json.encode(record.as_json()))
    assert record_of(type(record), told) == record
    assert record_of(type(record), {**told, "news": 1}) == record


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Record):
    first_part: int
    second_part: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "told",
    [
        None, 1, [], {}, {"first_part": 1}, {"firstPart": "1"}, {"firstPart": None}, {"firstPart": 1, "secondPart": "x"},
        {"firstPart": 1, "secondPart": [1]},
    ],
)  # fmt: skip
def test_what_is_none(told: Any) -> None:
    assert record_of(Pair, {"firstPart": 1, "secondPart": ["a"]}) == Pair(first_part=1, second_part=("a",))
    with pytest.raises(msgspec.ValidationError):
        record_of(Pair, told)


@pytest.mark.parametrize(
    "wrong", [{"status": "asleep"}, {"waitingFor": [1]}, {"error": "E"}, {"createdAt": "soon"}, {"divergence": []}]
)
def test_what_is_none_within(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        record_of(RunInfo, {**RUN.as_json(), **wrong})
