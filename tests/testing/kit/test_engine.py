"""A lab's engine: what goes on in it, and how its worker dies."""

import asyncio

import pytest

from perdure import start
from perdure.testing import Lab
from perdure.testing.kit.engine import LEASE_MS, NoJitter
from tests.testing.kit.refunds import nap, pay, refund_payment

pytestmark = pytest.mark.anyio


async def test_what_goes_on(lab: Lab) -> None:
    going, gate = asyncio.Event(), asyncio.Event()

    async def held(order: str) -> str:
        going.set()
        await gate.wait()
        return order

    lab.replace(refund_payment, held)
    engine = await lab.bench.working()
    assert await engine.unrest() == ""
    run = await start(pay, "o-1")
    assert await engine.unrest() == "perdure", "its body hasn't run yet"
    await going.wait()
    await asyncio.sleep(0.05)
    assert await engine.unrest() == "steps"
    gate.set()
    await run.result()
    await lab.rest()
    assert await engine.unrest() == ""


async def test_after_a_crash_another_worker_has_the_runs(lab: Lab) -> None:
    run = await start(nap, "7d")
    await lab.wait_for_sleep(run)
    engine = await lab.bench.working()
    dead = engine.worker
    await engine.crash()
    assert engine.worker is not None and dead is not None and engine.worker.worker_id != dead.worker_id
    assert dead.runs == {}
    await lab.advance("7d")
    assert await run.result() == "woken"


async def test_a_crash_cuts_off_what_runs(lab: Lab) -> None:
    going, cut_off = asyncio.Event(), asyncio.Event()

    async def held(order: str) -> str:
        if going.is_set():
            return order
        going.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()
        return order

    lab.replace(refund_payment, held)
    run = await start(pay, "o-1")
    await going.wait()
    engine = await lab.bench.working()
    engine.abandon()
    engine.abandon()
    assert engine.worker is None
    await asyncio.wait_for(cut_off.wait(), 5)
    await engine.crash()
    assert await run.result() == "o-1"
    assert [call.attempt for call in lab.calls(refund_payment)] in ([1, 1], [1, 2])


async def test_its_lease_outlives_everything(lab: Lab) -> None:
    assert LEASE_MS > 100 * 366 * 86_400_000
    assert NoJitter().chance() == 0.5
    await lab.advance("36500d")
    assert await (await start(pay, "o-1")).result() == "re-o-1"
