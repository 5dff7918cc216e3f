"""What is to happen, by the store's clock and by this process's own."""

import asyncio
from collections.abc import Callable

from perdure.engine.timers import Timers
from tests.engine.stage import EPOCH_MS, Stage


def rung(act: Callable[[Timers, Callable[[str], None]], object], *, slow_ms: int = 0) -> list[tuple[int, str]]:
    """What rang within ten seconds, with when, where the store's clock is so far behind the loop's."""
    stage, heard = Stage(), list[tuple[int, str]]()

    class Store:
        def now_ms(self) -> int:
            return stage.now_ms() - slow_ms

    async def scene() -> list[tuple[int, str]]:
        act(Timers(Store(), asyncio.get_running_loop()), lambda what: heard.append((stage.passed_ms, what)))
        await asyncio.sleep(10)
        return heard

    return stage.play(scene)


def test_by_the_stores_clock() -> None:
    assert rung(lambda timers, call: timers.at(EPOCH_MS + 250, call, "a")) == [(250, "a")]
    assert rung(lambda timers, call: timers.at(EPOCH_MS + 250, call, "a"), slow_ms=400) == [(650, "a")]
    assert rung(lambda timers, call: timers.at(EPOCH_MS - 250, call, "a")) == [(0, "a")]


def test_by_this_processes_own() -> None:
    assert rung(lambda timers, call: timers.after(0.25, call, "a"), slow_ms=400) == [(250, "a")]
    assert rung(lambda timers, call: call(f"{timers.time():g}")) == [(0, "0")]


def test_what_is_cancelled_is_still_also_when_it_was_looked_at_meanwhile() -> None:
    def act(timers: Timers, call: Callable[[str], None]) -> None:
        for timer in (timers.at(EPOCH_MS + 5000, call, "a"), timers.after(5, call, "b")):
            asyncio.get_running_loop().call_later(2, timer.cancel)
            asyncio.get_running_loop().call_later(3, timer.cancel)

    assert rung(act) == []
