"""How a worker opens runs: its own at birth without a reading, claimed ones from their log, suspects one at a time.

A run whose owners have died twice without a completed turn is on probation (O6): one such run per worker, its step
starts are committed first, and only deaths during probation count. After too many it is parked. The next suspect needn't
wait for longer than some seconds: what kills a process mostly does so at once.

A run that can't be opened here (its log is a newer version's, its payloads are sealed with a key that isn't here) is kept
for a while, unopened, then handed back: others may be able to, and nobody claims it in a hot loop.
"""

import asyncio
import logging
from collections import deque
from contextvars import Context

from msgspec.structs import replace

from perdure.codec.fact import unpack
from perdure.core.pending import Pending
from perdure.engine.append import Header
from perdure.engine.host import Host
from perdure.engine.log import to_events
from perdure.engine.queue import definition_of, last_word
from perdure.engine.run import LiveRun
from perdure.engine.seal import open_letter
from perdure.engine.telemetry import NO_TRACE, trace_of
from perdure.errors import DecodeError, WorldError
from perdure.model.event import Event, Fact, RunBlocked, RunCreated, RunResumed, RunRetried, RunStarted
from perdure.model.ids import RunId
from perdure.model.status import Status
from perdure.world.log import Log
from perdure.world.mail import Letter
from perdure.world.operation import Append, Send, Start
from perdure.world.ownership import SUSPECT_FROM, Claimed

logger = logging.getLogger("perdure")
NO_LETTERS: list[Letter] = []
LEFT_ALONE_S = 5.0
SHORT_LOG_PAUSES_S = (0, 0.05, 0.2, 0.5)
PROBATION_S = 5.0


class Opener:
    """Opens runs into the `runs` of one worker."""

    def __init__(self, host: Host, runs: dict[RunId, LiveRun]) -> None:
        self._host, self._runs = host, runs
        self._opening: dict[RunId, bool] = {}  # whether there may be mail that its log doesn't tell of
        self._suspects: deque[tuple[Claimed, Log]] = deque()
        self._on_probation: RunId | None = None
        self._long_enough: asyncio.TimerHandle | None = None
        self._left_alone: dict[RunId, int] = {}
        self._started = RunStarted(deployment=host.deployment)
        self._made: deque[tuple[LiveRun, Fact | None, list[Letter]]] = deque()
        self._context = Context()  # of nobody's start

    def holds(self, run_id: RunId) -> int | None:
        """The epoch of a suspect that waits for its probation, or of a run that is left alone."""
        epochs = (claimed.epoch for claimed, _ in self._suspects if claimed.run_id == run_id)
        return next(epochs, self._left_alone.get(run_id))

    def look(self, run_id: RunId) -> bool:
        """There may be mail for this run. Whether it is one that is being opened, which will look for it then."""
        if run_id not in self._opening:
            return False
        self._opening[run_id] = True
        return True

    def born(self, start: Start, at_ms: int, created: Fact | None = None) -> None:
        """A run that this worker owns from its start on: its log is known without reading it. `created`: its first event."""
        first = created or unpack(RunCreated.type, start.created)
        events = [
            Event(seq=1, turn=0, epoch=1, key="", at_ms=at_ms, fact=first),
            Event(seq=2, turn=0, epoch=1, key="", at_ms=at_ms, fact=self._started),
        ]
        run = self._hold(start.run_id, start.root_id, events, pin=start.pin, epoch=1, status="running")
        run.telemetry.landed(events)
        self._open_soon(run, None, NO_LETTERS)

    async def adopt(self, claimed: Claimed) -> None:
        """Open a run that was just claimed."""
        log, before = None, self._runs.get(claimed.run_id)
        if before is not None:  # its epoch is over: no letter is for it any more
            before.departure.leave()
        self._opening[claimed.run_id] = False
        try:
            log = await self._read(claimed)
        finally:
            if log is None:
                self._opening.pop(claimed.run_id, None)
        if log is None:
            return
        if claimed.recoveries >= SUSPECT_FROM:
            self._suspects.append((claimed, log))
            await self.next_suspect()
        else:
            await self._open(claimed, log)

    async def _read(self, claimed: Claimed) -> Log | None:
        """Its log, if it is still this worker's. One that reads shorter than the claim said is read again (O1)."""
        world = self._host.world
        log = await world.read_log(claimed.run_id)
        for pause_s in SHORT_LOG_PAUSES_S if claimed.run_id not in self._left_alone else ():
            if log is None or len(log.rows) >= claimed.length:
                break
            await asyncio.sleep(pause_s)
            log = await world.read_log(claimed.run_id)
        if log is not None and len(log.rows) < claimed.length:
            self._leave_alone(claimed, DecodeError("its log", f"{claimed.length - len(log.rows)} rows are missing"))
            return None
        if log is None or log.run.owner != self._host.worker_id or log.run.epoch != claimed.epoch:
            return None
        return log

    async def next_suspect(self) -> None:
        """Begin the next probation, if none is under way. A suspect that can't be opened now is found again by a sweep."""
        while self._on_probation is None and self._suspects:
            claimed, log = self._suspects.popleft()
            self._on_probation = claimed.run_id
            try:
                await self._open(claimed, log)
            except WorldError as error:
                logger.warning("run %s could not be opened, a sweep will try again: %s", claimed.run_id, error)
            if claimed.run_id not in self._runs:
                self.cleared(claimed.run_id)
            else:  # its step may be long, or wait for a run that is a suspect too
                self._long_enough = self._host.loop.call_later(PROBATION_S, self._host.cleared, claimed.run_id)

    def cleared(self, run_id: RunId) -> bool:
        """The run has left, has completed a turn, or has lived for long enough: was it the one on probation?"""
        if self._on_probation != run_id:
            return False
        self._on_probation = None
        if self._long_enough is not None:
            self._long_enough.cancel()
        return True

    async def _open(self, claimed: Claimed, log: Log) -> None:
        try:
            told = await self._told_again(log)
            letters = list(await self._host.world.read_mail(claimed.run_id)) if log.run.mail or told else []
            self._make(claimed, log, letters)
            if self._opening.get(claimed.run_id):
                self._runs[claimed.run_id].mailbox.fetch()
        except WorldError:
            raise
        except Exception as error:  # an event of a newer version, a workflow that isn't known: one run's own trouble
            self._leave_alone(claimed, error)
        finally:
            self._opening.pop(claimed.run_id, None)

    async def _told_again(self, log: Log) -> bool:
        """Children that ended, and steps in queues that were done, while their run had failed found nobody to tell. It was
        retried, so it is told now; their letters' ids are derived: one that was told before is told once."""
        if not any(row.type == RunRetried.type for row in log.rows):
            return False
        pending = Pending(to_events(log, self._host.keys))
        for run_id in (*pending.open_children(), *pending.queued_runs()):
            there = await self._host.world.read_log(run_id)
            letter = None if there is None else last_word(run_id, to_events(there, self._host.keys))
            if letter is not None:
                await self._host.committer.submit(Send(letter=letter))
        return True

    def _make(self, claimed: Claimed, log: Log, letters: list[Letter]) -> None:
        events = to_events(log, self._host.keys)
        for letter in letters:
            open_letter(letter, self._host.keys)  # before the run lives: what waits for a key waits unopened
        preface = self._preface(events, claimed)
        run = self._hold(
            claimed.run_id,
            log.run.root_id,
            events,
            pin=log.run.pin,
            epoch=claimed.epoch,
            status=log.run.status,
            writes=log.run.writes,
            trace=preface.trace if isinstance(preface, RunStarted) and preface.trace else trace_of(events),
        )
        if claimed.recoveries > run.definition.max_recoveries:
            self._host.loop.call_soon(run.departure.park, self._too_many_deaths(claimed, run))
            return
        run.careful = claimed.recoveries >= SUSPECT_FROM
        if run.careful and preface is None:  # what puts the run on probation must be in the store before the body runs
            preface = RunResumed(deployment=self._host.deployment)
        self._open_soon(run, preface, letters)

    def _leave_alone(self, claimed: Claimed, error: Exception) -> None:
        if claimed.run_id not in self._left_alone:
            logger.error("run %s is left alone, it can't be opened here: %s", claimed.run_id, error)
        self._left_alone[claimed.run_id] = claimed.epoch
        loop = self._host.loop
        loop.call_later(LEFT_ALONE_S, lambda: loop.create_task(self._hand_back(claimed)))

    async def _hand_back(self, claimed: Claimed) -> None:
        """Whoever claims it next may be able to open it."""
        owner, seq = self._host.worker_id, claimed.length + 1
        append = Append(run_id=claimed.run_id, owner=owner, epoch=claimed.epoch, seq=seq, rows=(), release=True)
        self._host.give_way()
        try:
            await self._host.committer.submit(replace(append, hand_back=True, wake_at_ms=0))
        except WorldError as error:
            logger.warning("run %s could not be handed back: %s", claimed.run_id, error)
        if self._left_alone[claimed.run_id] == claimed.epoch:  # else it has been claimed again already
            self._left_alone[claimed.run_id] = 0

    def _too_many_deaths(self, claimed: Claimed, run: LiveRun) -> RunBlocked:
        last = run.pending.last_step
        if last is not None:
            advice = f"the last step that was begun is {last.name}; mend the step, then retry the run"
        else:
            advice = "no step was recorded as begun; find in the worker's log what kills it, then retry the run"
        return RunBlocked(
            sentence=f"its worker's process has died {claimed.recoveries} times without completing a turn; {advice}",
            deployment=self._host.deployment,
        )

    def _preface(self, events: list[Event], claimed: Claimed) -> Fact | None:
        """What must be in the log before the body runs: its start, or that another owner goes on after a death."""
        deployment = self._host.deployment
        known = [event.fact.deployment for event in events if isinstance(event.fact, RunStarted | RunResumed)]
        if not known:
            return RunStarted(deployment=deployment, trace=self._trace(events[0], claimed.run_id))
        if claimed.died or known[-1] != deployment:
            return RunResumed(deployment=deployment, recovered=claimed.died)
        return None

    def _trace(self, first: Event, run_id: RunId) -> dict[str, str]:
        """The trace of a run that is about to start, where it has none from who asked for it."""
        created = first.fact
        if not isinstance(created, RunCreated) or created.trace:
            return NO_TRACE
        return self._host.telemetry.origin(created.workflow, run_id, first.at_ms)

    def _hold(
        self,
        run_id: RunId,
        root_id: RunId | None,
        events: list[Event],
        *,
        pin: str,
        epoch: int,
        status: Status,
        writes: int = 0,
        trace: dict[str, str] | None = None,
    ) -> LiveRun:
        """`trace`: where its first event doesn't say which."""
        host, created = self._host, events[0].fact
        assert isinstance(created, RunCreated), "L1: a log begins with run_created"
        step = created.step
        if run_id in self._runs:
            self._runs[run_id].departure.leave()
        header = Header(
            run_id,
            root_id or run_id,
            host.worker_id,
            created.parent_id,
            created.parent_key,
            host.deployment,
            step,
            pin,
            created.trace if trace is None else trace,
        )
        registry, name = host.registry, created.workflow
        known = registry.workflow(name) if step is None else definition_of(step, name, registry)
        run = LiveRun(host, header, known, epoch=epoch, status=status, events=events, writes=writes)
        self._runs[run_id] = run
        return run

    def _open_soon(self, run: LiveRun, preface: Fact | None, letters: list[Letter]) -> None:
        """In a plain callback, as a body may run then: one for all that are made until then, a flood of starts say."""
        self._made.append((run, preface, letters))
        if len(self._made) == 1:
            self._host.loop.call_soon(self._open_made, context=self._context)

    def _open_made(self) -> None:
        made = self._made
        try:
            while made:
                run, preface, letters = made.popleft()
                try:
                    run.open(preface, letters)
                except Exception:
                    logger.exception("perdure failed at opening one run, which goes on from its log")
                    run.departure.leave()
        finally:
            if made:  # somebody's Ctrl-C: the loop may go on all the same
                self._host.loop.call_soon(self._open_made, context=self._context)
