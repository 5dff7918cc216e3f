"""The body of a queued step's run: it asks for the step, and ends as the step ends."""

from typing import Any

from msgspec.structs import replace

from perdure.core.history import History
from perdure.model.event import (
    AnyFact,
    CancelRequested,
    Event,
    QueuedStep,
    RequestsReleased,
    RunCompleted,
    RunCreated,
    RunFailed,
    StepCreated,
)
from perdure.replay.body import Body
from perdure.replay.queue import StepBody, body_of
from tests.core.logs import BOOM, done, failed, log, raw
from tests.replay.bodied import ME, deliver, ended, requests, workflow_of

KEY = "0/step:app:embed#3"
STEP = QueuedStep(name="app:embed", at_most_once=True, first_at_ms=1, max_recoveries=5)
CREATED = RunCreated(workflow="queue:gpu/app:embed", input=raw('{"what":"x"}'), parent_key=KEY, step=STEP)
ASKED = StepCreated(name="app:embed", input=raw('{"what":"x"}'), at_most_once=True)


async def flow(what: str) -> Any: ...


def queued(*lines: tuple[int, str, AnyFact], created: RunCreated = CREATED) -> Body:
    """Behind this beginning of a log; it has begun."""
    first, *rest = log(*lines)
    events: list[Event] = [replace(first, fact=created), *rest]
    body = body_of(created, ME, workflow_of(flow), History(events), lambda: "token")
    body.begin()
    return body


def test_it_asks_for_its_step_as_its_parent_did() -> None:
    assert requests(queued()) == [(KEY, ASKED)]


def test_the_steps_result_is_its_own() -> None:
    body = queued()
    requests(body)
    deliver(body, 1, (KEY, done('{"n": 1.50}')))
    assert isinstance(body.end, RunCompleted) and bytes(body.end.result) == b'{"n": 1.50}', "as it was recorded"


def test_the_steps_failure_is_its_own() -> None:
    body = queued()
    requests(body)
    deliver(body, 1, (KEY, failed()))
    assert isinstance(body.end, RunFailed) and (body.end.error.type, body.end.error.message) == (
        BOOM.type,
        BOOM.message,
    )


def test_a_cancel_lets_the_step_go() -> None:
    body = queued()
    requests(body)
    deliver(body, 1, ("", CancelRequested()))
    assert ended(body).startswith("run_cancelled")
    assert body.take_answer().released == [KEY]


def test_it_replays() -> None:
    body = queued((0, KEY, ASKED), (1, KEY, done("7")))
    assert (ended(body), requests(body), body.divergence) == ("run_completed 7", [], None)
    body = queued((0, KEY, ASKED), (1, "", CancelRequested()), (1, "", RequestsReleased(keys=(KEY,))))
    assert ended(body).startswith("run_cancelled") and requests(body) == []


def test_another_run_has_its_workflows_body() -> None:
    plain = replace(CREATED, step=None)
    assert not isinstance(queued(created=plain), StepBody)
    assert isinstance(queued(), StepBody)
