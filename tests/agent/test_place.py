"""Where an agent's requests are made: their keys follow from their order, whatever tasks there are around them."""

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from perdure import start, step, workflow
from perdure.agent.place import Place
from tests.agent.script import called
from tests.agent.test_agent import MODEL, asking, clean, look_up
from tests.api.ways import in_every_way, once

pytestmark = pytest.mark.filterwarnings("error")
VALUE: ContextVar[int] = ContextVar("value", default=0)


@step(name="places:one")
async def one(number: int) -> int:
    called()
    return number + VALUE.get()


@workflow(name="places:flow")
async def flow(crowd: int) -> list[Any]:
    """Makes tasks around the place, as many as it is told."""
    place = Place()
    idle = [asyncio.create_task(asyncio.sleep(0)) for _ in range(crowd)]
    VALUE.set(7)

    async def through(number: int) -> int:
        return await place.make(lambda: one(number))

    try:
        return [await asyncio.gather(*[through(number) for number in range(3)]), len(idle)]
    finally:
        place.close()


def test_keys_follow_from_the_order() -> None:
    async def act() -> list[list[str]]:
        keys: list[list[str]] = []
        for crowd in (0, 5):
            run = await start(flow, crowd)
            assert await run.result() == [[0, 1, 2], crowd], "a step has its own context"
            keys.append([event.key async for event in run.events() if event.type == "step_created"])
        return keys

    few, many = once(act, flow, one)[0]
    assert few == many == [f"0.1.{number}/step:places:one#0" for number in (1, 2, 3)]


def test_an_agents_keys_are_its_own() -> None:
    """No task of pydantic-ai is part of them."""

    async def act() -> list[str]:
        run = await start(asking, "how is it?")
        await run.result()
        return [event.key async for event in run.events() if event.key.startswith("0")]

    keys = once(act, asking, look_up, MODEL)[0]
    assert {key.partition("/")[0].rpartition(".")[0] for key in keys} == {"", "0.1"}


@workflow(name="places:cancelled")
async def cancelled(when: int) -> str:
    """Cancels who waits for a job, before it is begun or after."""
    place, heard = Place(), []

    async def job() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    task = asyncio.create_task(place.make(job))
    for _ in range(when):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    place.close()
    return "".join(heard)


@pytest.mark.parametrize("when", range(6))
def test_a_job_is_cancelled_with_who_waits_for_it(when: int) -> None:
    async def act() -> bool:
        return await (await start(cancelled, when)).result() in ("", "cancelled")

    in_every_way(act, cancelled, gives=True, before=clean)
