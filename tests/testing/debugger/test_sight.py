"""What is told of a stop, for people and for programs."""

import msgspec
import pytest

from perdure import UsageError, start
from perdure.replay.trial import outside_of_tasks
from perdure.testing import Lab
from perdure.testing.debugger.recording import Recording
from perdure.testing.debugger.sight import Sight, error_line, seen_at, shortened, text_of
from tests.testing.debugger import trips
from tests.testing.debugger.conftest import Record
from tests.testing.debugger.trips import changed, line_of, nap, there_and_back, tour, travel

pytestmark = pytest.mark.anyio


async def seen(recording: Recording, until: int | None = None) -> Sight:
    return await outside_of_tasks(lambda: seen_at(recording, until))


async def test_for_programs(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Rome"))
    assert msgspec.to_builtins(await seen(recording, 4)) == {
        "runId": recording.run_id,
        "workflow": "trip:travel",
        "event": {"seq": 4, "turn": 1, "type": "step_completed", "key": "0/step:trip:fare#0"},
        "lastEvent": 7,
        "state": "goes on",
        "sentence": "event 4 of 7, step_completed 0/step:trip:fare#0: the body goes on here",
        "divergence": None,
        "task": 1,
        "tasks": [
            {
                "task": 1,
                "path": "0",
                "name": "main",
                "waitsFor": [],
                "frames": [
                    {
                        "file": trips.__file__,
                        "line": line_of(travel.fn, "total ="),
                        "function": "travel",
                        "code": "total = cents + 1",
                        "locals": {"city": "'Rome'", "cents": "40"},
                    }
                ],
            }
        ],
    }


async def test_for_people(lab: Lab, record: Record) -> None:
    recording = await record(await start(tour, ["Rome", "Bern"]))
    back, fares = line_of(there_and_back, "back ="), line_of(tour.fn, "gather")
    assert list((await seen(recording, 5)).lines()) == [
        "event 5 of 11, step_completed 0.1/step:trip:fare#0: the body goes on here",
        "",
        "task 1 main (0)",
        f"{trips.__file__}:{fares} tour",
        "-> fares = await asyncio.gather(*map(there_and_back, cities))",
        "   cities = ['Rome', 'Bern']",
        "",
        "task 2 Task-2 (0.1)",
        f"{trips.__file__}:{back} there_and_back",
        '-> back = await fare(city + "!")',
        "   city = 'Rome'",
        "   there = 40",
        "",
        "task 3 Task-3 (0.2) waits for 0.2/step:trip:fare#0",
        f"{trips.__file__}:{back - 1} there_and_back",
        "-> there = await fare(city)",
        "   city = 'Bern'",
    ]


async def test_sentences(lab: Lab, record: Record) -> None:
    run = await start(nap)
    recording = await record(run)
    assert (await seen(recording)).sentence == "event 3 of 3, wait_created 0/sleep#0: the body waits"
    assert (await seen(recording, 3)).sentence == "event 3 of 3, wait_created 0/sleep#0: the body asks for it here"
    await run.cancel()
    recording = await record(run)
    assert (await seen(recording)).sentence.endswith("run_cancelled: the body has ended: it was cancelled")
    failed = await record(await start(travel, "Nowhere"))
    assert (await seen(failed, 4)).sentence.endswith(": it raises perdure.errors.FatalError: no such city")
    assert (await seen(failed)).sentence.endswith(
        "run_failed: the body has ended: perdure.errors.FatalError: no such city"
    )
    done = await record(await start(travel, "Rome"))
    assert (await seen(done)).sentence == 'event 7 of 7, run_completed: the body has ended: its result is "Rome/41"'
    done.events[4:] = []
    assert (await seen(done)).sentence == (
        "event 4 of 4, step_completed 0/step:trip:fare#0: the body waits, and asks for what isn't in the log yet: "
        'step trip:book({"city":"Rome","cents":41})'
    )


async def test_where_it_does_not_fit(lab: Lab, record: Record) -> None:
    sight = await seen(await record(await start(travel, "Rome"), changed))
    line = f"{trips.__file__}:{line_of(changed, 'await book')}"
    assert sight.sentence == (
        "event 4 of 7, step_completed 0/step:trip:fare#0: from here on today's code doesn't fit the log, which has at "
        f'event 5: recorded is step trip:book({{"city":"Rome","cents":41}}), attempted at {line} is '
        'step trip:book({"city":"Rome","cents":40})'
    )
    assert sight.divergence is not None
    assert (sight.divergence["event"], sight.divergence["turn"], sight.divergence["line"]) == (5, 1, line)
    assert sight.tasks[0]["frames"][0]["locals"] == {"city": "'Rome'", "cents": "40"}


async def test_a_number_that_is_no_event(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Rome"))
    with pytest.raises(UsageError, match="no event 8"):
        await seen(recording, 8)


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no")


async def test_values() -> None:
    assert text_of("x" * 5000) == f"'{'x' * 999}… (cut: it has 5,002 characters)"
    assert text_of(Odd()) == "<Odd: its repr raises RuntimeError>"
    assert shortened("abc", 3) == "abc"
    error = ValueError("a")
    error.add_note("b")
    assert error_line(error) == "ValueError: a"
