"""Waits in a body: durable sleeps, and the timers of plain asyncio."""

import asyncio

from perdure.model.event import Request, WaitCompleted, WaitCreated
from perdure.replay.body import current_body
from perdure.replay.wait import TimerWait, sleep_until
from tests.core.logs import sleep as slept
from tests.replay.bodied import body_of, deliver, ended, keys, requests

SLEEP = "0/sleep#0"


class Asker:
    """A body that only listens."""

    def __init__(self) -> None:
        self.released: list[str] = []

    def key(self, kind: str, name: str = "") -> str:
        return kind

    async def outcome(self, key: str, request: Request) -> object: ...

    def release(self, key: str) -> None:
        self.released.append(key)


async def until_nine() -> str:
    body = current_body()
    assert body is not None
    await sleep_until(body, 9_000)
    return "nine"


class TestSleep:
    def test_new(self) -> None:
        assert requests(body_of(until_nine)) == [(SLEEP, WaitCreated(due_ms=9_000))]

    def test_recorded(self) -> None:
        body = body_of(until_nine, (0, SLEEP, slept(9_000)), (1, SLEEP, WaitCompleted(due_ms=9_000)))
        assert (requests(body), ended(body)) == ([], 'run_completed "nine"')

    def test_recorded_and_pending(self) -> None:
        body = body_of(until_nine, (0, SLEEP, slept(9_000)))
        assert (requests(body), ended(body)) == ([], "")
        deliver(body, 1, (SLEEP, WaitCompleted(due_ms=9_000, woken=True)))
        assert ended(body) == 'run_completed "nine"'

    def test_another_due_time_is_another_request(self) -> None:
        body = body_of(until_nine, (0, SLEEP, slept(8_000)))
        assert body.divergence is not None
        assert (body.divergence.recorded, body.divergence.attempted) == ("sleep until 8000 ms", "sleep until 9000 ms")


class TestPlainAsyncio:
    def test_sleep_and_timeout_are_told_apart(self) -> None:
        async def flow() -> None:
            async with asyncio.timeout(5):
                await asyncio.sleep(3)

        assert requests(body_of(flow)) == [
            ("0/timeout#0", WaitCreated(due_ms=7_000, timeout=True)),
            (SLEEP, WaitCreated(due_ms=5_000)),
        ]

    def test_call_later_is_a_wait_like_others(self) -> None:
        said: list[str] = []

        async def flow() -> None:
            loop = asyncio.get_running_loop()
            loop.call_later(1, said.append, "one")
            await asyncio.sleep(2)

        body = body_of(flow)
        assert keys(body) == ["0/timeout#0", SLEEP]
        deliver(body, 1, ("0/timeout#0", WaitCompleted(due_ms=3_000)))
        assert said == ["one"]

    def test_wait_for_leaves_nothing_behind(self) -> None:
        async def flow() -> str:
            return await asyncio.wait_for(asyncio.sleep(1, "quick"), 10)

        body = body_of(flow)
        [limit, asleep] = keys(body)
        deliver(body, 1, (asleep, WaitCompleted(due_ms=3_000)))
        assert ended(body) == 'run_completed "quick"'
        assert body.take_answer().released == [limit]


class TestTimerWait:
    def test_it_asks_for_a_wait(self) -> None:
        assert TimerWait(Asker(), "k").request(5, True) == WaitCreated(due_ms=5, timeout=True)

    def test_it_calls_when_it_is_due(self) -> None:
        called: list[str] = []
        wait = TimerWait(Asker(), "k")
        wait.due()
        wait.on_due(lambda: called.append("due"))
        wait.due()
        assert called == ["due"]

    def test_a_cancelled_one_is_released(self) -> None:
        asker = Asker()
        TimerWait(asker, "k").release()
        assert asker.released == ["k"]
