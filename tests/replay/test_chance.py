"""Randomness that a replay repeats."""

import asyncio
from uuid import UUID

from perdure import random, uuid4
from perdure.model.ids import RunId
from tests.core.logs import done, step
from tests.replay.bodied import ME, act, body_of, ended, key

OTHER = RunId("wrun_00000000000000000000000002")


async def flow() -> list[object]:
    return [random(), random(), str(uuid4()), str(uuid4())]


async def branch() -> list[float]:
    return [random(), random()]


async def branches() -> list[float]:
    first, second = await asyncio.gather(branch(), branch())
    return [*first, *second]


def test_the_same_in_every_replay() -> None:
    assert ended(body_of(flow)) == ended(body_of(flow))


def test_for_ever() -> None:
    """A change here would park every sleeping run that has drawn something."""
    assert ended(body_of(flow)) == (
        "run_completed [0.04289039365356684,0.12839896551856367,"
        '"f85d1910-9654-4f0a-ab07-d7c4fd5631c5","496953c6-2978-4d6d-b359-dea61eb34868"]'
    )


def test_another_in_another_run() -> None:
    assert ended(body_of(flow)) != ended(body_of(flow, run_id=OTHER))


def test_each_draw_is_another() -> None:
    body = body_of(branches)
    drawn = ended(body).removeprefix("run_completed ")
    assert len(set(drawn.strip("[]").split(","))) == 4


def test_a_branch_draws_the_same_whatever_others_draw() -> None:
    async def alone() -> list[float]:
        [drawn] = await asyncio.gather(branch())
        return drawn

    first = ended(body_of(alone)).removeprefix("run_completed ").strip("[]")
    both = ended(body_of(branches)).removeprefix("run_completed ").strip("[]")
    assert both.startswith(first + ",")


def test_a_draw_after_a_step_does_not_depend_on_when_it_came() -> None:
    async def later() -> float:
        await act("a", 1)
        return random()

    line = (0, key("a"), step("app:a", '{"value":1}'))
    one = body_of(later, line, (1, key("a"), done()))
    other = body_of(later, line, (7, key("a"), done()))
    assert ended(one) == ended(other) != ""


def test_they_are_what_they_should_be() -> None:
    drawn: list[float] = []
    made: list[UUID] = []

    async def many() -> None:
        drawn.extend(random() for _ in range(2000))
        made.extend(uuid4() for _ in range(100))

    body_of(many, run_id=ME)
    assert all(0 <= value < 1 for value in drawn)
    assert 0.45 < sum(drawn) / len(drawn) < 0.55
    assert len(set(drawn)) == 2000
    assert {(uuid.version, uuid.variant) for uuid in made} == {(4, "specified in RFC 4122")}
