"""Programs of the simulation with transactional steps: their rows are there if and only if they are recorded as done."""

import asyncio
from typing import Any

import perdure
from perdure import Retry, StepInterrupted, race, sleep, step, workflow
from perdure.testing.simulation.effect import effect
from perdure.testing.simulation.program import Program

OFTEN = Retry(max_retries=9, delay="30ms", factor=1.3, max_delay="400ms")


def write() -> None:
    about = perdure.get_step_metadata()
    perdure.get_connection().add(about.step_id, about.attempt)


@step(name="sim:booked", transaction=True, retry=OFTEN)
async def booked(what: Any) -> str:
    write()
    return await effect(f"did {what}")


@step(name="sim:booked_once", transaction=True, at_most_once=True, retry=OFTEN)
async def booked_once(what: Any) -> str:
    write()
    return await effect(f"did {what}")


@step(name="sim:aside", retry=OFTEN)
async def aside(what: Any) -> str:
    return await effect(f"did {what}")


@workflow(name="sim:booking")
async def booking(given: str) -> list[str]:
    """One by one, side by side with others, raced, behind a deadline, at most once."""
    out = [await booked([given, "a"])]
    out += await asyncio.gather(booked("left"), aside("middle"), booked("right"))
    out.append(await race(booked("raced"), sleep("120ms", result="late")))
    try:
        async with perdure.timeout("100ms"):
            out.append(await booked("limited"))
    except TimeoutError:
        out.append("too late")
    try:
        out.append(await booked_once("once"))
    except StepInterrupted:
        out.append("cut off")
    return [*out, await booked("last")]


@workflow(name="sim:booked_cleanup")
async def booked_cleanup(given: str) -> str:
    """Cancelled while one is open, or forced: what it cleans up with is one as well."""
    try:
        return await booked(given)
    except asyncio.CancelledError:
        await booked("clean")
        raise


PROGRAMS = (
    Program(workflow=booking, steady=False),
    Program(workflow=booked_cleanup, steady=False, cancel=0.7, forced=True),
)
STEPS = (booked, booked_once, aside)
