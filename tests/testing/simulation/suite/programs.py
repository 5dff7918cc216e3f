"""A few small programs: what the simulation's own tests run, and what its command line is pointed at."""

import asyncio

from perdure import Retry, create_hook, get_workflow_metadata, get_writable, sleep, step, workflow
from perdure.testing.simulation.effect import Shaken, begin, crash, effect
from perdure.testing.simulation.program import Program, Suite

FIRST = ""
OFTEN = Retry(max_retries=9, delay="30ms", factor=1.3, max_delay="400ms")


@step(name="suite:do", retry=OFTEN)
async def do(what: str) -> str:
    return await effect(f"did {what}")


@step(name="suite:mended", max_retries=0)
async def mended(what: str) -> str:
    """Fails for good, until it is begun for the third time."""
    if begin() < 3:
        raise Shaken(what)
    return f"did {what}"


@step(name="suite:work", retry=OFTEN)
async def work(what: str) -> str:
    """Half a second of work, of which nothing is left to chance."""
    begin()
    await asyncio.sleep(0.5)
    return f"did {what}"


@step(name="suite:deadly", max_retries=0)
async def deadly() -> None:
    begin()
    crash()


@workflow(name="suite:pair")
async def pair(given: str) -> list[str]:
    first = await do(FIRST + given)
    await sleep("300ms")
    return [first, await do("end")]


@workflow(name="suite:sleeper")
async def sleeper(given: str) -> str:
    """Sleeps for long, unless it is woken or cancelled."""
    await sleep("12s")
    return await do(given)


@workflow(name="suite:laborious")
async def laborious(given: str) -> list[str]:
    return [await work(given), await work("end")]


@workflow(name="suite:mending")
async def mending(given: str) -> str:
    return await mended(given)


@workflow(name="suite:acted")
async def acted(given: str) -> None:
    """Acts on the failure before it fails."""
    try:
        await mended(given)
    except Shaken:
        await do(given)
        raise


@workflow(name="suite:chatty")
async def chatty(given: str) -> list[str]:
    """Waits for three payloads, and says so in a stream."""
    out, got = get_writable(str), list[str]()
    async with create_hook(str, token=f"chatty:{get_workflow_metadata().run_id}") as hook:
        while len(got) < 3:
            got.append(await hook)
            await out.write(got[-1])
    return got


@workflow(name="suite:crashing", max_recoveries=1)
async def crashing(given: str) -> None:
    await deadly()


@workflow(name="suite:other, later")
async def later(given: str) -> list[str]:
    """Another function by the name of `pair`, that doesn't fit its logs."""
    return [await do("start"), await do(given)]


PAIR = Program(workflow=pair, cancel=0)
FORKED = Program(workflow=pair, forks=True, cancel=0)
SLEEPER = Program(workflow=sleeper, wakes=True, cancel=0)
LABORIOUS = Program(workflow=laborious, cancel=0)
CHATTY = Program(workflow=chatty, steady=False, cancel=0, tokens=("chatty:{run_id}",), streams=("",))
CANCELLED = Program(workflow=sleeper, cancel=1)
FORCED = Program(workflow=sleeper, cancel=1, forced=True)
MENDING = Program(workflow=mending, retries=4, cancel=0)
HOPELESS = Program(workflow=mending, retries=1, cancel=0)
ACTED = Program(workflow=acted, retries=1, cancel=0)
CRASHING = Program(workflow=crashing, frail=True, crashes=True, cancel=0)
INDIGESTIBLE = Program(workflow=pair, indigestible=True, cancel=0)
CHANGED = Program(workflow=pair, versions={1: later, 2: pair}, steady=False, cancel=0)

PROGRAMS = (PAIR, SLEEPER, LABORIOUS, MENDING, ACTED)
STEPS = (do, work, mended, deadly)
SUITE = Suite(programs=PROGRAMS, children=(), steps=STEPS)


def suite_of(*programs: Program) -> Suite:
    """A suite of its own, for programs that share a workflow's name with others."""
    return Suite(programs=programs, children=(), steps=STEPS)
