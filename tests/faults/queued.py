"""What the simulation runs with steps for a queue: some workers serve it alone, some all but that."""

import asyncio
from typing import Any

import perdure
from perdure import FatalError, Retry, StepInterrupted, get_writable, race, sleep, step, workflow
from perdure.testing.simulation.effect import Shaken, begin, drain, effect, linger, put, shaken
from perdure.testing.simulation.program import QUEUE, Program

OFTEN = Retry(max_retries=9, delay="30ms", factor=1.3, max_delay="400ms")
TWICE = Retry(max_retries=2, delay="60ms", factor=2.0)


@step(name="sim:compute", queue=QUEUE, retry=OFTEN)
async def compute(what: Any) -> str:
    return await effect(f"computed {what}")


@step(name="sim:crunch", queue=QUEUE, retry=OFTEN)
def crunch(what: Any) -> str:
    begin()
    if shaken():
        raise Shaken(what)
    return f"crunched {what}"


@step(name="sim:launch", queue=QUEUE, at_most_once=True, retry=OFTEN)
async def launch(what: Any) -> str:
    return await effect(f"launched {what}")


@step(name="sim:lost", queue=QUEUE, retry=TWICE)
async def lost(what: str) -> str:
    begin()
    await linger()
    raise Shaken(what)


@step(name="sim:late", queue=QUEUE, retry=Retry(max_retries=2, delay="3s", factor=1))
async def late(what: str) -> str:
    """Fails at first, and is tried again so late that another worker may have it by then."""
    if begin() < 2:
        raise Shaken(what)
    return f"did {what}"


@step(name="sim:patched-up", queue=QUEUE, retry=OFTEN)
async def repaired(what: str) -> str:
    """Fails for good at first; somebody mends it, so that it works when it is tried a third time."""
    if begin() < 3:
        await linger()
        raise FatalError(what)
    return f"did {what}"


@step(name="sim:heavy", queue=QUEUE, retry=OFTEN, heartbeat_timeout="400ms")
async def heavy(what: str) -> str:
    """Goes on from what an earlier attempt reported, wherever that was."""
    begin()
    for done in range(perdure.get_step_metadata().progress or 0, 5):
        await asyncio.sleep(0.6 if shaken() else 0.15)
        await perdure.heartbeat(done + 1)
    return f"did {what}"


@step(name="sim:remark", queue=QUEUE, retry=OFTEN)
async def remark(what: str) -> str:
    """Writes to the streams of its run, and sets its attributes."""
    begin()
    out, kept = get_writable(str), get_writable(str, namespace="kept", atomic=True)
    first = await put(out)
    await drain(out, first)
    await perdure.set_attributes(remark=what)
    await put(kept)
    await put(out)
    await linger()
    if shaken():
        raise Shaken(what)
    return f"remarked {what}"


@step(name="sim:note", retry=OFTEN)
async def note(what: Any) -> str:
    """For whoever owns the run."""
    return await effect(f"noted {what}")


async def surely(what: str) -> str:
    try:
        return await launch(what)
    except StepInterrupted:
        return await compute(what)


@workflow(name="sim:shipped")
async def shipped(given: str) -> list[str]:
    """Here and there, one after another and side by side."""
    first = await compute([given, "a"])
    both = await asyncio.gather(crunch(first), note(first), compute("b"), heavy("c"))
    await sleep("200ms")
    return [first, *both, await note(await remark("d"))]


@workflow(name="sim:launched")
async def launched(given: str) -> list[str]:
    """Whether an interrupted launch has happened isn't known: ask the other side."""
    return [await surely(given), *await asyncio.gather(surely("left"), surely("right"))]


@workflow(name="sim:outrun")
async def outrun(given: str) -> list[Any]:
    """Races and deadlines: the losers are in a queue, or at work there."""
    won: list[Any] = []
    for lap in range(3):
        won.append(await race(compute(["there", lap]), note(["here", lap]), sleep("300ms", result="nobody")))
    try:
        async with perdure.timeout("150ms"):
            won.append(await compute("in time"))
    except TimeoutError:
        won.append(await note("late"))
    return [given, *won]


@workflow(name="sim:deserting")
async def deserting(given: str) -> str:
    """Ends, one way or another, while steps of it lie in the queue."""
    left = [asyncio.create_task(compute([given, number])) for number in range(3)]
    first = await note(given)
    await sleep("100ms")
    if left[0].done():
        return first
    await lost("way")
    return first


@workflow(name="sim:restored")
async def restored(given: str) -> list[Any]:
    """Fails with others under way: retried in place, what failed is sent anew, and what was cut off, unless it was done."""
    first = await compute(given)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in (repaired("it"), compute("x"), late("y"), surely("z"))]
    return [first, *(task.result() for task in tasks)]


@workflow(name="sim:gathering")
async def gathering(given: str) -> list[Any]:
    """The same, but nobody is told of the failure: the others are open when the run ends."""
    return [given, *await asyncio.gather(repaired("it"), compute("x"), late("y"), remark("z"))]


@workflow(name="sim:giving-up")
async def giving_up(given: str) -> list[str]:
    """Compensates in the queue, when it fails there or is cancelled."""
    done: list[str] = []
    try:
        for name in ("a", "b"):
            done.append(await compute([given, name]))
            await sleep("100ms")
        await lost("c")
    except (asyncio.CancelledError, Shaken) as error:
        for name in reversed(done):
            await crunch(["undo", name])
        if isinstance(error, asyncio.CancelledError):
            raise
    return done


PROGRAMS = (
    Program(workflow=shipped, queued=True, steady=False, streams=("", "kept")),
    Program(workflow=launched, queued=True, steady=False),
    Program(workflow=outrun, queued=True, steady=False, cancel=0.3),
    Program(workflow=deserting, queued=True, steady=False, cancel=0.4),
    Program(workflow=restored, queued=True, steady=False, retries=6, cancel=0.1),
    Program(workflow=gathering, queued=True, steady=False, retries=6, cancel=0.1),
    Program(workflow=giving_up, queued=True, steady=False, cancel=0.4),
)
STEPS = (compute, crunch, launch, lost, late, repaired, heavy, remark, note)
