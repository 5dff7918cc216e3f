"""Steps in a simulation: faked, slow, run twice, without a network."""

import asyncio
from typing import Any

import pytest

from perdure import FatalError
from perdure.engine.registry import REGISTRY
from perdure.testing.survival.step import RehearsedRegistry
from tests.testing.kit.refunds import refund_payment

pytestmark = pytest.mark.anyio
NAME = "lab:refund_payment"


def registry(fake: Any, *, twice: bool = False, lasts: float = 0.0) -> RehearsedRegistry:
    return RehearsedRegistry(REGISTRY, {NAME: fake}, lambda: lasts, twice=twice)


async def test_a_fake_by_position_and_how_often_it_ran() -> None:
    known = registry(lambda number, amount=0: f"{number} {amount}")
    assert await known.step(NAME).call({"order": "o", "cents": 7}) == "o 7"
    assert known.ran == {NAME: 1}
    assert known.step(NAME).types == refund_payment.definition.types
    assert known.step("lab:threaded").is_async, "a sync step's body runs on the loop"
    assert await known.step("lab:threaded").call({"text": "a"}) == "A"
    assert known.step("perdure:run.result") is REGISTRY.step("perdure:run.result")


async def test_twice_in_one_attempt() -> None:
    calls: list[str] = []

    async def fake(order: str) -> int:
        calls.append(order)
        return len(calls)

    assert await registry(fake, twice=True).step(NAME).call({"order": "o"}) == 2


async def test_before_it_acts_time_passes() -> None:
    acted: list[str] = []
    task = asyncio.create_task(registry(acted.append, lasts=0.02).step(NAME).call({"order": "o"}))
    await asyncio.sleep(0)
    assert acted == []
    await task
    assert acted == ["o"]


async def test_what_needs_a_service_says_so() -> None:
    def fake(order: str) -> None:
        raise NotImplementedError

    with pytest.raises(FatalError, match="asked the event loop for what a simulation doesn't have"):
        await registry(fake).step(NAME).call({"order": "o"})
