"""A process that kills itself at one of its calls of the store: `python -m tests.faults.mortal FOLDER [SIDE CALL]`.

It starts a run of everything at once under an idempotency key, or finds it, and waits until every run has ended. Then it
prints the result, and how many calls of the store it has made. `before`, `amid` or `after` its CALL-th it gets SIGKILL
from itself; amid is when the work is done inside the transaction, and not yet committed. Each body of a step first adds a
line to the ledger beside the store, in one write.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import perdure
from perdure import Retry, StartOptions, StepInterrupted, sleep, start, step, workflow
from perdure.worlds.sqlite import SqliteWorld

SIDES = ("before", "amid", "after")
SOON = Retry(max_retries=9, delay="10ms", factor=1)
FOLDER = "PERDURE_MORTAL"
CALLS = (
    "commit", "read_log", "read_run", "read_mail", "has_mail", "find_run", "list_runs",
    "beat", "retire", "workers", "claim", "reclaim", "owned", "next_due_ms",
)  # fmt: skip

# -- what runs


def begin() -> int:
    """Write to the ledger that this body begins; which attempt it is."""
    about = perdure.get_step_metadata()
    line = {"pid": os.getpid(), "step": about.step_id, "name": about.step_name, "attempt": about.attempt}
    ledger = os.open(Path(os.environ[FOLDER], "ledger"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(ledger, json.dumps(line).encode() + b"\n")
    finally:
        os.close(ledger)
    return about.attempt


@step(name="mortal:do", retry=SOON)
async def do(what: Any) -> str:
    begin()
    return f"did {what}"


@step(name="mortal:threaded", retry=SOON)
def threaded(what: str) -> str:
    begin()
    return f"did {what}"


@step(name="mortal:third", retry=SOON)
async def third(what: str) -> str:
    if begin() < 3:
        raise ValueError(what)
    return f"did {what}"


@step(name="mortal:hopeless", retry=Retry(max_retries=1, delay="10ms"))
async def hopeless(what: str) -> None:
    begin()
    raise ValueError(what)


@step(name="mortal:once", at_most_once=True)
async def once(what: str) -> str:
    begin()
    return f"did {what}"


@workflow(name="mortal:kid")
async def kid(given: str) -> list[str]:
    first = await do(given)
    await sleep("20ms")
    return [first, await do("grown")]


@workflow(name="mortal:endless")
async def endless(given: str) -> None:
    await do(given)
    await sleep("1h")


@workflow(name="mortal:guardian")
async def guardian(given: str) -> None:
    """Cleans up with a step when it is cancelled, and its child is cancelled with it."""
    await start(endless, "watched")
    try:
        await do(given)
        await sleep("1h")
    except asyncio.CancelledError:
        await do("clean")
        raise


@workflow(name="mortal:mixed")
async def mixed(given: str) -> list[Any]:
    """In sequence and in parallel, with retries, sleeps, a deadline, children and a cancel."""
    out: list[Any] = [await do(given)]
    child, guarded = await start(kid, "child"), await start(guardian, "guard")
    out.append(await asyncio.gather(do("left"), threaded("thread"), third("third")))
    try:
        await hopeless("never")
    except ValueError as error:
        out.append(f"{type(error).__name__}: {error}")
    try:
        async with perdure.timeout("20ms"):
            await sleep("1h")
    except TimeoutError:
        out.append(await do("nap"))
    try:
        out.append(await once("once"))
    except StepInterrupted:  # whether it has happened is not known: ask the other side
        out.append(await do("once"))
    await guarded.cancel("enough")
    try:
        await guarded.result()
    except perdure.RunCancelled:
        out.append("cancelled")
    return [*out, await child.result(), await do("end")]


# -- what dies


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Calls:
    """Counts the calls of every SqliteWorld of this process, and dies at the appointed one."""

    def __init__(self, side: str = "", number: int = 0) -> None:
        self.made = 0
        self._side, self._number, self._numbers = side, number, count(1)

    def watch(self) -> None:
        for name in CALLS:
            setattr(SqliteWorld, name, self._counted(getattr(SqliteWorld, name)))

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(world: SqliteWorld, *args: Any, **options: Any) -> Any:
            self.made = made = next(self._numbers)
            side = self._side if made == self._number else ""
            if side == "before":
                die()
            if side == "amid":
                _die_inside(world._store)
            answer = await call(world, *args, **options)
            if side == "after":
                die()
            return answer

        return counted


def _die_inside(store: Any) -> None:
    """The store's next work is its last: done, and never committed."""

    def last(work: Callable[..., Any]) -> Callable[..., Any]:
        def done(*args: Any) -> None:
            work(*args)
            die()

        return done

    write, read = store.write, store.read
    store.write = lambda work, *args: write(last(work), *args)
    store.read = lambda work, *args: read(last(work), *args)


async def live(folder: Path) -> list[Any]:
    """From the start, which may have been before this process, to the end of every run."""
    perdure.configure(world=f"sqlite:///{folder}/runs.db")
    run = await start(mixed, "x", options=StartOptions(idempotency_key="the one"))
    result = await run.result()
    async for other in perdure.list_runs():
        with suppress(perdure.RunCancelled):
            await perdure.get_run(other.run_id).result()
    await perdure.close()
    return result


def main(folder: str, side: str = "", number: str = "0") -> None:
    os.environ[FOLDER] = folder
    calls = Calls(side, int(number))
    calls.watch()
    result = asyncio.run(live(Path(folder)))
    print(json.dumps({"result": result, "calls": calls.made}))


if __name__ == "__main__":
    main(*sys.argv[1:])
