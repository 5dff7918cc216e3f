"""Where a replay stops: at a call, at the line after a delivery, at a rest, at the end, at what doesn't fit."""

import sys

import pytest

from perdure import UsageError, resume_hook, start
from perdure.replay.trial import outside_of_tasks
from perdure.testing import Lab
from perdure.testing.debugger.recording import Recording
from perdure.testing.debugger.replay import Replay
from tests.testing.debugger.conftest import Record
from tests.testing.debugger.trips import (
    ask,
    book,
    changed,
    compare,
    fare,
    group,
    line_of,
    nap,
    other_parameters,
    shorter,
    there_and_back,
    tour,
    travel,
)

pytestmark = pytest.mark.anyio


async def stops(recording: Recording, until: int | None, *, on: bool = False) -> list[tuple[int, str, int | None]]:
    """(event, state, line) of each; without `on` it is left at the first."""
    found: list[tuple[int, str, int | None]] = []

    def look(replay: Replay) -> None:
        found.append((replay.seq, replay.state, replay.frame and own_line(replay)))
        if not on:
            replay.leave()

    def own_line(replay: Replay) -> int | None:
        frame = replay.frame
        while frame is not None and "trips.py" not in frame.f_code.co_filename:
            frame = frame.f_back
        return frame and frame.f_lineno

    await outside_of_tasks(lambda: Replay(recording, look, until).run())
    return found


async def test_every_event_of_a_run(lab: Lab, record: Record) -> None:
    run = await start(travel, "Late")
    await lab.advance("1s")
    recording = await record(run)
    assert [event.fact.type for event in recording.events] == [
        "run_created", "run_started", "step_created", "step_retrying", "step_started", "step_completed", "step_created",
        "step_completed", "run_completed",
    ]  # fmt: skip
    fared, total = line_of(travel.fn, "await fare"), line_of(travel.fn, "total = ")
    booked, returned = line_of(travel.fn, "await book"), line_of(travel.fn, "return")
    found = [(await stops(recording, seq))[0] for seq in range(1, 10)]
    assert found == [
        (2, "goes on", fared), (2, "goes on", fared), (3, "asks", fared), (4, "waits", None), (5, "waits", None),
        (6, "goes on", total), (7, "asks", booked), (8, "goes on", returned), (9, "has ended", None),
    ]  # fmt: skip
    assert await stops(recording, None) == [(9, "has ended", None)]
    assert await stops(recording, 3, on=True) == [found[2], (9, "has ended", None)]


async def test_two_deliveries_of_one_turn(lab: Lab, record: Record) -> None:
    """A request is gone to where its branch makes it, though the other branch's delivery comes before it in the log."""
    recording = await record(await start(tour, ["Rome", "Bern"]))
    back = line_of(there_and_back, "back = ")
    found = [(await stops(recording, seq))[0] for seq in (5, 6, 7, 8)]
    assert [event.turn for event in recording.events[4:8]] == [1, 1, 1, 1]
    assert found == [(5, "goes on", back), (6, "goes on", back), (7, "asks", back), (8, "asks", back)]


async def test_a_delivery_that_leads_to_no_line(lab: Lab, record: Record) -> None:
    recording = await record(await start(compare, "Rome", "Bern"))
    assert [(await stops(recording, seq))[0] for seq in (5, 6)] == [(5, "waits", None), (6, "has ended", None)]


async def test_a_failed_step_raises_where_it_was_awaited(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Nowhere"))
    fared = line_of(travel.fn, "await fare")
    assert (await stops(recording, 4))[0] == (4, "raises", fared)
    assert (await stops(recording, None))[0] == (5, "has ended", None)
    recording = await record(await start(group, ["Rome", "Nowhere"]))
    assert (await stops(recording, None))[0][1] == "has ended"


async def test_a_run_that_waits(lab: Lab, record: Record) -> None:
    run = await start(ask)
    await lab.wait_for_hook(run)
    await resume_hook("trip", "one")
    recording = await record(run)
    assert [event.fact.type for event in recording.events[2:]] == ["hook_created", "hook_received"]
    assert (await stops(recording, 3))[0] == (3, "asks", line_of(ask.fn, "create_hook"))
    assert (await stops(recording, 4))[0][:2] == (4, "goes on")
    assert await stops(recording, None) == [(4, "waits", None)]


async def test_a_cancel_request_and_the_cleanup_after_it(lab: Lab, record: Record) -> None:
    run = await start(nap)
    await lab.wait_for_sleep(run)
    await run.cancel()
    recording = await record(run)
    asked = next(event.seq for event in recording.events if event.fact.type == "cancel_requested")
    assert (await stops(recording, asked))[0] == (asked, "raises", line_of(nap.fn, "await sleep"))
    assert (await stops(recording, None))[0][1] == "has ended"


async def test_a_failure_that_was_taken_back(lab: Lab, record: Record) -> None:
    with lab.replace(book, lambda city, cents: 1 / 0):
        run = await start(travel, "Rome")
        await lab.advance("1h")
    await run.retry()
    await lab.advance("1h")
    recording = await record(run)
    failed = next(event.seq for event in recording.events if event.fact.type == "run_failed")
    booked = line_of(travel.fn, "await book")
    assert (await stops(recording, failed - 1))[0] == (failed - 1, "raises", booked)
    assert (await stops(recording, failed))[0] == (failed, "has ended", None)
    assert (await stops(recording, failed + 1))[0] == (failed + 1, "waits", None)
    assert (await stops(recording, None))[0] == (recording.last_seq, "has ended", None)


async def test_code_that_does_not_fit(lab: Lab, record: Record) -> None:
    run = await start(travel, "Rome")
    recording = await record(run, changed)
    assert await stops(recording, None) == [(4, "diverges", line_of(changed, "await book"))]
    assert (await stops(recording, 4))[0] == (4, "goes on", line_of(changed, "await book"))
    assert (await stops(recording, 6))[0][:2] == (4, "diverges"), "it can't get there"
    assert (await stops(await record(run, shorter), 6))[0] == (4, "diverges", None)
    assert (await stops(await record(run, other_parameters), 6))[0] == (2, "diverges", None)


async def test_no_step_is_run_and_tracing_is_as_before(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Rome"))
    calls, before = len(lab.calls(fare)), sys.gettrace()

    def tracing(*_: object) -> None: ...

    sys.settrace(tracing)
    try:
        for seq in range(1, recording.last_seq + 1):
            await stops(recording, seq, on=True)
            assert sys.gettrace() is tracing
    finally:
        sys.settrace(before)
    assert len(lab.calls(fare)) == calls == 1


async def test_a_number_that_is_no_event(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Rome"))
    with pytest.raises(UsageError, match="has the events 1 to 7, and no event 8"):
        Replay(recording, lambda _: None, 8)
