"""Bodies that may ask for nothing more: those that don't fit their log, and those that were put away."""

import asyncio

import pytest

from perdure import sleep
from perdure.replay.loop import REFUSALS_MAX
from tests.core.logs import done, step
from tests.replay.bodied import act, body_of, deliver, key, keys, requests

A, B, C = key("a"), key("b"), key("c")
RECORDED_A, RECORDED_B = step("app:a", '{"value":1}'), step("app:b", '{"value":2}')


async def two() -> list[int]:
    return [await act("a", 1), await act("b", 2)]


class TestDivergence:
    def test_another_request(self) -> None:
        body = body_of(two, (0, B, RECORDED_B))
        assert body.divergence is not None
        assert (body.divergence.recorded, body.divergence.attempted, body.divergence.turn) == (
            'step app:b({"value":2})',
            'step app:a({"value":1})',
            0,
        )
        assert body.divergence.line == f"{__file__}:{two.__code__.co_firstlineno + 1}"
        assert requests(body) == []

    def test_no_request_where_one_was_recorded(self) -> None:
        async def flow() -> int:
            return 1

        body = body_of(flow, (0, A, RECORDED_A))
        assert body.divergence is not None
        assert (body.divergence.recorded, body.divergence.attempted) == ('step app:a({"value":1})', "nothing")
        assert body.end is None

    def test_user_code_cannot_make_it_good(self) -> None:
        """T7."""

        async def flow() -> str:
            try:
                await act("c", 3)
            except BaseException:
                return "fine"
            return "?"

        body = body_of(flow, (0, A, RECORDED_A))
        assert body.divergence is not None
        assert body.end is None

    def test_whoever_asks_for_ever_is_let_wait(self) -> None:
        tries: list[None] = []

        async def flow() -> None:
            while True:
                try:
                    await act("c", 3)
                except BaseException:
                    tries.append(None)

        body = body_of(flow, (0, A, RECORDED_A))
        assert body.divergence is not None
        assert len(tries) == REFUSALS_MAX + 1
        body.put_away()

    def test_a_plain_callback_that_diverges(self) -> None:
        """It has no task that could keep the error."""
        after: list[str] = []

        async def flow() -> None:
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: loop.call_later(1, print))
            loop.call_soon(after.append, "more")
            await loop.create_future()

        body = body_of(flow, (0, A, RECORDED_A))
        assert body.divergence is not None
        assert body.divergence.attempted == "timeout until 3000 ms"
        deliver(body, 1, (A, done()))
        assert body.end is None
        body.put_away()
        assert after == [], "nothing of a body that diverged goes on"

    def test_a_plain_callback_that_diverges_in_a_later_turn(self) -> None:
        async def flow() -> None:
            await act("a", 1)
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: loop.call_later(1, print))
            await loop.create_future()

        body = body_of(flow, (0, A, RECORDED_A), (1, A, done()), (1, B, RECORDED_B))
        assert body.divergence is not None
        assert body.divergence.turn == 1

    def test_an_end_before_the_logs(self) -> None:
        async def flow() -> int:
            return await act("a", 1)

        body = body_of(flow, (0, A, RECORDED_A), (1, A, done("5")), (1, B, RECORDED_B))
        assert body.divergence is not None
        assert (body.divergence.recorded, body.divergence.attempted) == ('step app:b({"value":2})', "nothing")


class TestPuttingAway:
    def test_cleanup_gets_nothing(self) -> None:
        said: list[str] = []

        async def flow() -> None:
            try:
                await act("a", 1)
            finally:
                said.append("cleaning")
                await act("c", 3)
                said.append("never")

        body = body_of(flow)
        assert keys(body) == [A]
        body.put_away()
        assert (said, keys(body)) == (["cleaning"], [])
        assert not body.awaits(A)
        body.put_away()

    @pytest.mark.parametrize("how", ["step", "asyncio.sleep", "perdure.sleep"])
    def test_whoever_asks_for_ever_is_let_wait(self, how: str) -> None:
        tries: list[None] = []

        async def flow() -> None:
            while True:
                try:
                    match how:
                        case "step":
                            await act("c", 3)
                        case "asyncio.sleep":
                            await asyncio.sleep(1)
                        case _:
                            await sleep(1)
                except BaseException:
                    tries.append(None)

        body = body_of(flow)
        body.put_away()
        assert REFUSALS_MAX <= len(tries) <= 2 * REFUSALS_MAX
        assert keys(body) != []

    def test_a_replay_goes_on_where_it_was(self) -> None:
        first = body_of(two)
        recorded = [(0, key, request) for key, request in requests(first)]
        first.put_away()
        second = body_of(two, *recorded)  # type: ignore[arg-type]
        deliver(second, 1, (A, done("10")))
        assert keys(second) == [B]
