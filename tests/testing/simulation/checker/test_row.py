"""A log as the checker reads it."""

from perdure.model.event import (
    AttributesSet,
    ChildCreated,
    HookDisposed,
    PatchMarked,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRetried,
    RunUnblocked,
)
from perdure.testing.simulation.checker.row import RunLog
from perdure.world import Row
from tests.core.logs import BOOM, failed, raw
from tests.testing.simulation.checker.history import BEGUN, DO, ME, NAP, OTHER, TRIPPED, log_of, mailed, row

FAILED = (*TRIPPED[:3], row(1, DO, failed()), row(1, "", RunFailed(error=BOOM)))


def log(*rows: Row) -> RunLog:
    return RunLog(log_of(*rows))


def test_a_row_is_its_event_with_a_plain_payload() -> None:
    [*_, kept] = log(*TRIPPED[:2], mailed(3, AttributesSet(changes={"phase": "1"}), "mail_1", NAP)).rows
    assert (kept.seq, kept.turn, kept.epoch, kept.type, kept.key, kept.at_ms) == (3, 3, 1, "attr_set", NAP, 3_000)
    assert kept.fact == {"changes": {"phase": "1"}}
    assert kept.kept.mail_id == "mail_1"


def test_it_is_its_runs() -> None:
    found = RunLog(log_of(*TRIPPED, run_id=OTHER))
    assert (found.run_id, found.run.status, len(found.rows)) == (OTHER, "completed", 9)


def test_rows_by_type_in_order() -> None:
    found = log(*TRIPPED)
    assert [row.seq for row in found.of("step_completed")] == [4, 8]
    assert [row.seq for row in found.of("wait_created", "step_created")] == [3, 5, 7]
    assert [*found.of("run_failed")] == []


def test_requests_are_what_the_body_asked_for() -> None:
    rows = (
        *TRIPPED,
        row(3, "c", ChildCreated(run_id=ME, workflow="checked:trip", input=raw("{}"))),
        row(3, "a", AttributesSet(changes={})),
        row(3, DO, AttributesSet(changes={}, by_step=True)),
        row(3, "patch:p", PatchMarked(name="p", answer=True)),
    )
    assert [row.seq for row in log(*rows).rows if row.is_request] == [3, 5, 7, 10, 11]


def test_failures_that_were_taken_back() -> None:
    assert log(*FAILED).taken_back == set()
    assert log(*FAILED, row(1, "", RunRetried(failure_seq=4))).taken_back == {4}


def test_disposals_that_were_taken_back_with_a_failure() -> None:
    disposed = row(1, "0/hook#0", HookDisposed())
    rows = (*TRIPPED[:2], disposed, TRIPPED[2], row(1, DO, failed()), disposed, row(1, "", RunFailed(error=BOOM)))
    assert log(*rows).told_in_vain == set()
    assert log(*rows, row(1, "", RunRetried(failure_seq=5)), disposed).told_in_vain == {6}


def test_the_end_is_the_last_row_or_there_is_none() -> None:
    for end in (RunCompleted(result=raw("1")), RunFailed(error=BOOM), RunCancelled()):
        found = log(*TRIPPED[:4], row(1, "", end)).end
        assert found is not None
        assert (found.seq, found.type) == (5, end.type)
    assert log(*BEGUN).end is None
    assert log(*FAILED, row(1, "", RunRetried(failure_seq=4))).end is None
    assert log(*BEGUN, row(0, "", RunBlocked(sentence="it doesn't fit"))).end is None


def test_a_run_that_was_parked_once() -> None:
    blocked = row(0, "", RunBlocked(sentence="it doesn't fit"))
    assert not log(*TRIPPED).was_parked
    assert log(*BEGUN, blocked).was_parked
    assert log(*BEGUN, blocked, row(0, "", RunUnblocked()), *TRIPPED[2:]).was_parked
