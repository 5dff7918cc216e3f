"""What can be gone to, and what was known then."""

import pytest

from perdure import UsageError, WorkflowNotRegistered, start
from perdure.engine.registry import REGISTRY, Registry
from perdure.testing import Lab
from perdure.testing.debugger.recording import Recording, is_reached, is_request
from tests.testing.debugger.conftest import Record
from tests.testing.debugger.trips import fare, tour, travel

pytestmark = pytest.mark.anyio


async def test_events_that_the_body_gets_to(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Late"), None)
    await lab.advance("1s")
    assert [event.fact.type for event in recording.events if not is_reached(event)] == ["run_created", "step_retrying"]
    assert [event.fact.type for event in recording.events if is_request(event)] == ["step_created"]
    assert recording.started_seq == 2
    assert (recording.reached_before(4), recording.reached_before(3), recording.reached_before(2)) == (3, 2, None)
    assert (recording.reached_after(2), recording.reached_after(3)) == (3, None)


async def test_the_rest_after_an_event(lab: Lab, record: Record) -> None:
    recording = await record(await start(tour, ["Rome", "Bern"]))
    assert recording.last_seq == 11
    turns = [event.turn for event in recording.events]
    assert [recording.rest_after(seq) for seq in range(1, 12)] == turns
    assert [recording.asked_by(event.key) for event in recording.events[2:4]] == [3, 4]
    assert recording.asked_by("0/step:trip:fare#7") is None


async def test_a_retry_takes_back_only_what_comes_after_it(lab: Lab, record: Record) -> None:
    with lab.replace(fare, lambda city: 1 / 0):
        run = await start(travel, "Rome")
        await lab.advance("1h")
    await run.retry()
    recording = await record(run)
    kinds = [event.fact.type for event in recording.events]
    failed, retried = kinds.index("run_failed") + 1, kinds.index("run_retried") + 1
    assert recording.as_of(failed) == recording.events[: retried - 1]
    assert recording.as_of(retried) is recording.events is recording.as_of(None)
    assert recording.rest_after(failed) == recording.events[failed - 1].turn
    assert recording.rest_after(retried) == 0


async def test_numbers_that_are_none(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Rome"))
    for seq in (0, -1, 8):
        with pytest.raises(UsageError) as raised:
            recording.event(seq)
        assert str(raised.value) == f"run {recording.run_id} has the events 1 to 7, and no event {seq}"


async def test_what_has_nothing_to_replay(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Rome"))
    with pytest.raises(WorkflowNotRegistered):
        Recording(recording.run_id, recording.events, Registry())
    with pytest.raises(UsageError, match="hasn't begun: there is nothing of its body to see yet"):
        Recording(recording.run_id, recording.events[:1], REGISTRY)
