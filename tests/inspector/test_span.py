"""A run's timeline, as JSON has it."""

from perdure.core.attempt import AttemptStanding
from perdure.inspector.span import attempt_info, read_timeline, span_info
from perdure.inspector.timeline import Span
from perdure.model.failure import Failure
from perdure.model.ids import RunId
from tests.cli.shop import Shop
from tests.inspector.looking import look


def test_a_run(desk: Shop) -> None:
    timeline = look(read_timeline, desk.runs["asking"]).as_json()
    assert timeline.keys() == {"items", "createdAt", "now"}
    kinds = {span["kind"]: span for span in timeline["items"]}
    assert kinds.keys() == {"step", "sleep", "timeout", "hook"}
    assert kinds["step"]["stepId"].startswith("step_")
    assert kinds["step"]["attempts"][0] == {
        "attempt": 1, "startedAt": kinds["step"]["startedAt"], "endedAt": kinds["step"]["endedAt"],
        "status": "completed", "error": None,
    }  # fmt: skip
    assert kinds["sleep"]["endedAt"] is None
    assert kinds["sleep"]["dueAt"].endswith("Z")
    approval = next(span for span in timeline["items"] if span["token"] == "desk:o-1")
    assert len(approval["marks"]) == 1
    assert {"key", "name", "status", "runId"} <= approval.keys()


def test_a_child() -> None:
    span = Span(
        key="k", kind="child", name="a:b", status="running", began_at_ms=1000, ended_at_ms=None, run_id=RunId("wrun_2")
    )
    shown = span_info(RunId("wrun_1"), span).as_json()
    assert (shown["runId"], shown["stepId"], shown["startedAt"]) == ("wrun_2", None, "1970-01-01T00:00:01Z")


def test_an_attempt_that_failed() -> None:
    failure = Failure(type="builtins:ValueError", message="no", traceback="Traceback")
    attempt = AttemptStanding(number=2, began_at_ms=1000, status="failed", ended_at_ms=2000, error=failure)
    assert attempt_info(attempt).as_json() == {
        "attempt": 2, "startedAt": "1970-01-01T00:00:01Z", "endedAt": "1970-01-01T00:00:02Z", "status": "failed",
        "error": {"type": "ValueError", "message": "no", "traceback": "Traceback"},
    }  # fmt: skip
