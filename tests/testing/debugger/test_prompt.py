"""The prompt: pdb's commands in a recorded body, and those that go to events."""

import pytest

from perdure import UsageError, start
from perdure.testing import Lab
from tests.testing.debugger import trips
from tests.testing.debugger.conftest import Record, Session
from tests.testing.debugger.trips import (
    ask,
    at,
    changed,
    compare,
    fare,
    line_of,
    other_parameters,
    there_and_back,
    tour,
    travel,
)

pytestmark = pytest.mark.anyio


async def test_forward_and_back(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(travel, "Rome"))
    said = await session(
        recording, None, "back", "p booked", "back", "next event", "n event", "n event", "goto 2", "back"
    )
    fared, total, booked, returned = (line_of(travel.fn, text) for text in ("fare(", "total =", "book(", "return"))
    assert said == (
        'event 7 of 7, run_completed: the body has ended: its result is "Rome/41"\n'
        + at(returned, "travel", "return booked")
        + "(event 7) event 6 of 7, step_completed 0/step:trip:book#0: the body goes on here\n"
        + at(returned, "travel", "return booked")
        + "(event 6) 'Rome/41'\n"
        + "(event 6) event 5 of 7, step_created 0/step:trip:book#0: the body asks for it here\n"
        + at(booked, "travel", "booked = await book(city, total)")
        + "(event 5) event 6 of 7, step_completed 0/step:trip:book#0: the body goes on here\n"
        + at(returned, "travel", "return booked")
        + '(event 6) event 7 of 7, run_completed: the body has ended: its result is "Rome/41"\n'
        + at(returned, "travel", "return booked")
        + "(event 7) *** nothing follows this event\n"
        + "(event 7) event 2 of 7, run_started: the body goes on here\n"
        + at(fared, "travel", "cents = await fare(city)")
        + "(event 2) *** nothing is before this event\n"
        + "(event 2) \n"
    )
    assert total < booked
    assert len(lab.calls(fare)) == 1


async def test_branches(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(tour, ["Rome", "Bern"]))
    said = await session(recording, 5, "tasks", "task 3", "p city", "task 1", "w", "task 4", "task x", "task")
    back, fares = line_of(there_and_back, "back ="), line_of(tour.fn, "gather")
    gathered = at(fares, "tour", "fares = await asyncio.gather(*map(there_and_back, cities))")
    assert said == (
        "event 5 of 11, step_completed 0.1/step:trip:fare#0: the body goes on here\n"
        + at(back, "there_and_back", 'back = await fare(city + "!")')
        + f"(event 5)       1  main (0) {trips.__file__}({fares})tour()\n"
        + f"->    2  Task-2 (0.1) {trips.__file__}({back})there_and_back()\n"
        + f"      3  Task-3 (0.2) {trips.__file__}({back - 1})there_and_back() waits for 0.2/step:trip:fare#0\n"
        + "(event 5) "
        + at(back - 1, "there_and_back", "there = await fare(city)")
        + "(event 5) 'Bern'\n(event 5) "
        + gathered
        + "(event 5) "
        + gathered
        + "(event 5) *** there is no task '4': `tasks` lists 1 to 3\n"
        + "(event 5) *** there is no task 'x': `tasks` lists 1 to 3\n"
        + "(event 5) *** there is no task '': `tasks` lists 1 to 3\n"
        + "(event 5) \n"
    )


async def test_a_branch_without_frames(lab: Lab, record: Record, session: Session) -> None:
    said = await session(await record(await start(compare, "Rome", "Bern")), 4, "tasks", "task 2")
    assert "      2  Task-2 (0.1) waits for 0.1/step:trip:fare#0\n" in said
    assert "It runs none of your own code: these are the frames of the task that made it.\n" in said


async def test_an_async_generator_that_waits(lab: Lab, record: Record, session: Session) -> None:
    run = await start(ask)
    await lab.wait_for_hook(run)
    said = await session(await record(run), None, "w", "u", "p words", "n")
    within, around = said.split("(event 3) ")[0:3:2]
    assert "until_over()\n-> async for word in asked:" in within
    assert "-> words = [word async for word in until_over(asked)]" in around
    assert "Nothing follows" in said


async def test_events(lab: Lab, record: Record, session: Session) -> None:
    run = await start(travel, "Late")
    await lab.advance("1s")
    said = await session(await record(run), 6, "events", "event", "event 4", "event 5")
    assert "".join(line + "\n" for line in (
        "(event 6)       1  [run_created]",
        "      2  run_started",
        "      3  step_created 0/step:trip:fare#0",
        "      4  [step_retrying 0/step:trip:fare#0]",
        "      5  [step_started 0/step:trip:fare#0]",
        "->    6  step_completed 0/step:trip:fare#0",
        "      7  step_created 0/step:trip:book#0",
        "      8  step_completed 0/step:trip:book#0",
        "      9  run_completed",
        "(event 6) event 6 of 9, step_completed 0/step:trip:fare#0: the body goes on here",
        "(event 6) event 4 of 9, step_retrying 0/step:trip:fare#0: the body waits",
    )) in said  # fmt: skip


async def test_a_raise(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(travel, "Nowhere"))
    fared = at(line_of(travel.fn, "fare("), "travel", "cents = await fare(city)")
    said = await session(recording, None, "p city", "back", "back", "n", "c")
    assert said == (
        "event 5 of 5, run_failed: the body has ended: perdure.errors.FatalError: no such city\n"
        + fared
        + "(event 5) 'Nowhere'\n(event 5) "
        + "event 4 of 5, step_failed 0/step:trip:fare#0: it raises perdure.errors.FatalError: no such city\n"
        + fared
        + "(event 4) event 3 of 5, step_created 0/step:trip:fare#0: the body asks for it here\n"
        + fared
        + "(event 3) perdure.errors.FatalError: no such city\n"
        + fared
        + "(event 4) event 5 of 5, run_failed: the body has ended: perdure.errors.FatalError: no such city\n"
        + fared
        + "(event 5) \n"
    )


async def test_code_that_does_not_fit(lab: Lab, record: Record, session: Session) -> None:
    run = await start(travel, "Rome")
    said = await session(await record(run, changed), None, "p cents", "n", "back", "goto 7")
    booked = at(line_of(changed, "await book"), "changed", "return await book(city, cents)")
    assert (
        said.count("from here on today's code doesn't fit the log, which has at event 5: recorded is step trip:book")
        == 2
    )
    assert booked + "(event 4) 40\n(event 4) Nothing follows: `back`, `goto N`, or `quit`.\n" in said
    with pytest.raises(UsageError) as raised:
        await session(await record(run, other_parameters), None)
    assert "attempted is the arguments don't fit trip:travel" in str(raised.value)
    assert str(raised.value).endswith("; no frame of your own code is there to be looked at")


async def test_what_is_none(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(travel, "Rome"))
    said = await session(recording, 3, "goto 8", "goto", "event x", "!from perdure import random", "p random()", "quit")
    assert f"*** run {recording.run_id} has the events 1 to 7, and no event 8\n" in said
    assert "*** '' is no number: write goto N, with the number of an event as `events` lists them\n" in said
    assert "*** 'x' is no number" in said
    assert "this is a recording: look at what it holds, nothing can be asked for here" in said
    with pytest.raises(UsageError, match="no event 8"):
        await session(recording, 8)


async def test_help(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(travel, "Rome"))
    commands = ("event", "goto", "back", "next", "events", "tasks", "task", "run", "quit")
    said = await session(recording, 3, *(f"help {command}" for command in commands))
    assert "*** No help" not in said and "Go to the next event that the body asks for or gets." in said
