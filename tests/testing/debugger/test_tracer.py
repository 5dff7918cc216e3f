"""pdb's commands in a recorded body, and what they write."""

from io import StringIO

import pytest

from perdure import start
from perdure.testing import Lab
from perdure.testing.debugger.tracer import Tracer
from tests.testing.debugger import trips
from tests.testing.debugger.conftest import Record, Session
from tests.testing.debugger.trips import at, careful, leave, line_of, there_and_back, tour, travel

pytestmark = pytest.mark.anyio


async def test_pdbs_own_commands(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(travel, "Rome"))
    total, booked, returned = (line_of(travel.fn, text) for text in ("total =", "book(", "return"))
    said = await session(
        recording, 4, "p cents", "pp [cents]", "!cents = 1000 * cents", "!cents = 40", "n", "p total", "n", "n", "n", "quit"
    )  # fmt: skip
    assert said == (
        "event 4 of 7, step_completed 0/step:trip:fare#0: the body goes on here\n"
        + at(total, "travel", "total = cents + 1")
        + "(event 4) 40\n(event 4) [40]\n(event 4) (event 4) (event 4) "
        + at(booked, "travel", "booked = await book(city, total)")
        + "(event 4) 41\n(event 4) "
        + at(returned, "travel", "return booked")
        + '(event 6) event 7 of 7, run_completed: the body has ended: its result is "Rome/41"\n'
        + at(returned, "travel", "return booked")
        + "(event 7) Nothing follows: `back`, `goto N`, or `quit`.\n"
        + "(event 7) "
    )
    said = await session(recording, 2, f"tbreak {returned}", "c", "w", "c", "s", "run", "l", "q")
    assert f" at {trips.__file__}:{returned}\n" in said
    assert at(returned, "travel", "return booked") + "(event 6) " in said
    assert "(event 7) Nothing follows" in said
    assert f"{line_of(travel.fn, 'workflow'):3}  \t@workflow" in said
    assert f"{line_of(travel.fn, 'fare('):3}  ->\t    cents = await fare(city)" in said


async def test_a_changed_local_is_what_the_body_goes_on_with(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(travel, "Rome"))
    said = await session(recording, 4, "!cents = 1", "n", "n", "event", "back", "p cents")
    assert "at event 5: recorded is step trip:book" in said
    assert "attempted at" in said and 'is step trip:book({"city":"Rome","cents":2})\n' in said
    assert said.endswith("(event 3) *** NameError: name 'cents' is not defined\n(event 3) \n"), "back starts afresh"


async def test_next_in_a_branch_that_waits_goes_on_when_it_does(lab: Lab, record: Record, session: Session) -> None:
    recording = await record(await start(tour, ["Rome", "Bern"]))
    said = await session(recording, 5, "task 1", "n", "p fares")
    assert at(line_of(tour.fn, "total ="), "tour", "total = sum(fares)") + "(event 10) [90, 90]\n" in said
    said = await session(recording, 9, "n", "n")
    assert said.endswith(at(line_of(tour.fn, "total ="), "tour", "total = sum(fares)") + "(event 10) \n"), (
        "the end of a coroutine leads on to who awaits"
    )
    said = await session(recording, 2, f"tbreak {line_of(tour.fn, 'return')}", "n", "c")
    assert "(event 2) " + at(line_of(tour.fn, "total ="), "tour", "total = sum(fares)") in said, (
        "how coroutines end is none"
    )


async def test_what_is_put_away_has_no_next_line(lab: Lab, record: Record, session: Session) -> None:
    said = await session(await record(await start(leave, "Rome")), 2, *("s" for _ in range(15)))
    assert "put away" not in said and "the body has ended: its result is 40" in said


async def test_a_raise_is_marked_where_a_finally_block_ran_since(lab: Lab, record: Record, session: Session) -> None:
    said = await session(await record(await start(careful, "Nowhere")), None, "l")
    assert f"{line_of(careful.fn, 'fare('):3}  >>\t        await fare(city)\n" in said
    assert f"{line_of(careful.fn, 'city = '):3}  ->\t" in said


async def test_large_values_and_what_a_terminal_would_obey(lab: Lab, record: Record, session: Session) -> None:
    said = await session(await record(await start(travel, "Rome")), 3, "p 'x' * 20000")
    assert "x… (cut: it has 20,002 characters)\n" in said
    output = StringIO()
    tracer = Tracer(stdin=StringIO(), stdout=output, visible=lambda text: text.replace("\x1b", "^"))
    tracer.message("a\x1b[2J")
    tracer.error("b\x1b[2J")
    assert output.getvalue() == "a^[2J\n*** b^[2J\n"


async def test_steps_into_and_out_of_coroutines(lab: Lab, record: Record, session: Session) -> None:
    """An await is neither a return nor a call: the other branch runs meanwhile."""
    recording = await record(await start(tour, ["Rome"]))
    said = await session(recording, 2, "s", "s", "s", "s", "s", "s", "s", "s")
    shown = [
        line.removeprefix("(event 2) ").partition("trips.py")[2] for line in said.splitlines() if "trips.py" in line
    ]
    first = there_and_back.__code__.co_firstlineno
    total, gathered = line_of(tour.fn, "total ="), line_of(tour.fn, "gather")
    assert shown == [
        f"({gathered})tour()",
        f"({first})there_and_back()",
        f"({first + 1})there_and_back()",
        f"({first + 2})there_and_back()",
        f"({first + 3})there_and_back()",
        f"({first + 3})there_and_back()->90",
        f"({total})tour()",
        f"({total + 1})tour()",
        f"({total + 1})tour()->90",
    ]
    assert (said.count("--Call--"), said.count("--Return--")) == (1, 2)
