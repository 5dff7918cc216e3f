"""Workflows of which runs are recorded: alone, in branches, waiting, failing; and changes to one of them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from perdure import FatalError, Hook, Retry, create_hook, sleep, step, workflow
from perdure.engine.registry import Registry
from perdure.replay.scope import current_attempt

Code = Callable[..., Any]


@step(name="trip:fare", retry=Retry(delay="1s", jitter=0))
async def fare(city: str) -> int:
    attempt = current_attempt()
    if city == "Nowhere":
        raise FatalError("no such city")
    if city == "Late" and attempt is not None and attempt.attempt == 1:
        raise ConnectionError("nobody answers")
    return 10 * len(city)


@step(name="trip:book")
async def book(city: str, cents: int) -> str:
    return f"{city}/{cents}"


async def there_and_back(city: str) -> int:
    there = await fare(city)
    back = await fare(city + "!")
    return there + back


@workflow(name="trip:travel")
async def travel(city: str) -> str:
    cents = await fare(city)
    total = cents + 1
    booked = await book(city, total)
    return booked


@workflow(name="trip:tour")
async def tour(cities: list[str]) -> int:
    fares = await asyncio.gather(*map(there_and_back, cities))
    total = sum(fares)
    return total


@workflow(name="trip:compare")
async def compare(one: str, other: str) -> list[int]:
    return list(await asyncio.gather(fare(one), fare(other)))


@workflow(name="trip:group")
async def group(cities: list[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for city in cities:
            tasks.create_task(there_and_back(city), name=city)


@workflow(name="trip:leave")
async def leave(city: str) -> int:
    task = asyncio.create_task(stay())
    cents = await fare(city)
    return cents if task else 0


async def stay() -> None:
    try:
        await sleep("7d")
    finally:
        print("put away")


@workflow(name="trip:careful")
async def careful(city: str) -> None:
    try:
        await fare(city)
    finally:
        city = ""


@workflow(name="trip:ask")
async def ask() -> str:
    async with create_hook(str, token="trip") as asked:
        words = [word async for word in until_over(asked)]
    await sleep("1h")
    return " ".join(words)


async def until_over(asked: Hook[str]) -> AsyncIterator[str]:
    async for word in asked:
        if word == "over":
            return
        yield word


@workflow(name="trip:nap")
async def nap() -> None:
    try:
        await sleep("7d")
    finally:
        await fare("Home")


async def changed(city: str) -> str:
    cents = await fare(city)
    return await book(city, cents)


async def shorter(city: str) -> str:
    await fare(city)
    return city


async def other_parameters(place: str) -> str:
    return place


def today(name: str, code: Code) -> Registry:
    """What is registered where this code is deployed under the workflow's name."""
    registry = Registry()
    registry.add(replace(workflow(name=f"{name}:{code.__name__}")(code).definition, name=name))
    return registry


def line_of(code: Code, text: str) -> int:
    """The line of a function's source in which this text is."""
    lines, first = inspect.getsourcelines(code)
    return first + next(number for number, line in enumerate(lines) if text in line)


def at(line: int, function: str, text: str) -> str:
    """How pdb shows where it is."""
    return f"> {__file__}({line}){function}()\n-> {text}\n"
