"""Child runs as a body sees them: a log in, requests and results out."""

import dataclasses
from dataclasses import dataclass

import pytest

from perdure.codec.arguments import encode_arguments
from perdure.errors import RunCancelled, RunFailed
from perdure.model.event import AnyFact, ChildCancelled, ChildCompleted, ChildCreated, ChildFailed
from perdure.model.ids import child_run_id
from perdure.replay.body import current_body
from perdure.replay.run import child_result, start_child
from tests.core.logs import BOOM, raw
from tests.replay.bodied import ME, body_of, deliver, ended, keys, requests, workflow_of


@dataclass
class Parcel:
    id: str
    note: str = ""


async def ship(n: int = 0, parcel: Parcel | None = None) -> int: ...  # type: ignore[empty-body]


SHIP = dataclasses.replace(workflow_of(ship), name="app:ship")
KEY = "0/child:app:ship#0"
CHILD = child_run_id(ME, KEY)
CREATED = ChildCreated(run_id=CHILD, workflow="app:ship", input=raw('{"n":1}'), attributes={"a": "b"}, due_ms=9)


async def flow() -> str:
    body = current_body()
    assert body is not None
    run_id = start_child(body, SHIP, b'{"n":1}', attributes={"a": "b"}, due_ms=9)
    assert run_id == CHILD, "known at once"
    try:
        return f"it said {await child_result(body, run_id, int)}"
    except RunFailed as error:
        return f"{error.summary} from {type(error.__cause__).__name__}"
    except RunCancelled as error:
        return f"cancelled: {error.reason}"


END: dict[str, tuple[AnyFact, str]] = {
    "completed": (ChildCompleted(run_id=CHILD, result=raw("7")), "it said 7"),
    "failed": (ChildFailed(run_id=CHILD, error=BOOM), "ValueError: boom from ValueError"),
    "cancelled": (ChildCancelled(run_id=CHILD, reason="late"), "cancelled: late"),
}


def test_new() -> None:
    assert requests(body_of(flow)) == [(KEY, CREATED)]


@pytest.mark.parametrize("end", END)
def test_its_end_is_delivered(end: str) -> None:
    body = body_of(flow)
    keys(body)
    deliver(body, 1, (KEY, END[end][0]))
    assert ended(body) == f'run_completed "{END[end][1]}"'


@pytest.mark.parametrize("end", END)
def test_recorded(end: str) -> None:
    body = body_of(flow, (0, KEY, CREATED), (1, KEY, END[end][0]))
    assert (requests(body), ended(body)) == ([], f'run_completed "{END[end][1]}"')


def test_recorded_and_pending() -> None:
    body = body_of(flow, (0, KEY, CREATED))
    assert (requests(body), ended(body)) == ([], "")
    assert body.awaits(KEY)


def test_a_waiter_that_gives_up_may_come_back() -> None:
    """The child isn't released: its end is kept for whoever asks again."""

    async def patient() -> int:
        body = current_body()
        assert body is not None
        run_id = start_child(body, SHIP, b"{}", attributes={}, due_ms=None)
        first = body.loop.create_task(child_result(body, run_id, int))
        first.cancel()
        return await child_result(body, run_id, int) + await child_result(body, run_id, int)

    body = body_of(patient)
    keys(body)
    deliver(body, 1, (KEY, ChildCompleted(run_id=CHILD, result=raw("7"))))
    assert ended(body) == "run_completed 14"


def test_two_of_one_workflow_are_two_runs() -> None:
    async def twice() -> list[str]:
        body = current_body()
        assert body is not None
        return [start_child(body, SHIP, b"{}", attributes={}, due_ms=None) for _ in range(2)]

    second = "0/child:app:ship#1"
    body = body_of(twice)
    assert keys(body) == [KEY, second]
    assert ended(body) == f'run_completed ["{CHILD}","{child_run_id(ME, second)}"]'
    assert child_run_id(ME, second) != CHILD


def test_a_field_with_a_default_more_is_the_same_call() -> None:
    async def asks() -> int:
        body = current_body()
        assert body is not None
        run_id = start_child(body, SHIP, encode_arguments({"parcel": Parcel("p")}), attributes={}, due_ms=None)
        return await child_result(body, run_id, int)

    before = raw('{"parcel":{"$":"obj","type":"tests.replay.test_run:Parcel","v":{"id":"p"}}}')
    created = ChildCreated(run_id=CHILD, workflow="app:ship", input=before)
    body = body_of(asks, (0, KEY, created), (1, KEY, ChildCompleted(run_id=CHILD, result=raw("7"))))
    assert (body.divergence, ended(body)) == (None, "run_completed 7")
