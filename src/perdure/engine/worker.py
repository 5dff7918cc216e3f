"""A worker: owns runs, keeps them alive in memory, puts them away, and hands them back when it stops."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from functools import partial
from typing import NamedTuple

from perdure.codec.keyring import KeyRing
from perdure.engine.append import Births
from perdure.engine.committer import Committer
from perdure.engine.entropy import Entropy
from perdure.engine.garbage import SELDOM
from perdure.engine.lease import BEATS_PER_LEASE, LeaseKeeper, Leasing, Pulse, Watch
from perdure.engine.opening import Opener
from perdure.engine.ownership import Sweeper, give_up_all_but
from perdure.engine.process import this_process
from perdure.engine.queue import NOTHING_SERVED, Service
from perdure.engine.registry import Registry
from perdure.engine.rest import Rest
from perdure.engine.retention import Keeper
from perdure.engine.run import LiveRun
from perdure.engine.step import Steps
from perdure.engine.telemetry import SILENT, Telemetry
from perdure.engine.timers import Timers
from perdure.errors import WorldError
from perdure.model.event import Fact, RunBlocked, RunFailed
from perdure.model.ids import RunId, WorkerId
from perdure.model.log import NEVER
from perdure.world.mail import Letter
from perdure.world.operation import Start
from perdure.world.ownership import Claimed, Lease, Owned
from perdure.world.world import World

logger = logging.getLogger("perdure")
BUSY_MAX = 1000
RENEW_S = 0.2
RETIRE_S = 5.0
TOLD = (RunFailed, RunBlocked)
Ended = Callable[[RunId, Fact | None], None]


class WorkerOptions(NamedTuple):
    """`concurrency`: steps at once. `retention_ms`: runs are removed so long after their end; 0: never. `queues`: those
    that it serves, None: all. `deployment`: whose code it runs. `log_level`: see `Steps`. `timers`: a test's, else the
    loop's."""

    concurrency: int = 100
    leasing: Leasing = Leasing()
    retention_ms: int = 0
    keys: KeyRing | None = None
    queues: frozenset[str] | None = None
    deployment: str = ""
    log_level: int = NEVER
    telemetry: Telemetry = SILENT
    timers: Timers | None = None


class Worker:
    """Start it on a running loop; `stop` hands everything back. `ended` hears of each run that leaves, and by which fact.

    `wrote` hears of runs whose streams have something new.
    """

    def __init__(
        self,
        world: World,
        committer: Committer,
        registry: Registry,
        *,
        worker_id: WorkerId,
        entropy: Entropy,
        ended: Ended,
        wrote: Callable[[RunId], None],
        options: WorkerOptions,
    ) -> None:
        self.world, self.committer, self.registry, self.worker_id = world, committer, registry, worker_id
        self.loop = asyncio.get_running_loop()
        self.service = Service(registry, options.queues)
        self.steps = Steps(registry, options.concurrency, self.has_lease, options.log_level)
        self.deployment, self.telemetry = options.deployment, options.telemetry
        self.timers = options.timers or Timers(world, self.loop)
        self.chance, self.new_token, self.wrote = entropy.chance, entropy.token, wrote
        self.keys = options.keys
        self.runs: dict[RunId, LiveRun] = {}
        self._births = Births(worker_id, NOTHING_SERVED)
        self.stopping = False
        self._ended = ended
        self._opener = Opener(self, self.runs)
        self.rest = Rest(lambda run_id: self.runs[run_id].departure.put_away())
        self._watch = Watch()
        self.activating = self._watch.activating
        self._options = options
        lease_ms, own_thread = options.leasing
        self._process = this_process() if own_thread else ""
        clock = time.monotonic if own_thread else self.loop.time
        self._keeper = LeaseKeeper(world, self._lease, clock, lease_ms / 1000 / BEATS_PER_LEASE)
        self._pulse = (
            Pulse(self._keeper, self._watch, partial(give_up_all_but, world, worker_id)) if own_thread else None
        )
        self._renewing = False
        self.sweeper = Sweeper(self)
        self.give_way = self.sweeper.give_way
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], None] = lambda: None

    # -- life

    async def start(self) -> None:
        """Take a lease, and begin to claim. Raises: WorldError."""
        await self._keeper.beat()
        SELDOM.begin(self)
        if self._pulse is not None:
            self._pulse.start()
        else:
            self._spawn(self._keeper.keep())
        self._spawn(self.sweeper.sweep_for_ever())
        self._spawn(self.rest.reap_for_ever())
        if self._options.retention_ms:
            keeper = Keeper(self.world, self.worker_id, self._options.retention_ms, self.chance)
            self._spawn(keeper.prune_for_ever())
        watching = self.telemetry.watching(self.world)
        if watching is not None:
            self._spawn(watching)
        self._unsubscribe = self.world.subscribe(self.sweeper.hinted)

    async def stop(self, grace_s: float = 0.0) -> None:
        """Claim nothing more, let running steps end for so long, hand every run back: at once where no step runs.

        Harmless to repeat.
        """
        if self.stopping:
            return
        self.stopping = True
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        self.steps.drain()
        for run in list(self.runs.values()):
            if not run.attempts.at_work:
                run.departure.hand_back()
        await self.steps.finished(grace_s)
        self.steps.close()
        for run in list(self.runs.values()):
            run.departure.hand_back()
        if not await self.committer.drained():
            logger.warning(
                "the world is away: %d runs could not be handed back, their lease will lapse", len(self.runs)
            )
            for run in list(self.runs.values()):
                run.departure.leave()
        if self._pulse is not None:
            self._pulse.stop()
        SELDOM.end(self)
        try:
            async with asyncio.timeout(RETIRE_S):
                await self.world.retire(self.worker_id, died=False)
        except (WorldError, TimeoutError) as error:
            logger.warning("the lease could not be given back, it will lapse: %s", error)

    def abandon(self) -> None:
        """Leave everything as it is, as a process that dies does: nothing more is written, and the lease isn't given back."""
        self.stopping = True
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        self.steps.close()
        for run_id in [*self.runs]:
            self.forget(run_id)
        if self._pulse is not None:
            self._pulse.stop()
        SELDOM.end(self)

    def look(self, run_id: RunId) -> None:
        """A hint: there may be mail for this run, or it may have become claimable."""
        run = self.runs.get(run_id)
        if run is not None:
            run.mailbox.fetch()
        elif not self._opener.look(run_id):
            self.sweeper.soon()

    def born(self, start: Start, at_ms: int, created: Fact | None = None) -> None:
        """A start of this process was committed, and the run is this worker's own. `created`: what the start has packed."""
        if not self.stopping:
            self._opener.born(start, at_ms, created)

    # -- what its runs ask for (Host)

    @property
    def births(self) -> Births:
        served = self.service.workflows
        if self._births.workflows is not served:
            self._births = Births(self.worker_id, served)
        return self._births

    def told(self, letters: Sequence[Letter], children: Sequence[Start], at_ms: int) -> None:
        for child in children:
            self.born(child, at_ms)
        for letter in letters:
            self.look(letter.run_id)

    def left(self, run_id: RunId, fact: Fact | None, wake_at_ms: int | None) -> None:
        run = self.runs.pop(run_id, None)
        if run is not None:
            if run.header.step is not None:
                self.sweeper.soon()  # a slot is free: for the next of its queue
            if isinstance(fact, TOLD):
                _say(run, fact, discreet=self.keys is not None)
        if wake_at_ms is not None:
            self.sweeper.due_at(wake_at_ms)
        self.cleared(run_id)
        self._ended(run_id, fact)

    def cleared(self, run_id: RunId) -> None:
        if self._opener.cleared(run_id) and not self.stopping:
            self._spawn(self._opener.next_suspect())

    # -- what its sweeper asks for (Holder)

    def room(self) -> int:
        return 0 if self.stopping else max(0, BUSY_MAX - len(self.runs) + len(self.rest))

    def slots(self) -> int:
        """Steps of other workers' runs are taken one by one, as they can begin: another worker may have a free slot."""
        to_begin = sum(run.header.step is not None and not run.attempts.busy for run in self.runs.values())
        return min(self.room(), self._options.concurrency - self.steps.busy - to_begin)

    async def adopt(self, claimed: Claimed) -> None:
        if not self.stopping:
            await self._opener.adopt(claimed)

    def compare(self, owned: dict[RunId, Owned]) -> set[RunId]:
        odd = {run_id for run_id in self.runs if run_id not in owned}
        for run_id, known in owned.items():
            run = self.runs.get(run_id)
            epoch = run.outbox.epoch if run is not None else self._opener.holds(run_id)
            if epoch != known.epoch:
                odd.add(run_id)
            elif run is not None and known.mail:
                run.mailbox.fetch()
        return odd

    def forget(self, run_id: RunId) -> None:
        if run_id in self.runs:
            self.runs[run_id].departure.leave()

    # -- its lease

    def has_lease(self) -> bool:
        """Whether the lease is surely live; if not, no step begins until every run has been claimed afresh (O3)."""
        if self._keeper.live:
            return True
        if not self._renewing and not self.stopping:
            self._renewing = True
            self.steps.pause()
            self._spawn(self._renew())
        return False

    async def _renew(self) -> None:
        """The lease has lapsed: others may own some of the runs by now."""
        logger.warning("the lease of worker %s has lapsed, looking for the runs that it has lost", self.worker_id)
        while not self._keeper.live:
            try:
                await self._keeper.beat()
            except WorldError as error:
                logger.warning("a heartbeat failed: %s", error)
                await asyncio.sleep(RENEW_S)
        await self.sweeper.find_lost()
        self._renewing = False
        self.steps.resume()

    def _lease(self) -> Lease:
        return Lease(
            worker_id=self.worker_id,
            lease_ms=self._options.leasing.ms,
            process=self._process,
            workflows=(*sorted(self.service.workflows), *self.service.queued()),
            deployment=self.deployment,
        )

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self.loop.create_task(work, context=Context())  # not that of the caller whose start made the worker
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _say(run: LiveRun, fact: RunFailed | RunBlocked, *, discreet: bool) -> None:
    """For whoever watches the worker's log. Where payloads are sealed, what an exception said isn't for it."""
    if isinstance(fact, RunFailed):
        error = fact.error
        told = error.type if discreet or not error.message else f"{error.type}: {error.message}"
        logger.info("run %s of %s has failed: %s", run.run_id, run.definition.name, told)
    else:
        logger.error("run %s of %s is blocked: %s", run.run_id, run.definition.name, fact.sentence)
