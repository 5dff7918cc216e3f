"""What a lab stands on: installed and removed, at rest or not, moved through time."""

import asyncio

import pytest

from perdure import UsageError, sleep, start, workflow
from perdure.api.connect import CONNECTION
from perdure.testing import Lab, LabBusy, lab
from perdure.testing.kit import bench as module
from tests.testing.kit.refunds import nap, pay, refund_payment

pytestmark = pytest.mark.anyio


@workflow(name="bench:restless")
async def restless() -> None:
    while True:
        await sleep("1ms")


async def test_it_takes_the_place_of_what_was_configured_once() -> None:
    own = lab().bench
    own.install()
    try:
        assert CONNECTION.lab is own
        with pytest.raises(UsageError, match="this lab is open already"):
            own.install()
    finally:
        own.remove()
        own.remove()
    assert CONNECTION.lab is None


async def test_labs_may_lie_in_each_other(lab: Lab) -> None:
    run = await start(nap, "1h")
    async with module.Bench(module.LabWorld(lab.bench.clock), {}, 1.0) as inner:
        assert CONNECTION.lab is inner
        assert await inner.world.runs() == ()
    await lab.advance("1h")
    assert await run.result() == "woken"


async def test_steps_alone_are_waited_for_as_long_as_patience_lasts(lab: Lab) -> None:
    async def hangs(order: str) -> str:
        await asyncio.Event().wait()
        return order

    lab.replace(refund_payment, hangs)
    await start(pay, "o-1")
    assert await lab.bench.settle(0.02) is False
    assert await lab.bench.state() == ("steps", 3)


async def test_what_never_rests_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOMENTS_MAX", 10)
    await start(restless)
    with pytest.raises(LabBusy, match="something was due at 10 moments"):
        await lab.advance("1h")


async def test_what_runs_do_in_words(lab: Lab) -> None:
    run = await start(nap, "1h")
    await lab.rest()
    assert (await lab.bench.standing(run.run_id)).startswith("it is waiting for a sleep, until ")  # type: ignore[arg-type]
    await lab.advance("1h")
    assert await lab.bench.standing(run.run_id) == "it has completed"  # type: ignore[arg-type]
