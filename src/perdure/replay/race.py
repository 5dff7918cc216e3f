"""`race`: the first of several awaitables to finish, under any asyncio loop; in a workflow its outcome is the log's."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar, overload

from perdure.errors import ArgumentsInvalid
from perdure.replay.hook import put_back
from perdure.replay.waiting import futures_of, wait

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


@overload
async def race(a: Awaitable[A], b: Awaitable[B], /) -> A | B: ...
@overload
async def race(a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], /) -> A | B | C: ...
@overload
async def race(a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], d: Awaitable[D], /) -> A | B | C | D: ...
@overload
async def race(
    a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], d: Awaitable[D], e: Awaitable[E], /
) -> A | B | C | D | E: ...
@overload
async def race(*awaitables: Awaitable[A]) -> A: ...
async def race(*awaitables: Awaitable[Any]) -> Any:
    """The result of the first of these `awaitables` to finish, or what it raised. The others are cancelled, steps too.

    It returns when the others have ended, so that nothing runs on unseen; what one raises then is reported to the
    loop's exception handler. If several finish in the same pass of the loop, the first in order of completion wins; a
    hook among the others keeps its payload.
    Cancelling a race cancels all. To let a loser go on, pass `asyncio.shield(task)`.
    Raises: ArgumentsInvalid, if there is nothing to await.
    """
    racers = futures_of("race", awaitables)
    if not racers:
        raise ArgumentsInvalid("race", "it needs at least one awaitable")
    awaited = list({id(awaitable): awaitable for awaitable in awaitables}.values())
    winner = None
    try:
        winner = await _winner(racers)
        return winner.result()
    finally:
        _put_back(awaited, racers, winner)
        del winner, racers, awaitables, awaited  # an exception leads to this frame: the frame must not lead back to it


def _put_back(
    awaited: list[Awaitable[Any]], racers: list[asyncio.Future[Any]], winner: asyncio.Future[Any] | None
) -> None:
    """What losers have taken from hooks."""
    for awaitable, racer in zip(awaited, racers, strict=True):
        if racer is not winner:
            put_back(awaitable, racer)


async def _winner(racers: list[asyncio.Future[Any]]) -> asyncio.Future[Any]:
    """The first to finish, once all have ended. Raises: CancelledError, if the race was cancelled."""
    first: asyncio.Future[asyncio.Future[Any]] = asyncio.get_running_loop().create_future()

    def finish(racer: asyncio.Future[Any]) -> None:
        if not first.done():
            first.set_result(racer)
            _cancel(racers)  # at once: what a loser would take in the next pass, it doesn't take

    for racer in racers:
        racer.add_done_callback(finish)
    try:
        winner = await first
    except asyncio.CancelledError:  # not `finally`: a body that is put away awaits nothing more
        _cancel(racers)
        await _all_ended(racers)
        _report(racers)
        raise
    cancelled = await _all_ended(racers)
    _report([racer for racer in racers if racer is not winner])
    if cancelled:
        raise asyncio.CancelledError(*cancelled.args)
    return winner


def _cancel(racers: list[asyncio.Future[Any]]) -> None:
    for racer in racers:
        racer.cancel()


async def _all_ended(racers: list[asyncio.Future[Any]]) -> asyncio.CancelledError | None:
    """Wait until all have ended. A cancellation meanwhile is given back: once is enough for the losers."""
    cancelled: asyncio.CancelledError | None = None
    while running := [racer for racer in racers if not racer.done()]:
        try:
            await wait(running)
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


def _report(racers: list[asyncio.Future[Any]]) -> None:
    loop = asyncio.get_running_loop()
    for racer in racers:
        if not racer.cancelled() and racer.exception() is not None:
            message = "an awaitable that lost a race raised an exception"
            loop.call_exception_handler({"message": message, "exception": racer.exception(), "future": racer})
