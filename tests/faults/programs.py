"""What the simulation runs: small workflows, each full of one kind of trouble, and a mixed one with all of it.

Logs of theirs are kept in `tests/golden`: once a version with them is out, change none, and add another instead.
"""

import asyncio
from typing import Any

import perdure
from perdure import FatalError, Retry, StepInterrupted, race, sleep, start, step, workflow
from perdure.api.relay import relay_cancel, relay_result
from perdure.testing.simulation.effect import Shaken, begin, crash, effect, linger, shaken
from perdure.testing.simulation.program import Program, Suite
from tests.faults import booked, hooked
from tests.faults import queued as queued_steps

OFTEN = Retry(max_retries=9, delay="30ms", factor=1.3, max_delay="400ms")
TWICE = Retry(max_retries=2, delay="60ms", factor=2.0)

# -- steps


@step(name="sim:do", retry=OFTEN)
async def do(what: Any) -> str:
    return await effect(f"did {what}")


@step(name="sim:undo", retry=OFTEN)
async def undo(what: Any) -> str:
    return await effect(f"undid {what}")


@step(name="sim:once", at_most_once=True, retry=OFTEN)
async def once(what: Any) -> str:
    return await effect(f"did {what}")


@step(name="sim:threaded", retry=OFTEN)
def threaded(what: Any) -> str:
    begin()
    if shaken():
        raise Shaken(what)
    return f"did {what}"


@step(name="sim:echo", retry=OFTEN)
async def echo(value: Any) -> Any:
    return await effect(value)


@step(name="sim:hopeless", retry=TWICE)
async def hopeless(what: str) -> str:
    begin()
    await linger()
    raise Shaken(what)


@step(name="sim:third", retry=TWICE)
async def third(what: str) -> str:
    """Fails for good, unless it is begun a third time within its budget: two failures at most are recorded."""
    if begin() < 3:
        raise Shaken(what)
    return f"did {what}"


@step(name="sim:fatal", retry=OFTEN)
async def fatal(what: str) -> str:
    begin()
    raise FatalError(what)


@step(name="sim:mended", retry=OFTEN)
async def mended(what: str) -> str:
    """Fails for good at first; somebody mends it, so that it works when it is tried a third time."""
    if begin() < 3:
        raise FatalError(what)
    return f"did {what}"


@step(name="sim:long", retry=OFTEN, heartbeat_timeout="400ms")
async def long(what: str) -> str:
    """Goes on from what an earlier attempt reported; now and then it is silent for too long."""
    begin()
    for done in range(perdure.get_step_metadata().progress or 0, 5):
        await asyncio.sleep(0.6 if shaken() else 0.15)
        await perdure.heartbeat(done + 1)
    return f"did {what}"


@step(name="sim:slow", retry=OFTEN, timeout="250ms")
async def slow(what: str) -> str:
    """Now and then too slow for its timeout."""
    begin()
    await asyncio.sleep(1 if shaken() else 0.1)
    return f"did {what}"


@step(name="sim:tell", retry=OFTEN)
async def tell(run_id: str) -> str:
    """Is told of a run, which must be there by then."""
    return await effect("told", run_id)


@step(name="sim:distant", retry=Retry(max_retries=2, delay="3s", factor=1))
async def distant(what: str) -> str:
    """Fails at first, and is tried again so late that another worker may own the run by then."""
    if begin() < 2:
        raise Shaken(what)
    return f"did {what}"


@step(name="sim:work", retry=OFTEN)
async def work(what: Any) -> str:
    begin()
    await asyncio.sleep(0.8)
    return f"did {what}"


@step(name="sim:starts", retry=OFTEN)
async def starts(given: str) -> str:
    """Starts a run; another attempt must find the same."""
    begin()
    run = await start(kid, given)
    await linger()
    if shaken():
        raise Shaken(given)
    return run.run_id


@step(name="sim:deadly", max_retries=0)
async def deadly() -> None:
    begin()
    await asyncio.sleep(0.05)
    crash()


async def surely(what: str) -> str:
    """An at-most-once step, and what to do where its outcome is unknown: ask the other side."""
    try:
        return await once(what)
    except StepInterrupted:
        return await do(what)


# -- one after another, side by side


@workflow(name="sim:sequence")
async def sequence(given: str) -> list[str]:
    first = await do([given, "a"])
    await sleep("400ms")
    second = await threaded(first)
    await sleep("50ms")
    return [first, second, await surely("c"), await do(second)]


@workflow(name="sim:nested")
async def nested(given: str) -> list[Any]:
    """What is asked for depends on what came first: a replay must see the same."""
    seen: list[str] = []

    async def branch(number: int) -> str:
        seen.append(await do([given, number]))
        if number % 2:
            await sleep(0.07 * number)
        inner = await asyncio.gather(do(["left", number, len(seen)]), do(["right", number]))
        seen.extend(inner)
        return await do([number, len(seen)])

    return [await asyncio.gather(*[branch(number) for number in range(3)]), await do(seen)]


@workflow(name="sim:gathered")
async def gathered(given: str) -> list[str]:
    async def branch(number: int) -> str:
        await sleep(0.03 * number)
        return await do([given, number])

    return await asyncio.gather(*[branch(number) for number in range(4)])


@workflow(name="sim:raced")
async def raced(given: str) -> list[Any]:
    """Races whose sides may well be ready in one turn, and what depends on who won."""
    won: list[Any] = []
    for lap in range(3):
        won.append(await race(do(["hare", lap]), do(["tortoise", lap]), sleep("120ms", result="nobody")))
        won.append(await do(["after", lap, won[-1]]))
    done, pending = await perdure.wait([do("one"), do("two"), do("three")], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    won.append([task.result() for task in done])
    return [given, *won, await do(len(won))]


@workflow(name="sim:limited")
async def limited(given: str) -> list[str]:
    """Deadlines around steps and around groups of them."""
    out: list[str] = []
    for lap in range(3):
        try:
            async with perdure.timeout("100ms"):
                out.append(await do([given, lap]))
        except TimeoutError:
            out.append(await do(["late", lap]))
    try:
        async with asyncio.timeout(0.3):
            out += await asyncio.gather(do("x"), do("y"))
    except TimeoutError:
        out.append(await do("gave up"))
    return out


@workflow(name="sim:grouped")
async def grouped(given: str) -> list[str]:
    """A branch fails; the others are cancelled, and clean up with steps of their own."""
    out: list[str] = []

    async def worker(name: str) -> None:
        try:
            for lap in range(9):
                out.append(await do([given, name, lap]))
                await sleep("80ms")
        except asyncio.CancelledError:
            out.append(await undo(name))
            raise
        finally:
            out.append(await do(["closed", name]))

    async def boom() -> None:
        await sleep("300ms")
        await fatal("boom")

    try:
        async with asyncio.TaskGroup() as group:
            for name in "AB":
                group.create_task(worker(name))
            group.create_task(boom())
    except* FatalError:
        pass
    out.append(await do(len(out)))
    return out


@workflow(name="sim:queued")
async def queued(given: str) -> list[str]:
    """Two workers at one queue, a lock and an event: plain asyncio, durably."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    lock, ready, out = asyncio.Lock(), asyncio.Event(), list[str]()

    async def worker(name: str) -> None:
        await ready.wait()
        while not queue.empty():
            number = queue.get_nowait()
            got = await do([given, name, number])
            async with lock:
                out.append(await do(["locked", got]))

    async with asyncio.TaskGroup() as group:
        for name in "AB":
            group.create_task(worker(name))
        for number in range(4):
            queue.put_nowait(number)
        await sleep("30ms")
        ready.set()
    return out


# -- what goes wrong


@workflow(name="sim:saga")
async def saga(given: str) -> list[str]:
    done: list[str] = []
    try:
        for name in ("hotel", "flight", "car"):
            done.append(await do([given, name]))
            await sleep("120ms")
        await hopeless("payment")
    except (asyncio.CancelledError, Shaken) as error:
        for name in reversed(done):
            await undo(name)
        if isinstance(error, asyncio.CancelledError):
            raise
        return ["undone", *done]
    return done


@workflow(name="sim:retrying")
async def retrying(given: str) -> list[str]:
    out = [given]
    for call in (third, hopeless, fatal):
        try:
            out.append(await call("it"))
        except (Shaken, FatalError) as error:
            out.append(f"{type(error).__name__}: {error}")
    return [*out, await long("work"), await slow("work")]


@workflow(name="sim:backing")
async def backing(given: str) -> list[str]:
    return [await distant(given), await do("end")]


@workflow(name="sim:mending")
async def mending(given: str) -> list[str]:
    """Fails at a step that somebody mends: retried in place, it goes on from there."""
    first = await do(given)
    await sleep("50ms")
    second = await mended("engine")
    return [first, second, await do("end")]


@workflow(name="sim:acted")
async def acted(given: str) -> None:
    """Acts on the failure before it fails: there is no retry in place."""
    await do(given)
    try:
        await fatal("it")
    except FatalError:
        await undo(given)
        raise


@workflow(name="sim:stubborn")
async def stubborn(given: str) -> str:
    """Doesn't let itself be cancelled: only force ends it."""
    while True:
        try:
            await do(given)
            await sleep("60s")
        except asyncio.CancelledError:
            await undo(given)


@workflow(name="sim:crashing", max_recoveries=2)
async def crashing(given: str) -> None:
    await do(given)
    await deadly()


@workflow(name="sim:bystander", max_recoveries=2)
async def bystander(given: str) -> list[str]:
    """Lives beside `crashing`, and must not be parked with it."""
    return [await work([given, lap]) for lap in range(3)]


@workflow(name="sim:indigestible")
async def indigestible(given: str) -> str:
    return await do(given)


# -- time


@workflow(name="sim:repinned")
async def repinned(given: str) -> list[str]:
    """Meanwhile nobody may have it, and then everybody again."""
    done = [await do([given, number]) for number in range(3)]
    await sleep("300ms")
    return [*done, *await asyncio.gather(do([given, 3]), threaded([given, 4]))]


@workflow(name="sim:sleeper")
async def sleeper(given: str) -> list[str]:
    """Sleeps for long, unless it is woken; the deadline around it is no sleep, and stays."""
    out: list[str] = []
    async with perdure.timeout("10m"):
        for lap in range(2):
            await sleep("3s")
            out.append(await do([given, lap]))
    return out


@workflow(name="sim:patient")
async def patient(given: str) -> str:
    """Sleeps until after the faults."""
    await asyncio.gather(sleep("13s"), sleep("2s"), sleep("13.5s"))
    return await do(given)


@workflow(name="sim:chancy", timeout="10m")
async def chancy(given: str) -> list[Any]:
    """Clock and chance are functions of the log."""
    out: list[Any] = [given]
    for _ in range(2):
        await perdure.set_attributes(phase=str(len(out)), gone=None)
        out += await asyncio.gather(echo(perdure.random()), echo(str(perdure.uuid4())), echo(perdure.now()))
        await sleep("70ms")
    return out


# -- families


@workflow(name="sim:kid")
async def kid(given: str) -> list[str]:
    first = await do(given)
    await sleep("200ms")
    return [first, await surely("k")]


@workflow(name="sim:failing-kid")
async def failing_kid(given: str) -> None:
    await do(given)
    await fatal("kid")


@workflow(name="sim:endless-kid")
async def endless_kid(given: str) -> None:
    await do(given)
    await sleep("1h")


@workflow(name="sim:parent")
async def parent(given: str) -> list[Any]:
    """Awaits one child, loses patience with another, hears of a third's failure."""
    run = await start(kid, f"{given}k")
    told = await tell(run.run_id)
    slow_one, failing = await start(kid, "slow"), await start(failing_kid, "f")
    try:
        out: list[Any] = [await run.result()]
    except asyncio.CancelledError:
        await undo("parent")
        raise
    out.append(await race(slow_one.result(), sleep("5s", result=["did slow", "did k"])))
    try:
        await failing.result()
    except perdure.RunFailed as error:
        out.append(type(error.__cause__).__name__)
    return [told, *out, await do("end")]


@workflow(name="sim:starter")
async def starter(given: str) -> list[Any]:
    """Its step starts a run, and it waits for that run's end, which no mail brings."""
    run_id = await starts(given)
    return [await perdure.get_run(run_id, list[str]).result(), await do("end")]


@workflow(name="sim:guardian")
async def guardian(given: str) -> None:
    """Its children would never end if its cancellation didn't reach them."""
    for number in range(2):
        child = await start(endless_kid, f"{given}{number}")
        await tell(child.run_id)
    await sleep("1h")


@workflow(name="sim:dismisser")
async def dismisser(given: str) -> list[str]:
    """Cancels its child itself, and hears of the child's end."""
    child = await start(endless_kid, given)
    first = await do(given)
    await child.cancel("enough")
    try:
        await child.result()
    except perdure.RunCancelled as error:
        return [first, str(error.reason), await do("end")]
    return [first]


# -- other code


@workflow(name="sim:patched")
async def before_patch(given: str) -> list[str]:
    out = [await do(given)]
    await sleep("150ms")
    out.append(await do("old way"))
    await sleep("150ms")
    return [*out, await do("end")]


@workflow(name="sim:patched, later")
async def after_patch(given: str) -> list[str]:
    out = [await do(given)]
    await sleep("150ms")
    out.append(await do("new way" if perdure.patched("way") else "old way"))
    await sleep("150ms")
    if perdure.patched("way"):
        out.append(await do("more"))
    return [*out, await do("end")]


@workflow(name="sim:changed")
async def before_change(given: str) -> list[str]:
    out = [await do(given)]
    for name in ("b", "c", "d"):
        await sleep("150ms")
        try:
            out.append(await do(name))
        except Exception:  # no divergence may be caught here
            out.append("caught")
    return out


@workflow(name="sim:changed, for a while")
async def after_change(given: str) -> list[str]:
    out = [await do(given)]
    for name in ("q", "r", "d"):
        await sleep("150ms")
        try:
            out.append(await do(name))
        except Exception:  # no divergence may be caught here
            out.append("caught")
    return out


@workflow(name="sim:widened")
async def before_widening(given: str) -> list[Any]:
    first = asyncio.ensure_future(do(given))
    out: list[Any] = [await first]
    await sleep("700ms")
    return [*out, await do("end")]


@workflow(name="sim:widened, for a while")
async def after_widening(given: str) -> list[Any]:
    first = asyncio.ensure_future(do(given))
    extra = asyncio.ensure_future(do("extra"))
    out: list[Any] = [await first]
    await sleep("700ms")
    return [*out, await do("end"), await extra]


# -- all of it


@workflow(name="sim:mixed")
async def mixed(given: str) -> list[Any]:
    """In sequence and in parallel, with retries, waits, cancellation and a child."""
    out: list[Any] = [await do(given)]
    child = await start(kid, "m")

    async def branch(number: int) -> str:
        await sleep(0.04 * number)
        return await do(["branch", number])

    out.append(await asyncio.gather(branch(0), branch(1), threaded("t")))
    try:
        out.append(await third("it"))
    except Shaken:
        out.append("shaken")
    cancelled = asyncio.ensure_future(sleep("1h"))
    await sleep("30ms")
    cancelled.cancel()
    try:
        async with perdure.timeout("50ms"):
            await sleep("1h")
    except TimeoutError:
        out.append(await undo("nap"))
    out.append(await surely("o"))
    out.append(await child.result())
    return [*out, await do("end")]


@workflow(name="sim:forking")
async def forking(given: str) -> list[Any]:
    """In sequence and in parallel, with chance, failures, waits and a step that is done once: wherever it is forked, what
    came before is the same."""
    await echo(str(perdure.uuid4()))

    async def branch(number: int) -> str:
        await sleep(0.04 * number)
        return await do(["branch", number])

    out: list[Any] = [given, *await asyncio.gather(*map(branch, range(3)), threaded("t"))]
    try:
        await hopeless("it")
    except Shaken:
        out.append("shaken")
    out.append(await surely("o"))
    await sleep("150ms")
    return [*out, await do("end")]


PLAIN = (
    Program(workflow=sequence),
    Program(workflow=nested, steady=False),
    Program(workflow=gathered),
    Program(workflow=raced, steady=False),
    Program(workflow=limited, steady=False),
    Program(workflow=grouped, steady=False),
    Program(workflow=queued, steady=False),
    Program(workflow=saga, cancel=0.4),
    Program(workflow=retrying, steady=False),
    Program(workflow=backing, cancel=0.1),
    Program(workflow=mending, retries=4, cancel=0.1),
    Program(workflow=acted, retries=1, cancel=0.1),
    Program(workflow=stubborn, cancel=1, forced=True),
    Program(workflow=crashing, frail=True, crashes=True, cancel=0.1),
    Program(workflow=indigestible, indigestible=True, cancel=0),
    Program(workflow=sleeper, wakes=True),
    Program(workflow=patient, cancel=0.05),
    Program(workflow=chancy, steady=False),
    Program(workflow=parent, cancel=0.3),
    Program(workflow=guardian, cancel=1),
    Program(workflow=starter),
    Program(workflow=dismisser),
    Program(workflow=before_patch, versions={1: after_patch}, steady=False),
    Program(workflow=before_change, versions={1: after_change, 2: before_change}, steady=False, never="caught"),
    Program(workflow=before_widening, versions={1: after_widening, 2: before_widening}, steady=False),
    Program(workflow=mixed),
)
"""Those that need nobody's payloads."""
FORKED = (Program(workflow=forking, forks=True, cancel=0.1),)
PROGRAMS = (*PLAIN, *FORKED, *hooked.PROGRAMS, *queued_steps.PROGRAMS, *booked.PROGRAMS)
REPINNED = Program(workflow=repinned, repins=True)
"""Alone, so that the others' seeds stay what they are."""

BYSTANDER = Program(workflow=bystander, frail=True, cancel=0)

SUITE = Suite(
    programs=(*PROGRAMS, REPINNED, BYSTANDER),
    children=(kid, failing_kid, endless_kid, *hooked.CHILDREN),
    steps=(
        do,
        undo,
        once,
        threaded,
        echo,
        hopeless,
        third,
        fatal,
        mended,
        long,
        slow,
        tell,
        distant,
        work,
        starts,
        deadly,
        relay_cancel,
        relay_result,
        *hooked.STEPS,
        *queued_steps.STEPS,
        *booked.STEPS,
    ),
)
