"""A turn: callbacks, async or not."""

import asyncio

from perdure.agent.turn import called


def test_a_callback_may_be_async_or_not_or_nothing() -> None:
    async def later(number: int) -> int:
        return number

    async def all_three() -> list[object]:
        return [await called(None, 1), await called(lambda number: number, 2), await called(later, 3)]

    assert asyncio.run(all_three()) == [None, 2, 3]
