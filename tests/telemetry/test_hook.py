"""How many hooks wait: as of the last look, never more than so many, and nothing where nobody looks."""

import asyncio
from typing import Any

import pytest

import perdure.telemetry.hook
from perdure.errors import WorldUnavailable
from perdure.model.ids import RunId
from perdure.telemetry.hook import HookCount, count
from perdure.world.hook import HookFilter, HookRecord
from tests.engine.stage import Stage


class Hooked:
    """A World with so many hooks, or (None) away; `asked` counts the pages."""

    def __init__(self, hooks: int | None) -> None:
        self.there, self.asked = hooks, 0
        self.hooks = self

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        self.asked += 1
        if self.there is None:
            raise WorldUnavailable("away")
        after = 0 if filter.before is None else filter.before[1]
        return tuple(hook(seq) for seq in range(after + 1, min(after + filter.limit, self.there) + 1))


def hook(seq: int) -> HookRecord:
    return HookRecord(
        run_id=RunId("wrun_1"),
        key=str(seq),
        token_hash=str(seq),
        seq=seq,
        webhook=False,
        expires_at_ms=None,
        closed=False,
        created_at_ms=0,
    )


@pytest.mark.parametrize(
    ("there", "counted", "pages"), [(0, 0, 1), (499, 499, 1), (500, 500, 2), (1234, 1234, 3), (99_999, 10_000, 20)]
)
def test_all_are_counted_page_by_page_but_not_without_end(there: int, counted: int, pages: int) -> None:
    world: Any = Hooked(there)
    assert asyncio.run(count(world)) == counted
    assert world.asked == pages


def test_it_is_looked_now_and_then() -> None:
    stage = Stage()

    async def scene() -> list[int | None]:
        world, hooks = Hooked(3), HookCount()
        seen = [hooks.count]
        watch = asyncio.create_task(hooks.watch(world))  # type: ignore[arg-type]
        for there in (4, None, 5, 6):
            await asyncio.sleep(1)
            seen.append(hooks.count)
            world.there = there
            await asyncio.sleep(perdure.telemetry.hook.EVERY_S)
        seen.append(hooks.count)
        watch.cancel()
        await asyncio.sleep(0)
        return [*seen, hooks.count]

    assert stage.play(scene) == [None, 3, 4, None, 5, 6, None]
