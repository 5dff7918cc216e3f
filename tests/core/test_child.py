"""Children as their parent's log tells of them."""

import pytest

from perdure.core.child import children_of
from perdure.model.event import (
    AnyFact,
    ChildCancelled,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    RunCompleted,
    RunFailed,
    RunRetried,
)
from perdure.model.ids import RunId
from tests.core.logs import BOOM, SECOND, failed, log, raw, step

CHILD = RunId("wrun_child")
CREATED = ChildCreated(run_id=CHILD, workflow="app:pay", input=raw("{}"))


@pytest.mark.parametrize(
    ("ending", "status", "ended_at_ms"),
    [
        (None, "running", None),
        (ChildCompleted(run_id=CHILD, result=raw("1")), "completed", 4 * SECOND),
        (ChildFailed(run_id=CHILD, error=BOOM), "failed", 4 * SECOND),
        (ChildCancelled(run_id=CHILD), "cancelled", 4 * SECOND),
    ],
)
def test_a_child_through_its_life(ending: AnyFact | None, status: str, ended_at_ms: int | None) -> None:
    [child] = children_of(log((0, "a", CREATED), *([] if ending is None else [(1, "a", ending)])))
    assert (child.run_id, child.workflow, child.created_at_ms) == (CHILD, "app:pay", 3 * SECOND)
    assert (child.status, child.ended_at_ms) == (status, ended_at_ms)


def test_one_that_its_parent_leaves() -> None:
    [child] = children_of(log((0, "a", CREATED), (1, "", RunCompleted(result=raw("1")))))
    assert (child.status, child.ended_at_ms) == ("left", 4 * SECOND)


def test_a_retry_of_the_parent_takes_it_up_again() -> None:
    lines = ((1, "b", failed()), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=5)))
    [child] = children_of(log((0, "a", CREATED), (0, "b", step()), *lines))
    assert child.status == "running"
