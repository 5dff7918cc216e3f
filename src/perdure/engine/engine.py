"""One process's side of a World, on one event loop: what the api's verbs stand on. With a worker, or only looking.

`by`, where a verb takes it, is who asks; it is recorded in the event that the verb makes.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from perdure.codec.fact import pack
from perdure.codec.keyring import KeyRing
from perdure.core.pending import OpenStep, Pending
from perdure.engine.committer import Committer
from perdure.engine.deployment import Code, pin_of
from perdure.engine.entropy import Entropy
from perdure.engine.follow import Follower, Reminders
from perdure.engine.lease import Leasing
from perdure.engine.letter import cancel_letter, wake_letter
from perdure.engine.log import read_log, to_events
from perdure.engine.mailbox import addressee
from perdure.engine.reader import Readers
from perdure.engine.registry import Registry
from perdure.engine.seizure import NOBODY, as_events, repin_facts, retry_facts, seizure
from perdure.engine.telemetry import SILENT, Telemetry, trace_of
from perdure.engine.timers import Timers
from perdure.engine.worker import Worker, WorkerOptions
from perdure.errors import RunNotFound, UsageError
from perdure.model.event import ENDS, Event, Fact, Origin, RunCancelled, RunCreated, StreamEpilogue
from perdure.model.ids import RunId
from perdure.model.log import NEVER
from perdure.model.status import ENDED
from perdure.world.log import Log
from perdure.world.mail import Letter
from perdure.world.operation import Append, Appended, Refusal, Refused, Send, Start, Started
from perdure.world.world import World

logger = logging.getLogger("perdure")
SEIZE_TRIES = 20
FENCE_MS = 5000
LEASING = Leasing()
NO_STEPS: dict[str, OpenStep] = {}


class NewRun(NamedTuple):
    """What a start asks for. `due_ms` None: at once. `pin` None: to the deployment that this process was given, if any.
    `epilogues`: what its end writes to its streams, until the body says otherwise."""

    workflow: str
    input: bytes
    idempotency_key: str | None = None
    due_ms: int | None = None
    attributes: dict[str, str] = {}  # noqa: RUF012 - never written to
    parent_id: RunId | None = None
    root_id: RunId | None = None
    rerun_of: RunId | None = None
    by: str | None = None
    pin: str | None = None
    epilogues: tuple[StreamEpilogue, ...] = ()
    forked_from: Origin | None = None


class Engine:
    """Start, follow and end runs; `work` makes this process own runs too.

    `deployment` names this process's code, and pins to it the runs that it starts; empty: see `deployment_of`, no pins.
    `keys`: payloads are sealed with them. `telemetry` hears what is done. `timers`: a test's, else the loop's.
    """

    def __init__(
        self,
        world: World,
        registry: Registry,
        *,
        entropy: Entropy | None = None,
        deployment: str = "",
        leasing: Leasing = LEASING,
        retention_ms: int = 0,
        keys: KeyRing | None = None,
        telemetry: Telemetry = SILENT,
    ) -> None:
        self.world, self.registry, self.keys, self.telemetry = world, registry, keys, telemetry
        self.entropy = entropy or Entropy()
        self.committer = Committer(world, keys, telemetry)
        self.worker: Worker | None = None
        self._leasing, self._retention_ms = leasing, retention_ms
        self._given = deployment
        self.timers: Timers | None = None
        self._code = Code(registry, deployment)
        self._starting: asyncio.Lock = asyncio.Lock()
        self._follower = Follower(world, lambda run_id: self.worker is not None and run_id in self.worker.runs, keys)
        self.readers, self.reminders = Readers(world, keys), Reminders()

    async def work(
        self, concurrency: int = 100, queues: frozenset[str] | None = None, log_level: int = NEVER
    ) -> Worker:
        """Own and run runs, and steps of these queues, from now on; a second call finds the same worker. `log_level`: from
        there on it is kept what steps log."""
        async with self._starting:
            if self.worker is None:
                worker = Worker(
                    self.world,
                    self.committer,
                    self.registry,
                    worker_id=self.entropy.worker_id(self.world.now_ms()),
                    entropy=self.entropy,
                    ended=self._left,
                    wrote=self.readers.stir,
                    options=WorkerOptions(
                        concurrency,
                        self._leasing,
                        self._retention_ms,
                        self.keys,
                        queues,
                        self.deployment,
                        log_level,
                        self.telemetry,
                        self.timers,
                    ),
                )
                await worker.start()
                self.worker = worker
        return self.worker

    async def rest(self, grace_s: float) -> None:
        """Drain the worker, if there is one; `work` may follow."""
        if self.worker is not None:
            await self.worker.stop(grace_s)
            self.worker = None

    async def close(self, grace_s: float = 0.0) -> None:
        """Drain the worker, if there is one, and write no more."""
        await self.rest(grace_s)
        await self.committer.close()
        self._follower.close()
        self.readers.close()

    # -- verbs

    async def start(self, new: NewRun) -> Started:
        """Returns once the run is durable. `created` False: the key's run was there before; the caller compares."""
        run_id = self.entropy.run_id(self.world.now_ms())
        with self.telemetry.start(new.workflow) as starting:
            operation, created = self._asked(run_id, new, starting.trace)
            outcome = await self.committer.submit(operation)
            assert isinstance(outcome, Started), "P1: a start's outcome"
            is_new = outcome.run_id == run_id
            starting.found(outcome.run_id, created=is_new)
        if not is_new:
            return outcome
        if self.worker is not None:
            if not outcome.owned:
                self.worker.sweeper.due_at(new.due_ms or 0)
            elif outcome.created:
                self.worker.born(operation, outcome.at_ms, created)
            elif run_id not in self.worker.runs:  # an answer was lost: it may have been claimed since, and have a log
                self.worker.sweeper.lost(run_id)
        return outcome if outcome.created else replace(outcome, created=True)  # a lost answer made it a second try

    def end(self, run_id: RunId) -> Coroutine[Any, Any, Fact]:
        """The fact that ended (or blocked) the run, when it comes. Raises: RunNotFound."""
        return self._follower.end(run_id)

    async def log(self, run_id: RunId, from_seq: int = 1) -> tuple[Log, list[Event]]:
        """The run's row and its events from `from_seq`. Raises: RunNotFound, DecodeError."""
        log = await read_log(self.world, run_id, from_seq)
        return log, to_events(log, self.keys)

    async def cancel(self, run_id: RunId, reason: str | None, grace_ms: int | None, by: str | None = None) -> bool:
        """Ask the run to end; True if that was accepted. A grace of 0, or a blocked run, ends it now (O7)."""
        record = await self.world.read_run(run_id)
        if record is None:
            raise RunNotFound(run_id)
        if record.status in ENDED:
            return False
        if record.status == "blocked" or grace_ms == 0:
            cancelled = RunCancelled(reason=reason, forced=record.status != "blocked", by=by)
            return await self._seize(run_id, lambda log, _: None if log.run.status in ENDED else [cancelled])
        now_ms = self.world.now_ms()
        force_at_ms = now_ms + grace_ms if grace_ms is not None else None
        return await self.send(cancel_letter(self.entropy.mail_id(now_ms), run_id, reason, force_at_ms, by))

    async def wake_up(self, run_id: RunId, by: str | None = None) -> int:
        """End the pending sleeps; how many there were."""
        log, events = await self.log(run_id)
        sleeps = sum(not wait.timeout for wait in Pending(events).waits.values())
        if not sleeps or log.run.status not in ("pending", "running"):
            return 0
        return sleeps if await self.send(wake_letter(self.entropy.mail_id(self.world.now_ms()), run_id, by)) else 0

    async def retry(self, run_id: RunId, by: str | None = None) -> None:
        """Let a blocked run try again, or a failed one go on from its failed step (S6). Raises: UsageError."""
        await self._seize(run_id, lambda log, events: retry_facts(log, events, by))

    async def repin(self, run_id: RunId, deployment: str, by: str | None = None) -> bool:
        """Move a run, with its steps in queues, to the workers of another deployment: a name, "latest" or "any"; whether it
        wasn't theirs before.

        Raises: RunNotFound, UsageError where it has ended, or the deployment is none.
        """
        record = await self.world.read_run(run_id)
        if record is None:
            raise RunNotFound(run_id)
        pin = await pin_of(self.world, deployment, record.workflow)
        moves = repin_facts(Log(run=record, rows=()), pin) is not None
        if moves:
            moves = await self._seize(run_id, lambda log, _: repin_facts(log, pin, by))
        for step in Pending((await self.log(run_id))[1]).queued_runs():
            await self._seize(step, lambda log, _: None if log.run.status in ENDED else repin_facts(log, pin, by))
        return moves

    async def is_served(self, workflow: str, pin: str = "") -> bool:
        """Whether a live worker, here or elsewhere, runs this workflow's runs that are pinned so."""
        worker = self.worker
        if worker is not None and workflow in worker.service.workflows and pin in ("", worker.deployment):
            return True
        return any(worker.serves(workflow, pin) for worker in await self.world.workers())

    # -- inside

    def start_of(self, run_id: RunId, new: NewRun, trace: dict[str, str]) -> Start:
        """The operation that starts it; owned at birth where the worker here serves it."""
        return self._asked(run_id, new, trace)[0]

    def _asked(self, run_id: RunId, new: NewRun, trace: dict[str, str]) -> tuple[Start, RunCreated]:
        """The same, and the event that it has packed."""
        workflow, input, key, due_ms, attributes, parent_id, root_id, rerun_of, by, pin, epilogues, forked_from = new
        deployment, started = self._code.now()
        if pin is None:
            pin = self._given
        created = RunCreated(
            workflow=workflow,
            input=Raw(input),
            deployment=deployment,
            idempotency_key=key,
            parent_id=parent_id,
            due_ms=due_ms,
            rerun_of=rerun_of,
            by=by,
            pin=pin,
            trace=trace,
            epilogues=epilogues,
            forked_from=forked_from,
        )
        worker, owner = self.worker, None
        if worker is not None and not worker.stopping and due_ms is None and workflow in worker.service.workflows:
            owner = worker.worker_id if pin in ("", worker.deployment) else None
        start = Start(
            run_id=run_id,
            workflow=workflow,
            created=pack(created),
            started=started,
            owner=owner,
            wake_at_ms=due_ms,
            idempotency_key=key,
            parent_id=parent_id,
            root_id=root_id,
            attributes=attributes,
            deployment=deployment,
            pin=pin,
        )
        return start, created

    @property
    def deployment(self) -> str:
        """Whose code this process runs."""
        return self._code.now()[0]

    async def send(self, letter: Letter, hook: str | None = None) -> bool:
        """Whether the letter was accepted; `hook`: the key of a hook that must take it. Raises: RunNotFound, WorldError."""
        worker = self.worker
        if worker is None:
            outcome = await self.committer.submit(Send(letter=letter, hook=hook))
        else:
            sending = Send(letter=letter, hook=hook, owner=worker.worker_id)
            outcome = await self.committer.submit(sending, addressee(worker, letter))
        if not isinstance(outcome, Refused):
            return True
        if outcome.refusal is Refusal.UNKNOWN and hook is None:
            raise RunNotFound(letter.run_id)
        return False

    async def _seize(self, run_id: RunId, decide: Callable[[Log, list[Event]], list[Fact] | None]) -> bool:
        """Take the run over and append what `decide` says of its present log; None: nothing to do (O7)."""
        for _ in range(SEIZE_TRIES):
            await self._fence(run_id)
            log, events = await self.log(run_id)
            facts = decide(log, events)
            if facts is None:
                return False
            mail, now = await self.world.read_mail(run_id), await self.world.read_run(run_id)
            if now is None or (now.epoch, now.length) != (log.run.epoch, log.run.length):
                continue  # it was claimed meanwhile: that mail may be for what this log doesn't have
            append = seizure(log, events, facts, mail, self.keys)
            outcome = await self.committer.submit(append)
            if isinstance(outcome, Refused):
                if outcome.refusal is Refusal.HOOK:
                    raise UsageError(
                        f"run {run_id} can't go on: another run holds the token of one of its hooks; use rerun"
                    )
                continue
            assert isinstance(outcome, Appended), "L1: an append's outcome"
            run = self.telemetry.run(run_id, trace_of(events), events, NO_STEPS)
            run.landed(as_events(events, facts, log.run.epoch + 1, outcome.at_ms))
            if self.worker is not None:
                held = self.worker.runs.get(run_id)
                if held is not None and held.outbox.epoch <= append.epoch:  # else it was claimed again meanwhile
                    self.worker.forget(run_id)
                for told in (run_id, *(letter.run_id for letter in append.letters)):
                    self.worker.look(told)
            self._left(run_id, facts[-1] if isinstance(facts[-1], ENDS) else None)
            return True
        raise UsageError(f"run {run_id} changed too fast to be taken over: try again")

    async def _fence(self, run_id: RunId) -> None:
        """Where a run has an owner, take it away, so that the log stands still; nobody claims it for a while."""
        record = await self.world.read_run(run_id)
        if record is None or record.owner is None:
            return
        wake_at_ms = self.world.now_ms() + FENCE_MS
        fence = Append(
            run_id=run_id, owner=NOBODY, epoch=record.epoch, seq=0, rows=(), seize=True, wake_at_ms=wake_at_ms
        )
        await self.committer.submit(fence)
        if self.worker is not None:
            self.worker.forget(run_id)

    def _left(self, run_id: RunId, fact: Fact | None) -> None:
        self._follower.left(run_id, fact)
        self.readers.stir(run_id)
