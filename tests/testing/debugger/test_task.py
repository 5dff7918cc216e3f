"""The branches of a body at a stop, and which is looked at first."""

import linecache
from collections.abc import Callable
from typing import Any

import pytest

from perdure import start
from perdure.replay.trial import outside_of_tasks
from perdure.testing import Lab
from perdure.testing.debugger.recording import Recording
from perdure.testing.debugger.replay import Replay
from perdure.testing.debugger.task import Branch, branches_of, index_of, stack_of
from tests.testing.debugger.conftest import Record
from tests.testing.debugger.trips import compare, group, tour, travel

pytestmark = pytest.mark.anyio
Seen = tuple[list[Branch], int, list[list[str]]]


async def seen(recording: Recording, until: int | None) -> Seen:
    """At the first stop: the branches, the index of the first, and of each the names of its functions, or its parent's."""
    found: list[Seen] = []

    def look(replay: Replay) -> None:
        branches = branches_of(replay)
        stacks = [stack_of(branches, index) for index in range(len(branches))]
        names = [[frame.f_code.co_name for frame, _ in stack] for stack in stacks]
        found.append((branches, index_of(replay, branches), names))
        replay.leave()

    await outside_of_tasks(lambda: Replay(recording, look, until).run())
    return found[0]


async def test_branches_in_the_order_of_their_making(lab: Lab, record: Record) -> None:
    recording = await record(await start(tour, ["Rome", "Bern"]))
    branches, index, names = await seen(recording, 6)
    assert [(branch.path, branch.name) for branch in branches] == [("0", "main"), ("0.1", "Task-2"), ("0.2", "Task-3")]
    assert (index, names) == (2, [["tour"], ["there_and_back"], ["there_and_back"]])
    assert [branch.awaited for branch in branches] == [[], ["0.1/step:trip:fare#1"], []]
    assert [branch.is_current for branch in branches] == [False, False, True]


async def test_one_without_a_frame_shows_those_of_the_task_that_made_it(lab: Lab, record: Record) -> None:
    branches, index, names = await seen(await record(await start(compare, "Rome", "Bern")), 4)
    assert (branches[2].stack, index, names) == ([], 2, [["compare"]] * 3)


async def test_at_rest_it_is_the_one_that_the_event_is_about(lab: Lab, record: Record) -> None:
    run = await start(group, ["Rome", "Late"])
    await lab.rest()
    recording = await record(run)
    retrying = next(event for event in recording.events if event.fact.type == "step_retrying")
    branches, index, _ = await seen(recording, retrying.seq)
    assert (branches[index].name, branches[index].path) == ("Late", "0.2")
    assert branches[index].awaited == [retrying.key]


@pytest.mark.parametrize(("city", "line"), [("Rome", "return booked"), ("Nowhere", "cents = await fare")])
async def test_an_end_is_the_main_task_alone(
    lab: Lab, record: Record, city: str, line: str, source: Callable[[Any], str]
) -> None:
    branches, index, names = await seen(await record(await start(travel, city)), None)
    assert (len(branches), index, names) == (1, 0, [["travel"]])
    assert source(branches[0].stack[-1]).startswith(line)


async def test_a_group_fails_where_its_first_does(lab: Lab, record: Record, source: Callable[[Any], str]) -> None:
    branches, _, names = await seen(await record(await start(group, ["Rome", "Nowhere"])), None)
    assert names == [["group", "there_and_back"]]
    assert source(branches[0].stack[-1]) == "there = await fare(city)"


@pytest.fixture
def source() -> Callable[[Any], str]:
    return lambda place: linecache.getline(place[0].f_code.co_filename, place[1]).strip()
