"""A process that pays, and kills itself in the middle: `python -m tests.faults.paying URL RUNS [PLACE NUMBER]`.

It starts so many runs under idempotency keys, or finds them, and works until all have ended; with no runs to start it only
works, until somebody kills it. At its NUMBER-th payment it gets SIGKILL from itself: `written`, when the step has written
its row; `appended`, when its completion is in the transaction too; `committed`, when both are durable and nobody knows.
Each payment is a row with the step's id and attempt.
"""

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import perdure
from perdure import Retry, StartOptions, configure, get_connection, get_step_metadata, start, step, worker, workflow

PLACES = ("written", "appended", "committed")
SQLITE, POSTGRES = "INSERT INTO paid VALUES (?, ?)", "INSERT INTO public.paid VALUES ($1, $2)"
DIES = {"place": "", "number": 0}
PAYMENTS = count(1)


def reach(place: str, number: int) -> None:
    if (DIES["place"], DIES["number"]) == (place, number):
        os.kill(os.getpid(), signal.SIGKILL)


@step(name="paying:pay", transaction=True, retry=Retry(max_retries=9, delay="5ms"))
async def pay(what: str) -> str:
    about, connection = get_step_metadata(), get_connection()
    if hasattr(connection, "fetch"):
        done = connection.execute(POSTGRES, about.step_id, about.attempt)
    else:
        done = connection.execute(SQLITE, (about.step_id, about.attempt))
    if inspect.isawaitable(done):
        await done
    reach("written", next(PAYMENTS))
    await asyncio.sleep(0.001)
    return what


@step(name="paying:note")
async def note(what: str) -> str:
    return what


@workflow(name="paying:buy")
async def buy(what: str) -> list[str]:
    first = await pay(f"{what} deposit")
    return [first, *await asyncio.gather(pay(f"{what} rest"), note(what), pay(f"{what} tip")), await note("end")]


def watch_sqlite() -> None:
    from perdure.worlds.sqlite.guest import Guest
    from perdure.worlds.sqlite.writer import Writer

    strict: Callable[..., Any] = Writer._commit
    ends: Callable[..., Any] = Writer._end_with
    numbers, inside = count(1), {"guest": False}

    def commit(writer: Writer, connection: Any) -> None:
        number = next(numbers) if inside["guest"] else 0
        reach("appended", number)
        strict(writer, connection)
        reach("committed", number)

    def end_with(writer: Writer, guest: Guest, last: Any) -> Any:
        inside["guest"] = True
        try:
            return ends(writer, guest, last)
        finally:
            inside["guest"] = False

    Writer._commit, Writer._end_with = commit, end_with  # type: ignore[method-assign]


def watch_postgres() -> None:
    from perdure.worlds.postgres.guest import Guest

    strict: Callable[..., Awaitable[Any]] = Guest._append
    commits: Callable[..., Awaitable[Any]] = Guest.commit
    numbers = count(1)

    async def append(guest: Guest, session: Any, what: Any) -> Any:
        outcome = await strict(guest, session, what)
        reach("appended", next(numbers))
        return outcome

    async def commit(guest: Guest, what: Any) -> Any:
        outcome = await commits(guest, what)
        reach("committed", next(PAYMENTS_COMMITTED))
        return outcome

    Guest._append, Guest.commit = append, commit  # type: ignore[method-assign]


PAYMENTS_COMMITTED = count(1)


async def main(url: str, runs: int) -> None:
    configure(world=url, work=False)
    async with worker():
        print("ready", flush=True)
        if not runs:
            await asyncio.Event().wait()
        every = [await start(buy, f"{n}", options=StartOptions(idempotency_key=f"buy {n}")) for n in range(runs)]
        for run in every:
            await run.result()
    await perdure.close()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        DIES.update(place=sys.argv[3], number=int(sys.argv[4]))
    (watch_sqlite if sys.argv[1].startswith("sqlite") else watch_postgres)()
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
