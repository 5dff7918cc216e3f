"""How long a test waits: as long as something goes on."""

import asyncio
from collections.abc import Iterator

import pytest

from perdure.model.ids import RunId
from perdure.replay.scope import SCOPE, Attempt
from perdure.testing import LabStuck
from perdure.testing.kit.patience import LOOKS, Patience

pytestmark = pytest.mark.anyio
RUN = RunId("wrun_1")


def patience(states: Iterator[tuple[str, int]], looks: list[int]) -> Patience:
    async def state() -> tuple[str, int]:
        looks.append(1)
        return next(states, ("", 0))

    async def standing(run_id: RunId) -> str:
        return "it sleeps"

    return Patience(0.01, state, standing)


async def test_what_comes_is_given() -> None:
    looks: list[int] = []
    task = asyncio.ensure_future(asyncio.sleep(0, "x"))
    assert await patience(iter(()), looks).outlast(RUN, "the end", task) == "x"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "more"),
    [([], 1), ([("steps", 0)] * 9, 9), ([("", 1), ("", 2), ("", 3)], 4)],
    ids=["at rest", "while a step runs", "while events are written"],
)
async def test_what_does_not_come_is_told_once_everything_has_rested(states: list[tuple[str, int]], more: int) -> None:
    looks: list[int] = []
    never = asyncio.create_task(asyncio.Event().wait())
    with pytest.raises(LabStuck, match="the end of run wrun_1 doesn't come by itself: it sleeps"):
        await patience(iter(states), looks).outlast(RUN, "the end", never)
    assert len(looks) == LOOKS + more
    never.cancel()


async def test_a_step_may_wait_for_as_long_as_it_likes() -> None:
    SCOPE.set(Attempt(RUN, "k", "s", 1, 0, None))
    looks: list[int] = []
    slow = asyncio.create_task(asyncio.sleep(0.1, "x"))
    assert await patience(iter(()), looks).outlast(RUN, "the end", slow) == "x"
    assert looks == []
