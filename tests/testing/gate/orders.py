"""A workflow of which runs are recorded, and changes to it: those that break them, and those that don't."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from perdure import Step, patched, sleep, step, workflow
from perdure.engine.registry import Registry

Code = Callable[..., Coroutine[Any, Any, Any]]
NAME = "gate:fulfil"


@step(name="gate:charge")
async def charge(order: str, cents: int = 100) -> bool:
    return True


@step(name="gate:screen")
async def screen(order: str) -> None: ...


@step(name="gate:ship")
async def ship(order: str) -> str:
    return f"shipped {order}"


@step(name="gate:refund")
async def refund(order: str) -> str:
    return f"refunded {order}"


@step(name="gate:take_money")
async def take_money(order: str) -> bool:
    return True


@step(name="gate:notify")
async def notify(order: str) -> None: ...


STEPS: tuple[Step[..., Any], ...] = (charge, screen, ship, refund, take_money, notify)


@workflow(name=NAME)
async def fulfil(order: str) -> str:
    await screen(order)
    charged = await charge(order)
    await sleep("1h")
    return await ship(order) if charged else await refund(order)


async def same(order: str) -> str:
    await screen(order)
    if await charge(order):
        await sleep("1h")
        return "then " + await ship(order)
    await sleep("1h")
    return await refund(order)


async def renamed(order: str) -> str:
    await screen(order)
    await take_money(order)
    await sleep("1h")
    return await ship(order)


async def reordered(order: str) -> str:
    charged = await charge(order)
    await screen(order)
    await sleep("1h")
    return await ship(order) if charged else ""


async def removed(order: str) -> str:
    await charge(order)
    await sleep("1h")
    return await ship(order)


async def added(order: str) -> str:
    await screen(order)
    await notify(order)
    await charge(order)
    await sleep("1h")
    return await ship(order)


async def argument(order: str) -> str:
    await screen(order)
    await charge(order, 200)
    await sleep("1h")
    return await ship(order)


async def branch(order: str) -> str:
    await screen(order)
    charged = await charge(order)
    await sleep("1h")
    return await refund(order) if charged else await ship(order)


async def longer(order: str) -> str:
    await screen(order)
    await charge(order)
    await sleep("2h")
    return await ship(order)


async def parallel(order: str) -> str:
    await asyncio.gather(screen(order), charge(order))
    await sleep("1h")
    return await ship(order)


async def shorter(order: str) -> str:
    await screen(order)
    await charge(order)
    return "done"


async def failing(order: str) -> str:
    await screen(order)
    raise ValueError(f"{order} is refused")


async def ending(order: str) -> str:
    await screen(order)
    return "done"


async def other_parameters(order: str, customer: str) -> str:
    await screen(order)
    return customer


async def one_more_parameter(order: str, customer: str = "") -> str:
    return await same(order)


async def added_behind_the_wait(order: str) -> str:
    await screen(order)
    charged = await charge(order)
    await sleep("1h")
    await notify(order)
    return await ship(order) if charged else await refund(order)


async def added_at_the_end(order: str) -> str:
    result = await same(order)
    await notify(order)
    return result


async def guarded(order: str) -> str:
    if patched("notify-first"):
        await notify(order)
    return await same(order)


def today(code: Code, *gone: Step[..., Any], timeout: str | None = None) -> Registry:
    """What is registered where this code is deployed under the workflow's name, without some of the steps."""
    registry = Registry()
    named = workflow(name=f"gate:{code.__name__}{timeout or ''}", timeout=timeout)(code)
    registry.add(replace(named.definition, name=NAME))
    for known in STEPS:
        if known not in gone:
            registry.add(known.definition)
    return registry
