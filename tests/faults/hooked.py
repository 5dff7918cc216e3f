"""What the simulation runs of hooks and streams: clients send payloads to these workflows, and follow what they write.

Logs of theirs are kept in `tests/golden`, as those of `programs.py` are.
"""

import asyncio
from typing import Any

import perdure
from perdure import (
    FatalError,
    HookConflict,
    HookExpired,
    Retry,
    StreamClosed,
    create_hook,
    get_writable,
    race,
    resume_hook,
    sleep,
    start,
    step,
    workflow,
)
from perdure.api.stream import Writable
from perdure.testing.simulation.effect import Shaken, begin, drain, effect, linger, put, shaken
from perdure.testing.simulation.program import Program
from perdure.testing.simulation.sender import MARK

OFTEN = Retry(max_retries=9, delay="30ms", factor=1.3, max_delay="400ms")
PATIENT = Retry(max_retries=99, delay="30ms", factor=1.3, max_delay="400ms")


def mine(name: str) -> str:
    """A token of this run's own."""
    return f"{name}:{perdure.get_workflow_metadata().run_id}"


# -- steps


@step(name="sim:heed", retry=OFTEN)
async def heed(what: Any) -> str:
    return await effect(f"heeded {what}"[:40])


@step(name="sim:introduce", retry=OFTEN)
async def introduce(token: str) -> str:
    """Is told of a token, under which there must be a hook by then."""
    return await effect("introduced", token)


@step(name="sim:answer", retry=PATIENT)
async def answer(token: str) -> str:
    """Answers its own run; another attempt must not answer twice."""
    begin(token)
    await resume_hook(token, f"{MARK}from {perdure.get_step_metadata().step_id}")
    await linger()
    if shaken():
        raise Shaken(token[:8])
    return "answered"


@step(name="sim:repaired", retry=OFTEN)
async def repaired(what: str) -> str:
    """Fails for good at first; somebody repairs it, so that it works when it is tried a third time."""
    if begin() < 3:
        raise FatalError(what)
    return f"did {what}"


@step(name="sim:pour", retry=OFTEN)
async def pour(name: str | None, count: int) -> int:
    """Writes chunk after chunk, and waits now and then until they are in the store."""
    begin()
    out = get_writable(str, namespace=name)
    for number in range(count):
        written = [await put(out), await put(out)]
        if number % 2:
            await drain(out, *written)
        await asyncio.sleep(0.03)
        if shaken():
            raise Shaken("pour")
    return count


@step(name="sim:pour-at-once", retry=OFTEN)
async def pour_at_once(count: int) -> int:
    """What it writes is there with its completion, or not at all."""
    begin()
    out = get_writable(str, atomic=True)
    for _ in range(count):
        await put(out)
        await linger()
        if shaken():
            raise Shaken("pour")
    return count


@step(name="sim:pour-into", retry=OFTEN)
async def pour_into(out: Writable[str]) -> str:
    """Writes to a stream that it was given, as long as that takes anything."""
    begin()
    try:
        await drain(out, await put(out))
        await linger()
        await put(out)
    except StreamClosed:
        return "too late"
    if shaken():
        raise Shaken("into")
    return "poured"


@step(name="sim:shut", retry=OFTEN)
async def shut(name: str) -> str:
    """Closes a stream; another attempt finds it closed."""
    begin()
    out = get_writable(str, namespace=name)
    try:
        await put(out)
        await drain(out, await put(out, end=True))
    except StreamClosed:
        return "closed"
    if shaken():
        raise Shaken("shut")
    return "closed"


# -- hooks


@workflow(name="sim:only")
async def only(given: str) -> list[str]:
    """Nothing but payloads wakes it; what it doesn't need stays behind."""
    hook = create_hook(str, token=mine("only"))
    out = [await hook, await hook]
    out.append(await heed(out[-1]))
    out.append(await hook)
    return [given, *out]


@workflow(name="sim:counted")
async def counted(given: str) -> list[str]:
    out = [given]
    async with create_hook(str, token=mine("counted")) as hook:
        await introduce(hook.token)
        async for payload in hook:
            out.append(payload)
            await heed(payload)
            if len(out) > 3:
                break
    return [*out, await heed("end")]


@workflow(name="sim:paired")
async def paired(given: str) -> list[Any]:
    """Two payloads a lap, from one hook or from two, with a step or nothing between the laps."""
    left, right = create_hook(str, token=mine("left")), create_hook(str, token=mine("right"))
    out: list[Any] = [given]
    for lap in range(3):
        out.append(await asyncio.gather(left, right))
        out.append([await left, await left])
        if lap != 1:
            out.append(await heed(out[-1]))
    return out


@workflow(name="sim:ready")
async def ready(given: str) -> list[Any]:
    """Races of hooks with naps and steps, both sides ready in one turn; who loses keeps its payload for the next lap."""
    out: list[Any] = [given]
    async with create_hook(str, token=mine("ready")) as hook, create_hook(str, token=mine("steady")) as other:
        for lap in range(4):
            out.append(await race(hook, sleep("120ms", result="nobody"), other))
            out.append(await race(heed(lap), hook, other))
            try:
                async with perdure.timeout("60ms"):
                    out.append(await hook)
            except TimeoutError:
                out.append("late")
    return out


@workflow(name="sim:circles")
async def circles(given: str) -> list[Any]:
    """Readers in nested groups, one of which fails; who is cancelled cleans up with a step and a hook."""
    out: list[Any] = [given]
    outer, inner = create_hook(str, token=mine("outer")), create_hook(str, token=mine("inner"))

    async def read(name: str, hook: perdure.Hook[str]) -> None:
        try:
            async for payload in hook:
                out.append(payload)
                await heed([name, payload])
        except asyncio.CancelledError:
            async with create_hook(str, token=mine(f"last-{name}")) as last:
                out.append(await race(last, sleep("150ms", result=f"no word for {name}")))
            raise

    async def within() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(read("a", inner))
            group.create_task(read("b", inner))

    async def boom() -> None:
        await sleep("500ms")
        raise FatalError("boom")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(within())
            group.create_task(read("c", outer))
            group.create_task(boom())
    except* FatalError:
        pass
    await outer.dispose()
    await inner.dispose()
    return [*out, await heed(len(out))]


@workflow(name="sim:tangled")
async def tangled(given: str) -> list[Any]:
    """What is asked for depends on what came first: a hook's registration, or a step's end in the same turn."""
    seen: list[str] = [given]

    async def branch(number: int) -> None:
        for lap in range(2):
            await heed([number, lap])
            async with create_hook(str, token=mine(f"tangled-{number}-{lap}")):
                seen.append(f"{number}{lap}")
            seen.append(await heed(seen[-2:]))

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(branch(number))
    return [len(seen), await heed(seen[-4:])]


@workflow(name="sim:again")
async def again(given: str) -> list[Any]:
    """One token, hook after hook; disposed and made again in one answer."""
    out: list[Any] = [given]
    token = mine("again")
    for lap in range(3):
        first = create_hook(str, token=token)
        out.append(await race(first, sleep("90ms", result="nobody")))
        await first.dispose()
        second = create_hook(str, token=token)
        await second.dispose()
        async with create_hook(str, token=token) as third:
            out.append(await race(third, sleep("90ms", result="nobody")))
            if lap == 1:
                out.append(await heed(lap))
    return out


@workflow(name="sim:rival")
async def rival(token: str) -> list[Any]:
    """Wants a token that others want too, and has it for a payload or a while."""
    out: list[Any] = []
    while True:
        try:
            async with create_hook(str, token=token) as hook:
                await introduce(token)
                out.append(await race(hook, sleep("300ms", result="nobody")))
                return out
        except HookConflict as conflict:
            out.append(await introduce(conflict.owner_run_id))
            await sleep("130ms")


@workflow(name="sim:rivals")
async def rivals(given: str) -> list[Any]:
    """Runs that fight for one token; it takes part itself, without a block."""
    token = mine("rivals")
    runs = [await start(rival, token) for _ in range(2)]
    out: list[Any] = [given]
    for _ in range(3):
        hook = create_hook(str, token=token)
        try:
            out.append(await race(hook, sleep("200ms", result="nobody")))
            await hook.dispose()
        except HookConflict:
            out.append("conflict")
            await sleep("100ms")
    return [*out, [await run.result() for run in runs]]


@workflow(name="sim:expiring")
async def expiring(given: str) -> list[Any]:
    """All that comes until a moment; then the same token is free for another hook."""
    out: list[Any] = [given]
    token = mine("expiring")
    for expires in ("400ms", "900ms", "20ms"):
        hook = create_hook(str, token=token, expires=expires)
        async for payload in hook:
            out.append(payload)
    hook = create_hook(str, token=token, expires="300ms")
    try:
        while True:
            out.append(await hook)
    except HookExpired:
        return [*out, "expired"]


@workflow(name="sim:handed")
async def handed(given: str) -> list[Any]:
    """Tokens that nobody can guess go to steps, which answer."""
    hook = create_hook(str)
    other, told = create_hook(str), await answer(hook.token)
    first = await hook
    await introduce(other.token)
    out = await asyncio.gather(answer(other.token), other, heed("meanwhile"))
    return [given, told, first.partition("from")[0], len(out), await heed("end")]


@workflow(name="sim:echoing")
async def echoing(given: str) -> list[Any]:
    """A step answers, and is tried again when the token leads to another hook."""
    out: list[Any] = [given]
    token = mine("echoing")
    hook = create_hook(str, token=token)
    answering = asyncio.ensure_future(answer(token))
    out.append((await hook).partition("from")[0])
    while not answering.done():
        await hook.dispose()
        hook = create_hook(str, token=token)
        out.append(await race(hook, sleep("200ms", result="nobody"), asyncio.shield(answering)))
    return out


@workflow(name="sim:picky")
async def picky(given: str) -> list[Any]:
    """What doesn't fit isn't handed over."""
    async with create_hook(int, token=mine("picky")) as hook:
        return [given, await race(hook, sleep("600ms", result="nothing that fits"))]


@workflow(name="sim:waiting")
async def waiting(given: str) -> str:
    """Is cancelled while it waits; its cleanup waits for a word itself."""
    try:
        async with create_hook(str, token=mine("never")) as hook:
            await heed(given)
            return await hook
    except asyncio.CancelledError:
        async with create_hook(str, token=mine("word")) as word:
            await introduce(word.token)
            await race(word, sleep("2s"))
        await heed("cleaned up")
        raise


@workflow(name="sim:repairing")
async def repairing(given: str) -> list[str]:
    """Fails with its hooks and its stream open; retried in place, it has them again."""
    idle, progress = create_hook(str, token=mine("idle")), get_writable(str)
    async with create_hook(str, token=mine("repairing")) as hook:
        await progress.write(f"{given} begins")
        out = [given, await hook, await repaired("engine"), await hook]
    await progress.write(f"{given} is repaired")
    return [*out, await idle]


@workflow(name="sim:moved")
async def before_move(given: str) -> list[str]:
    out = [given]
    async with create_hook(str, token=mine("moved")) as hook:
        for lap in range(3):
            out += [await hook, await heed(lap)]
            await sleep("200ms")
        return [*out, await hook]


@workflow(name="sim:moved, for a while")
async def after_move(given: str) -> list[str]:
    """Parks the runs of the code before; their payloads wait."""
    out = [given]
    async with create_hook(str, token=mine("moved")) as hook:
        for lap in range(3):
            out += [await hook, await heed(["other", lap])]
            await sleep("200ms")
        return [*out, await hook]


# -- streams


@workflow(name="sim:streaming")
async def streaming(given: str) -> list[Any]:
    """Body and steps write to the same streams, and to their own."""
    out, log = get_writable(str), get_writable(str, namespace="log")
    for lap in range(2):
        await out.write(f"lap {lap} of {given}")
        await log.write(f"log {lap}")
        await asyncio.gather(pour(None, 3), pour("log", 2), pour_at_once(3))
        await log.write(f"log {lap} done")
    await out.write("end")
    return [given, await pour("tail", 1)]


@workflow(name="sim:shutting")
async def shutting(given: str) -> list[Any]:
    """Streams that somebody closes before the end; who comes later is refused, and his step completes all the same."""
    log = get_writable(str, namespace="log")
    await log.write("first")
    told = await asyncio.gather(pour_into(log), shut("log"), pour_into(log))
    told.append(await pour_into(log))
    early = get_writable(str, namespace="early")
    await early.write("one")
    await early.close()
    told.append(await pour_into(early))
    return [given, len(told), await heed("end")]


@workflow(name="sim:contributor")
async def contributor(out: Writable[str], number: int) -> str:
    """Writes to its parent's stream, which may be over."""
    await out.write(f"kid {number} begins")
    told = await pour_into(out)
    await sleep("100ms")
    await out.write(f"kid {number} ends")
    return told


@workflow(name="sim:publisher")
async def publisher(given: str) -> list[Any]:
    """Its children write to its stream; it doesn't wait for the last."""
    out = get_writable(str)
    await out.write(f"{given} begins")
    runs = [await start(contributor, out, number) for number in range(3)]
    told = [await run.result() for run in runs[:2]]
    await out.write(f"{given} ends")
    return [given, len(told)]


@workflow(name="sim:parting")
async def parting(given: str) -> list[Any]:
    """Its end has the last words in its streams, whichever end it is, and whoever brings it about."""
    me = perdure.get_workflow_metadata().run_id
    out, log = get_writable(str), get_writable(str, namespace="log")
    await out.write_at_end(completed=["too early"], cancelled=[f"{me} was cancelled", "early"])
    await log.write_at_end(completed=[f"{me} is done"], failed=[f"{me} has failed"], cancelled=[f"{me} is no more"])
    await pour(None, 2)
    await out.write_at_end(completed=[f"{me} has said all", "good-bye"], failed=["sorry"], cancelled=["cut off"])
    pouring = asyncio.gather(pour(None, 3), pour("log", 3))
    if perdure.random() < 0.3:  # what is being poured is cut off, and stands before the last words all the same
        await sleep("60ms")
        raise ValueError(given)
    await pouring
    return [given]


@workflow(name="sim:parted")
async def parted(given: str) -> list[Any]:
    """Only force ends it, and that has the last word too."""
    out = get_writable(str)
    await out.write_at_end(cancelled=[f"{given} had to go"])
    while True:
        try:
            await pour(None, 2)
            await sleep("1s")
        except asyncio.CancelledError:
            continue


PROGRAMS = (
    Program(workflow=only, steady=False, tokens=("only:{run_id}",)),
    Program(workflow=counted, steady=False, tokens=("counted:{run_id}",)),
    Program(workflow=paired, steady=False, tokens=("left:{run_id}", "right:{run_id}", "left:{run_id}")),
    Program(workflow=ready, steady=False, tokens=("ready:{run_id}", "steady:{run_id}")),
    Program(
        workflow=circles,
        steady=False,
        tokens=("outer:{run_id}", "inner:{run_id}", "last-a:{run_id}", "last-c:{run_id}"),
    ),
    Program(workflow=tangled, steady=False),
    Program(workflow=again, steady=False, tokens=("again:{run_id}",)),
    Program(workflow=rivals, steady=False, tokens=("rivals:{run_id}",)),
    Program(workflow=expiring, steady=False, tokens=("expiring:{run_id}",), greedy=True),
    Program(workflow=handed),
    Program(workflow=echoing, steady=False),
    Program(workflow=picky, tokens=("picky:{run_id}",)),
    Program(workflow=waiting, cancel=1, steady=False, tokens=("word:{run_id}",)),
    Program(
        workflow=repairing,
        steady=False,
        retries=4,
        cancel=0.1,
        tokens=("idle:{run_id}", "repairing:{run_id}"),
        streams=("",),
    ),
    Program(
        workflow=before_move,
        versions={1: after_move, 2: before_move},
        steady=False,
        tokens=("moved:{run_id}",),
    ),
    Program(workflow=streaming, streams=("", "log", "tail")),
    Program(workflow=shutting, streams=("log", "early")),
    Program(workflow=publisher, streams=("",)),
    Program(workflow=parting, steady=False, cancel=0.4, streams=("", "log")),
    Program(workflow=parted, cancel=1, forced=True, streams=("",)),
)
CHILDREN = (rival, contributor)
STEPS = (heed, introduce, answer, repaired, pour, pour_at_once, pour_into, shut)
