"""Records and their JSON: camelCase for our keys, the user's untouched; listings by page and as a whole."""

import json
from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from perdure import EventInfo, Page, RunInfo, StepInfo, WaitInfo, Waiting
from perdure.api.records import ErrorInfo, Listing, moment, moment_or_none

pytestmark = pytest.mark.anyio

AT = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
TEXT = "2030-01-02T03:04:05.678000Z"


def run_info(**changes: Any) -> RunInfo:
    parts: dict[str, Any] = {
        "run_id": "wrun_1",
        "workflow": "app:pay",
        "status": "running",
        "created_at": AT,
        "started_at": None,
        "completed_at": None,
        "duration_ms": None,
        "attributes": {"snake_case": "kept"},
        "parent_id": None,
        "root_id": "wrun_1",
        "recoveries": 0,
        "deployment": "d",
        "reason": None,
        "forced": False,
    }
    return RunInfo(**{**parts, **changes})


def test_a_runs_json() -> None:
    waiting = Waiting(kind="sleep", key="0/sleep#0", since=AT, until=None, detail="a sleep")
    found = run_info(
        waiting_for=(waiting,), error=ErrorInfo(type="ValueError", message="boom", traceback=None)
    ).as_json()
    assert found["runId"] == "wrun_1"
    assert found["createdAt"] == TEXT
    assert found["startedAt"] is None
    assert found["durationMs"] is None
    assert found["attributes"] == {"snake_case": "kept"}
    assert found["waitingFor"] == [
        {"kind": "sleep", "key": "0/sleep#0", "since": TEXT, "until": None, "detail": "a sleep"}
    ]
    assert found["error"] == {"type": "ValueError", "message": "boom", "traceback": None}


def test_a_result_in_json_is_the_users_own() -> None:
    assert run_info(result={"order_id": [1, {"line_no": 2}]}).as_json()["result"] == {"order_id": [1, {"line_no": 2}]}


@dataclass
class Receipt:
    order_id: str
    total: Decimal


@pytest.mark.parametrize(
    ("result", "plain"),
    [
        (Receipt("o-1", Decimal("1.50")), {"order_id": "o-1", "total": "1.50"}),
        ([Receipt("o-1", Decimal(1))], [{"order_id": "o-1", "total": "1"}]),
        ((AT, {1: {"x"}}), [TEXT, {"1": ["x"]}]),
        ({"$": "dt", "v": 1}, {"$": "dt", "v": 1}),
        (1 + 2j, {"$": "complex", "v": [1.0, 2.0]}),
        (2**70, 2**70),
        (None, None),
    ],
)
def test_a_result_is_plain_json(result: Any, plain: Any) -> None:
    found = run_info(result=result).as_json()["result"]
    assert json.loads(json.dumps(found)) == plain


def test_a_steps_json() -> None:
    step = StepInfo(
        step_id="step_1",
        run_id="wrun_1",
        name="app:charge",
        status="retrying",
        attempt=2,
        input={"order_id": 1},
        output=None,
        error=None,
        created_at=AT,
        started_at=AT,
        completed_at=None,
        retry_at=AT,
    )
    assert step.as_json() == {
        "stepId": "step_1",
        "runId": "wrun_1",
        "name": "app:charge",
        "status": "retrying",
        "attempt": 2,
        "input": {"order_id": 1},
        "output": None,
        "error": None,
        "createdAt": TEXT,
        "startedAt": TEXT,
        "completedAt": None,
        "retryAt": TEXT,
        "queue": None,
    }


def test_an_events_and_a_waits_json() -> None:
    event = EventInfo(seq=1, turn=0, type="run_created", key="", at=AT, data={"due_ms": 1})
    assert event.as_json() == {"seq": 1, "turn": 0, "type": "run_created", "key": "", "at": TEXT, "data": {"due_ms": 1}}
    wait = WaitInfo(key="k", kind="sleep", status="waiting", created_at=AT, due_at=AT, completed_at=None)
    assert wait.as_json() == {
        "key": "k",
        "kind": "sleep",
        "status": "waiting",
        "createdAt": TEXT,
        "dueAt": TEXT,
        "completedAt": None,
    }


def test_a_pages_json() -> None:
    page = Page(items=(run_info(),), cursor="wrun_1")
    assert page.as_json()["cursor"] == "wrun_1"
    assert page.as_json()["items"][0]["runId"] == "wrun_1"


def test_records_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        run_info().status = "completed"  # type: ignore[misc]


def test_moments_are_aware() -> None:
    assert moment(1_500) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=1.5)
    assert moment(0).tzinfo is UTC
    assert moment_or_none(None) is None


PAGES: dict[str | None, Page[int]] = {
    None: Page(items=(1, 2), cursor="b"),
    "b": Page(items=(), cursor="c"),
    "c": Page(items=(3,), cursor=None),
}


async def page_at(cursor: str | None) -> Page[int]:
    return PAGES[cursor]


async def test_a_listing_is_awaited_for_a_page_and_iterated_for_all() -> None:
    assert await Listing(page_at) == PAGES[None]
    assert [item async for item in Listing(page_at)] == [1, 2, 3]
    assert await Listing(page_at, "c") == PAGES["c"]
    assert [item async for item in Listing(page_at, "b")] == [3]
