"""Transactional steps of one run: what they write to tables of their own is committed with their completion, alone.

A transaction is opened before the step's function is called, and ends with the attempt. When the function has returned,
one append (the answer of the run's present turn, then this completion as the next turn) is done and committed in it,
beside the committer's batches, in order for the run. When the function fails, or nobody waits for it any more, or the run
leaves, it is rolled back. A COMMIT whose answer is lost isn't sent again, for the step's own writes wouldn't be in it: the
run is dropped, and claimed afresh from its log.

Where an open transaction keeps everybody else from writing (`exclusive`), nothing of the run is on its way to the store
while its own is open: that would wait for the transaction's end, which would wait for it.
"""

import asyncio
import logging
from typing import Protocol

from perdure.codec.failure import to_failure
from perdure.core.pending import Pending
from perdure.engine.host import Host
from perdure.engine.outbox import Outbox
from perdure.engine.running import Opened, Running
from perdure.engine.stream import Outflow
from perdure.errors import StepInterrupted, TransactionInvalid, WorldFull, WorldUnavailable
from perdure.model.definition import StepDefinition
from perdure.model.event import Fact, StepCompleted, StepFailed
from perdure.model.ids import RunId
from perdure.replay.body import Body
from perdure.world.operation import Append, Outcome
from perdure.world.transaction import Transactions

BACKOFF_S = (0.05, 2.0)
LANDING_S = 5.0
"""So long a completion waits for an append of its run that is on its way. That may itself wait for rows which the
transaction has locked: then the transaction goes, and the attempt was interrupted. Once more, and the step is at fault."""
logger = logging.getLogger("perdure")


class Trying(Protocol):
    """The attempts of the run's steps."""

    def begin(self, key: str, *, careful: bool = False) -> None: ...

    def release(self, key: str) -> None: ...

    def step_failed(self, running: Running, definition: StepDefinition | None, error: BaseException) -> None: ...


class Leaving(Protocol):
    """How the run leaves."""

    gone: bool

    def leave(self) -> None: ...

    def rest(self) -> None: ...


class Enclosed(Protocol):
    """The run whose steps these are. `sent`: its append that is on its way."""

    run_id: RunId
    host: Host
    body: Body | None
    sent: Append | None

    @property
    def pending(self) -> Pending: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def stream(self) -> Outflow: ...

    @property
    def attempts(self) -> Trying: ...

    @property
    def departure(self) -> Leaving: ...

    @property
    def at_rest(self) -> bool: ...

    def arrive(self, key: str, fact: Fact) -> None: ...

    def landed(self, outcome: Outcome) -> None: ...

    def offer(self, *, urgent: bool) -> None: ...


class Enclosure:
    """One live run's. While it is `engaged` nothing else of the run is written, and it wants to hear of what `flew`."""

    __slots__ = ("_alone", "_flight", "_landing", "_ready", "_run", "engaged")

    def __init__(self, run: Enclosed) -> None:
        self._run = run
        self.engaged = False
        self._alone = False  # an exclusive transaction is open, or about to be
        self._ready: tuple[tuple[Running, StepCompleted], ...] = ()
        self._flight: Running | None = None
        self._landing: asyncio.Future[None] | None = None

    # -- an attempt's side

    async def open(self, running: Running, definition: StepDefinition) -> None:
        """Give the attempt its transaction, as soon as the World lets it have one. Raises: TransactionInvalid."""
        transactions = self._transactions(definition)
        wait_s = BACKOFF_S[0]
        while True:
            try:
                opened = await self._opened(transactions, definition.name)
                if self._run.host.steps.may_begin:
                    running.opened = opened
                    return
                opened.end()  # it took long, and the lease may have lapsed
            except (WorldUnavailable, WorldFull) as error:
                logger.warning("step %s has no transaction yet, trying again: %s", definition.name, error)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, BACKOFF_S[1])

    def complete(self, running: Running, fact: StepCompleted) -> None:
        """Its function has returned: record that, with what it has written."""
        self._ready += ((running, fact),)
        self._go()
        if self._ready:
            self._run.host.loop.call_later(LANDING_S, self._give_up, running)

    # -- the run's side

    def flew(self) -> None:
        """An append of the run is no longer on its way."""
        if self._landing is not None and not self._landing.done():
            self._landing.set_result(None)
        self._go()

    def close(self) -> None:
        """No more completions: the run ends, is parked, or leaves."""
        ready, self._ready = self._ready, ()
        for running, _ in ready:
            self._end(running)

    # -- the committer's side

    def landed(self, outcome: Outcome) -> None:
        """The transaction's outcome, in a plain callback."""
        running, run = self._flown(), self._run
        try:
            if not run.departure.gone:
                run.attempts.release(running.step.key)
            run.landed(outcome)
        finally:
            self._end(running)

    def poisoned(self, error: Exception) -> None:
        """Nothing was written; or (WorldUnavailable) nobody knows."""
        run = self._run
        if self._flight is None:  # it had landed, and perdure failed at it
            run.departure.leave()
            return
        running = self._flown()
        try:
            if isinstance(error, WorldUnavailable):
                logger.warning("run %s goes on from its log, a transaction's answer was lost: %s", run.run_id, error)
                run.departure.leave()
                run.host.sweeper.lost(run.run_id)
            elif not run.departure.gone:
                run.sent = None
                run.outbox.withdraw(running.step.key)
                run.stream.withdraw(running.step.key)
                run.attempts.step_failed(running, run.host.registry.step(running.step_name), error)
        finally:
            self._end(running)

    # -- inside

    def _transactions(self, definition: StepDefinition) -> Transactions:
        world = self._run.host.world
        if world.transactions is None:
            reason = f"{world.url} has no tables; use a SQLite or a PostgreSQL world"
        elif not definition.is_async and not world.transactions.in_threads:
            reason = "its function isn't async, as this world's connection is; write `async def`"
        else:
            return world.transactions
        raise TransactionInvalid(definition.name, reason)

    async def _opened(self, transactions: Transactions, step: str) -> Opened:
        if not transactions.exclusive:
            return Opened(await transactions.begin(step), transactions.limit_ms, self._update)
        await self._run.host.steps.alone.acquire()
        self._alone = True
        self._update()
        try:
            while self._run.sent is not None:
                self._landing = self._run.host.loop.create_future()
                await self._landing
            return Opened(await transactions.begin(step), transactions.limit_ms, self._no_longer_alone)
        except BaseException:
            self._no_longer_alone()
            raise

    def _no_longer_alone(self) -> None:
        self._alone = False
        self._run.host.steps.alone.release()
        self._update()

    def _go(self) -> None:
        """Commit the next, unless something of the run is on its way."""
        run = self._run
        self._update()
        while self._ready and self._flight is None and run.sent is None:
            (running, fact), *rest = self._ready
            self._ready = tuple(rest)
            opened, body = running.opened, run.body
            if running.cancelled or opened is None or body is None or not body.awaits(running.step.key):
                self._end(running)
                continue
            if running.kept:
                run.stream.keep(running.step.key, running.kept)
            append = run.outbox.enclose(running.step.key, fact, run.host.births, run.pending)
            run.sent = append = run.stream.onto(append, alone=True)
            self._flight = running
            run.host.committer.enclose(self, opened, append)
        self._update()

    def _flown(self) -> Running:
        running, self._flight = self._flight, None
        assert running is not None, "L3: what comes back was sent"
        return running

    def _give_up(self, running: Running) -> None:
        """Nothing of the attempt is in the store: the next takes its number, and no budget (S2); with its start committed
        first, so that mostly nothing is on its way then."""
        if all(running is not ready for ready, _ in self._ready):
            return
        self._ready = tuple((ready, fact) for ready, fact in self._ready if ready is not running)
        run, step = self._run, running.step
        logger.warning("step %s is interrupted, its run's log may wait for what its transaction has locked", step.name)
        self._end(running)
        if running.careful:
            error = WorldUnavailable("the run's log waits for what the step's transaction has locked")
            run.attempts.step_failed(running, run.host.registry.step(step.name), error)
            return
        run.attempts.release(step.key)
        if step.at_most_once:
            interrupted = StepInterrupted(step.name, running.attempt)
            run.arrive(step.key, StepFailed(attempt=running.attempt, error=to_failure(interrupted)))
        else:
            run.attempts.begin(step.key, careful=True)

    def _end(self, running: Running) -> None:
        if running.opened is not None:
            running.opened.end()
        self._go()

    def _update(self) -> None:
        """Where it disengages, what was held back goes."""
        engaged, run = self.engaged, self._run
        self.engaged = self._alone or self._flight is not None or bool(self._ready)
        if engaged and not self.engaged and not run.departure.gone:
            if run.at_rest:
                run.departure.rest()
            else:
                run.offer(urgent=True)
