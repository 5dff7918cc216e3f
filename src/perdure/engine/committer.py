"""Group commit: all that a process writes goes through one committer, in order for each run (L3).

While one batch is being written the next gathers. Urgent work goes with the next batch; lazy work waits for something
urgent of the same run, at most 20 ms: so a step's start and its outcome are one append. Outcomes are handed back in a
plain callback of the loop, never inside a task, since a run may then activate its body. What a lost answer meant is
found out by reading (L2), by `resolve`. Where there are keys, payloads are sealed as they are taken: what is compared and
tried again are those very bytes.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, Protocol

from perdure.codec.keyring import KeyRing
from perdure.engine.resolve import resolve
from perdure.engine.seal import sealed, sealed_append
from perdure.engine.telemetry import SILENT, Telemetry
from perdure.errors import WorldFull, WorldUnavailable
from perdure.world.operation import Append, Operation, Outcome
from perdure.world.world import World

LAZY_S = 0.02
BATCH_MAX = 256
BATCH_RUNS = 192
BACKOFF_S = (0.05, 2.0)
PATIENCE_S = 10.0
"""As long as SQLite waits for another process's lock."""
logger = logging.getLogger("perdure")


class Told(Protocol):
    """Who hears what became of an operation."""

    def landed(self, outcome: Outcome) -> None: ...

    def poisoned(self, error: Exception) -> None: ...


class Sink(Told, Protocol):
    """A run with something to append: asked for it when a batch is made, told when it has landed."""

    def take(self) -> Append | None: ...


class Enclosing(Protocol):
    """An open transaction, that one append is done in."""

    async def commit(self, append: Append) -> Outcome: ...


class _Cancelled(WorldUnavailable):
    """Somebody cancelled it, as the end of a loop does: that is no news for people."""


class _Job:
    """One operation of somebody who waits for its outcome. `heard`: see `Committer.submit`."""

    __slots__ = ("future", "heard", "operation")

    def __init__(
        self, operation: Operation, future: "asyncio.Future[Outcome]", heard: Callable[[Outcome], None] | None
    ) -> None:
        self.operation, self.future, self.heard = operation, future, heard

    def take(self) -> Operation | None:
        return None if self.future.done() else self.operation

    def landed(self, outcome: Outcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)
        if self.heard is not None:
            self.heard(outcome)

    def poisoned(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


Source = Sink | _Job
Batch = list[tuple[Source, Operation]]
_NONE_YET: Sequence[Outcome | Exception] = ()


class Committer:
    """One per process and loop. `close` lets what is being written finish, for a while, and takes nothing more."""

    def __init__(self, world: World, keys: KeyRing | None = None, telemetry: Telemetry = SILENT) -> None:
        self._world, self._keys, self._telemetry = world, keys, telemetry
        self._loop = asyncio.get_running_loop()
        self._urgent: dict[Sink, None] = {}
        self._lazy: dict[Sink, float] = {}
        self._jobs: deque[_Job] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._wanted: asyncio.Future[None] | None = None  # what an idle writer waits for
        self._idle = True
        self._lost: Batch = []  # was on its way when somebody cancelled the writer
        self._untold = 0  # batches on their way, lost, or back and not told
        self._told: asyncio.Future[None] | None = None
        self._enclosed: set[asyncio.Task[Outcome]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._failures = 0
        self._context = Context()  # a commit is nobody's in particular
        self._closed = False

    def offer(self, sink: Sink, *, urgent: bool) -> None:
        """This run has something to append. Offering twice before a batch is made is offering once."""
        if urgent:
            self._lazy.pop(sink, None)
            self._urgent[sink] = None
            if self._idle:
                self._ask()
        elif sink not in self._urgent and sink not in self._lazy:
            self._lazy[sink] = self._loop.time() + LAZY_S
            if self._alarm is None:
                self._alarm = self._loop.call_later(LAZY_S, self._ring)

    def submit(self, operation: Operation, heard: Callable[[Outcome], None] | None = None) -> "asyncio.Future[Outcome]":
        """Commit one operation; await its outcome. `heard` is told it too, from a plain callback, also when nobody waits any
        more. Raises: WorldFull, WorldUnavailable (only when closing).

        A plain call that returns a future: a flood of starts waits here, and each coroutine less is felt.
        """
        if self._closed:
            raise closing()
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._jobs.append(_Job(operation, future, heard))
        self._ask()
        return future

    def enclose(self, told: Told, transaction: Enclosing, append: Append) -> None:
        """Commit this append in a transaction of its own, beside the batches. There is no second try: whoever is told that
        the World is unavailable doesn't know what became of it."""

        async def commit() -> Outcome:
            return await transaction.commit(append if self._keys is None else sealed_append(append, self._keys))

        def over(task: "asyncio.Task[Outcome]") -> None:
            self._enclosed.discard(task)
            error = closing() if task.cancelled() else task.exception()
            assert error is None or isinstance(error, Exception), error
            self._tell(told, task.result() if error is None else error)

        task = self._loop.create_task(commit())
        self._enclosed.add(task)
        task.add_done_callback(over)

    async def close(self, patience_s: float = PATIENCE_S) -> None:
        """Refuse new jobs; return when nothing is being written any more. What a World that is away hasn't taken by
        then is given up: whoever waits is told, runs go on from their logs."""
        self._closed = True
        given_up_at = self._loop.time() + patience_s
        while (underway := self._on_their_way()) and (left_s := given_up_at - self._loop.time()) > 0:
            await asyncio.wait(underway, timeout=left_s)
        if self._alarm is not None:
            self._alarm.cancel()
        for job in self._jobs:
            job.poisoned(closing())
        self._jobs.clear()
        self._urgent.clear()
        self._lazy.clear()
        if self._writer is not None:
            self._writer.cancel()
        for task in self._enclosed:
            task.cancel()
        if underway:
            await asyncio.wait(underway)

    async def drained(self, patience_s: float = PATIENCE_S) -> bool:
        """Wait until all that was offered has been written, at most so long; whether it was. What is lazy goes now."""
        given_up_at = self._loop.time() + patience_s
        while (underway := self._on_their_way()) or self._urgent or self._lazy or self._jobs:
            self._urgent.update(dict.fromkeys(self._lazy))
            self._lazy.clear()
            self._ask()
            left_s = given_up_at - self._loop.time()
            if left_s <= 0:
                return False
            if underway:
                await asyncio.wait(underway, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(0)
        return True

    # -- writing

    def _ask(self) -> None:
        """There is something to write: the writer looks soon, or when it has written what is on its way."""
        if not self._idle:
            return
        self._idle = False
        if self._writer is None:
            self._writer = self._loop.create_task(self._write_for_ever(), context=self._context)
            self._writer.add_done_callback(self._stopped)
        elif self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        # Else somebody has just cancelled it, and another one follows: see `_stopped`.

    def _stopped(self, _writer: "asyncio.Task[None]") -> None:
        """Somebody has cancelled it, or ended the loop: another one goes on, if there is anything to do."""
        self._writer, self._wanted, self._idle = None, None, True
        if self._closed and self._lost:
            lost, self._lost = self._lost, []
            self._tell_all(lost, [closing() for _ in lost])
        elif self._lost or self._urgent or self._jobs:
            self._ask()

    def _on_their_way(self) -> list["asyncio.Future[Any]"]:
        """What ends when something that is being written has been told."""
        if not self._untold:
            return [*self._enclosed]
        if self._told is None:
            self._told = self._loop.create_future()
        return [self._told, *self._enclosed]

    def _ring(self) -> None:
        """What is lazy has waited long enough: it becomes urgent."""
        self._alarm = None
        now = self._loop.time()
        for sink, due_at in list(self._lazy.items()):
            if due_at > now:
                self._alarm = self._loop.call_at(due_at, self._ring)
                break
            del self._lazy[sink]
            self._urgent[sink] = None
        if self._urgent:
            self._ask()

    async def _write_for_ever(self) -> None:
        """Write batch after batch."""
        batch, self._lost = self._lost, []
        if batch:
            await self._write(batch, _Cancelled("the commit was cancelled"))
        while True:
            # While little waits, those of the last batch are told first, and go along: every commit has its price.
            batch = self._gather(batch) if len(self._urgent) + len(self._jobs) >= len(batch) else []
            if batch:
                self._untold += 1
                await self._write(batch)
            else:
                self._wanted, self._idle = self._loop.create_future(), True
                await self._wanted

    async def _write(self, batch: Batch, error: Exception | None = None) -> None:
        """Commit it, or (after this error) find out what became of it. That is told soon, not now: what is sent next goes on
        its way first, so that the World writes while runs hear of what it has written."""
        began_at, outcomes = self._loop.time(), _NONE_YET
        while not outcomes:
            try:
                if error is None:
                    outcomes = await self._world.commit([operation for _, operation in batch])
                    self._failures = 0
                    self._telemetry.committed(len(batch), self._loop.time() - began_at)
                else:
                    outcomes = await self._recover(batch, error)
            except asyncio.CancelledError:
                if self._writer is None or not self._writer.cancelling():  # it wasn't this that was cancelled
                    error = _Cancelled("the commit was cancelled")
                    continue
                if self._closed or error is not None:
                    self._loop.call_soon(self._tell_all, batch, [closing() for _ in batch], context=self._context)
                else:
                    self._lost = batch
                raise
            except Exception as failed:
                if error is not None:
                    outcomes = [failed for _ in batch]
                error = failed
            except BaseException:  # somebody's Ctrl-C: the loop may go on all the same
                self._lost = batch
                raise
        self._loop.call_soon(self._tell_all, batch, outcomes, context=self._context)

    def _gather(self, untold: Batch) -> Batch:
        """What lives goes before what is to be started, so that a flood of starts doesn't fill the memory; but a part of
        each batch is for those who wait for an outcome. Whoever is `untold` doesn't know yet how it stands: it goes later."""
        batch: Batch = []
        urgent, jobs = self._urgent, self._jobs
        later = [source for source, _ in untold if source in urgent] if urgent else []
        for source in later:
            del urgent[source]
        while len(batch) < BATCH_MAX and (urgent or jobs):
            if jobs and (not urgent or len(batch) >= BATCH_RUNS):
                source: Source = jobs.popleft()
            else:
                source = next(iter(urgent))
                del urgent[source]
            try:
                operation = source.take()
                if self._keys is not None and operation is not None:
                    operation = sealed(operation, self._keys)
            except Exception as error:  # one run's trouble is its own (P12)
                self._loop.call_soon(self._tell, source, error, context=self._context)
                continue
            if operation is not None:
                batch.append((source, operation))
        urgent.update(dict.fromkeys(later))
        return batch

    def _tell_all(self, batch: Batch, outcomes: Sequence[Outcome | Exception]) -> None:
        self._untold -= 1
        for (source, _), outcome in zip(batch, outcomes, strict=True):
            self._tell(source, outcome)
        if self._told is not None:
            told, self._told = self._told, None
            told.set_result(None)
        if self._urgent or self._jobs:
            self._ask()

    def _tell(self, source: Told, outcome: Outcome | Exception) -> None:
        """Hand the outcome over. A run that can't take it is dropped, and found again by a sweep; the others go on."""
        try:
            if isinstance(outcome, Exception):
                source.poisoned(outcome)
            else:
                source.landed(outcome)
        except Exception as error:
            logger.exception("perdure failed at one run, which goes on from its log")
            source.poisoned(WorldUnavailable(f"perdure failed at this run: {error!r}"))

    # -- what went wrong

    async def _recover(self, batch: Batch, error: BaseException) -> list[Outcome | Exception]:
        """Outcomes for a batch whose commit raised."""
        if isinstance(error, WorldFull):
            return await self._wait_for_space(batch, error)
        if isinstance(error, WorldUnavailable):
            level = logging.DEBUG if isinstance(error, _Cancelled) else logging.WARNING
            logger.log(level, "a commit's answer was lost, reading it back: %s", error)
            return [await _resolved(self._world, operation) for _, operation in batch]
        logger.error("a commit was refused by the world, trying its parts: %r", error)
        outcomes: list[Outcome | Exception] = []
        for _, operation in batch:
            outcomes.append(await _alone(self._world, operation))
        return outcomes

    async def _wait_for_space(self, batch: Batch, error: WorldFull) -> list[Outcome | Exception]:
        """Nothing was written: callers are told at once, runs wait until there is space."""
        self._failures += 1
        logger.error("%s", error)
        for source, _ in batch:
            if isinstance(source, _Job):
                source.poisoned(error)
        await asyncio.sleep(min(BACKOFF_S[0] * 2**self._failures, BACKOFF_S[1]))
        runs = [operation for source, operation in batch if not isinstance(source, _Job)]
        landed = iter(await self._again(runs))
        return [error if isinstance(source, _Job) else next(landed) for source, _ in batch]

    async def _again(self, operations: list[Operation]) -> list[Outcome | Exception]:
        while operations and not self._closed:
            try:
                return list(await self._world.commit(operations))
            except WorldFull:
                await asyncio.sleep(BACKOFF_S[1])
            except WorldUnavailable:
                return [await _resolved(self._world, operation) for operation in operations]
            except Exception:
                return [await _alone(self._world, operation) for operation in operations]
        return [closing() for _ in operations]


async def _alone(world: World, operation: Operation) -> Outcome | Exception:
    """L4: tried by itself; what fails alone parks its run, and nobody else's."""
    try:
        return (await world.commit([operation]))[0]
    except (WorldUnavailable, WorldFull):
        return await _resolved(world, operation)
    except Exception as error:
        return error


async def _resolved(world: World, operation: Operation) -> Outcome | Exception:
    """What became of it; the World may refuse the second try of what it lost for good (L4)."""
    while True:
        try:
            return await resolve(world, operation)
        except WorldFull as error:
            logger.error("%s", error)
            await asyncio.sleep(BACKOFF_S[1])
        except Exception as error:
            return error


def closing() -> WorldUnavailable:
    """What whoever still waits is told."""
    return WorldUnavailable("this process is closing its world")
