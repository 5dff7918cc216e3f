"""Questions of one turn of the loop are asked together, and each gets its own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from perdure.errors import WorldUnavailable
from perdure.worlds.postgres.reading import AT_ONCE, Readings

pytestmark = pytest.mark.anyio


class Doubler:
    """Answers, once it may."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may = asyncio.Event()
        self.may.set()
        self.error: Exception | None = None
        self.readings = Readings(self.ask)

    async def ask(self, questions: Sequence[int]) -> list[int]:
        self.asked.append([*questions])
        await self.may.wait()
        if self.error:
            raise self.error
        return [2 * question for question in questions]


async def test_one_turn_is_one_statement() -> None:
    doubler = Doubler()
    answers = await asyncio.gather(*(doubler.readings.answer(number) for number in (3, 1, 3)))
    assert answers == [6, 2, 6]
    assert await doubler.readings.answer(4) == 8
    assert doubler.asked == [[3, 1, 3], [4]]


async def test_many_are_several() -> None:
    doubler = Doubler()
    answers = await asyncio.gather(*(doubler.readings.answer(number) for number in range(AT_ONCE + 1)))
    assert answers == [2 * number for number in range(AT_ONCE + 1)]
    assert [len(asked) for asked in doubler.asked] == [AT_ONCE, 1]


async def test_whoever_asks_meanwhile_does_not_wait_for_the_answer() -> None:
    doubler = Doubler()
    doubler.may.clear()
    first = asyncio.create_task(doubler.readings.answer(1))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(doubler.readings.answer(2))
    await asyncio.sleep(0.01)
    assert doubler.asked == [[1], [2]]
    doubler.may.set()
    assert await asyncio.gather(first, second) == [2, 4]


async def test_an_error_is_for_all_of_its_statement() -> None:
    doubler = Doubler()
    doubler.error = WorldUnavailable("away")
    errors = await asyncio.gather(*map(doubler.readings.answer, (1, 2)), return_exceptions=True)
    assert errors == [doubler.error, doubler.error]
    doubler.error = None
    assert await doubler.readings.answer(1) == 2


async def test_who_asks_no_more_takes_nobody_along() -> None:
    doubler = Doubler()
    doubler.may.clear()
    one, other = [asyncio.create_task(doubler.readings.answer(number)) for number in (1, 2)]
    await asyncio.sleep(0.01)
    one.cancel()
    doubler.may.set()
    assert await other == 4
    assert one.cancelled()


def test_each_loop_has_its_own() -> None:
    doubler = asyncio.run(_asked_once())
    assert asyncio.run(doubler.readings.answer(5)) == 10


async def _asked_once() -> Doubler:
    doubler = Doubler()
    assert await doubler.readings.answer(4) == 8
    return doubler


def test_the_end_of_a_loop_leaves_nobody_waiting() -> None:
    async def scene() -> asyncio.Task[int]:
        doubler = Doubler()
        doubler.may.clear()
        waiting = asyncio.create_task(doubler.readings.answer(1))
        await asyncio.sleep(0.01)
        return waiting

    assert asyncio.run(scene()).cancelled()
