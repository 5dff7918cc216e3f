"""One simulation of a user's workflow: real engine and replay, memory World, virtual time; weather and faults as given.

Where everything waits for a time that is far away, the store's clock jumps there: leases are carried along.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from random import Random
from typing import Any, NamedTuple

import msgspec

from perdure.api.hook import list_hooks, resume_hook
from perdure.api.records import HookInfo
from perdure.api.relay import relay_result
from perdure.api.webhook import WebhookRequest, find_webhook, receive
from perdure.core.pending import Pending
from perdure.engine.engine import NewRun
from perdure.engine.log import to_events
from perdure.engine.registry import REGISTRY
from perdure.errors import HookNotFound, UsageError, WorldError
from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.testing.kit.crash import end_text
from perdure.testing.kit.engine import is_moving
from perdure.testing.simulation.ear import listening
from perdure.testing.simulation.ledger import Ledger
from perdure.testing.simulation.process import LEASE_MS, Surroundings
from perdure.testing.simulation.store import Store, done
from perdure.testing.simulation.universe import Spinning, Universe
from perdure.testing.survival.effects import Effects
from perdure.testing.survival.faults import Dealt, Weather
from perdure.testing.survival.process import RehearsedProcess
from perdure.testing.survival.scene import Outcome, Scene
from perdure.testing.survival.step import SLOW_S, STEP_S, RehearsedRegistry
from perdure.world import Lease, RunRecord

LOOK_MS = 100
AFTERLIFE_MS = 700
PATIENCE_MS = 60_000
REBOOT_MS = (20, 400)
PAYLOAD_S = (0.02, 1.5)
ANSWER_S = 0.1
FAR_MS = 2000
SKEWS_MS = (0, 0, 500, -500)


class Due(NamedTuple):
    """When something happens by itself; 0: now, but for a step that waits for the end of the run `awaited`."""

    at_ms: int
    awaited: RunId | None = None


class Rehearsal:
    """`run` it once."""

    def __init__(self, scene: Scene, weather: Weather) -> None:
        self._scene, self._weather = scene, weather
        self._universe = Universe(weather.seed)
        self._random = Random(f"weather {weather.seed}")
        self.faults = Dealt(self._universe, weather)
        self._store = Store(self._universe)
        self._effects = Effects()
        self._registry = RehearsedRegistry(REGISTRY, scene.fakes(self._effects), self._lasts, twice=weather.twice)
        self._around = Surroundings(
            universe=self._universe,
            store=self._store,
            faults=self.faults,
            ledger=Ledger(self._store),
            trace=lambda _: None,
        )
        self._workers: list[RehearsedProcess] = []
        self._dead: list[RehearsedProcess] = []
        self._booted = 0
        self._outsider = RehearsedProcess(self._around, "outsider", self._registry, works=False)
        self._run_id: RunId | None = None
        self._sending, self._seen = 0, -1
        self._dues: dict[
            RunId, tuple[int, tuple[Due, ...]]
        ] = {}  # by run: how long its log was, and what was due by it
        self._trouble: list[str] = []
        self._refused: Exception | None = None
        self._over_us: int | None = None

    def run(self) -> Outcome:
        """Let it happen. Raises: what the workflow's arguments, or payloads for it, can't be sent with."""
        new = NewRun(workflow=self._scene.name, input=self._scene.input())
        with listening(self._trouble):
            try:
                for _ in range(self._weather.workers):
                    self._boot()
                self._outsider.loop.call_soon(self._begin, new)
                self._universe.after_ms(LOOK_MS, self._look)
                self._universe.run((self._weather.heal_ms + PATIENCE_MS) * 1000)
            except Spinning as error:
                self._trouble.append(f"it spins: {error}")
            finally:
                outcome = self._outcome()
                for process in (*self._dead, *self._workers, self._outsider):
                    process.died = lambda: None
                    process.loop.kill()
                    process.bury()
        if self._refused is not None:
            raise self._refused
        return outcome

    # -- processes

    def _boot(self) -> None:
        self._booted += 1
        skew_ms = self._random.choice(SKEWS_MS) if self._weather.windy else 0
        worker = RehearsedProcess(self._around, f"worker {self._booted}", self._registry, works=True, skew_ms=skew_ms)
        worker.died = partial(self._died, worker)
        self._workers.append(worker)

    def _died(self, worker: RehearsedProcess) -> None:
        self._workers.remove(worker)
        self._dead.append(worker)
        self._universe.after_ms(self._random.uniform(*REBOOT_MS), self._boot)

    # -- who starts the run, and answers it

    def _begin(self, new: NewRun) -> None:
        self._outsider.loop.create_task(self._start(new))

    async def _start(self, new: NewRun) -> None:
        assert self._outsider.engine is not None, "a process begins before it is asked for anything"
        self._run_id = (await self._outsider.engine.start(new)).run_id
        answered: set[str] = set()
        while self._over_us is None:
            written = self._written()
            if written != self._seen:
                async for hook in list_hooks(limit=200):
                    if hook.hook_id not in answered:
                        answered.add(hook.hook_id)
                        self._answer(hook)
                self._seen = written
            await asyncio.sleep(ANSWER_S)

    def _answer(self, hook: HookInfo) -> None:
        for pattern, payload in self._scene.payloads.items():
            if fnmatchcase(hook.token, pattern):
                self._sending += 1
                self._outsider.loop.create_task(self._send(hook, payload))
                return

    async def _send(self, hook: HookInfo, payload: Any) -> None:
        try:
            for number, each in enumerate(payload if isinstance(payload, list) else [payload]):  # pyright: ignore
                made = each(hook) if isinstance(each, Callable) and not isinstance(each, type) else each  # pyright: ignore
                if self._weather.windy:
                    await asyncio.sleep(self._random.uniform(*PAYLOAD_S))
                twice = self._weather.windy and self._random.random() < 0.3
                if twice and hook.webhook:
                    self.faults.doubled.append(f"request {number + 1} came twice to the webhook {hook.token!r}")
                for _ in range(1 + twice):
                    with suppress(HookNotFound, WorldError, TimeoutError):
                        await _deliver(hook, made, f"{hook.hook_id} {number}")
        except Exception as error:  # the payload is at fault, not the workflow: nothing that was found would hold
            self._refused = error
            self._universe.stopped = True
        finally:
            self._sending -= 1

    # -- time

    def _lasts(self) -> float:
        """How long a step takes before it acts."""
        if self._weather.windy:
            return self._random.uniform(0, STEP_S)
        return SLOW_S if self._weather.slow else 0.0

    def _look(self) -> None:
        """Is it over? Does everything wait for a time that is far away?"""
        if self._over_us is None and self._is_over():
            self._over_us = self._universe.now_us + AFTERLIFE_MS * 1000
        if self._over_us is not None and self._universe.now_us >= self._over_us:
            self._universe.stopped = not any(worker.loop.paused for worker in self._workers)
        elif self._over_us is None and not self._sending and self._seen == self._written():
            self._jump()
        self._universe.after_ms(LOOK_MS, self._look)

    def _is_over(self) -> bool:
        run = self._record()
        return run is not None and (run.status in ENDED or run.status == "blocked")

    def _written(self) -> int:
        """How many events there are: hooks of all of them have been seen before time jumps."""
        return sum(run.length for run in self._store.runs())

    def _jump(self) -> None:
        dues = [self._due_ms(run) for run in self._store.runs() if run.status in ("pending", "running")]
        now_ms = self._store.now_ms()
        known = [due_ms for due_ms in dues if due_ms is not None]
        if not known or 0 in known or min(known) - now_ms < FAR_MS:
            return
        self._store.offset_ms += min(known) - now_ms - FAR_MS // 2
        for worker in done(self._store.world.workers()):
            lease = Lease(
                worker_id=worker.worker_id,
                lease_ms=LEASE_MS,
                process=worker.process,
                workflows=worker.workflows,
                deployment=worker.deployment,
            )
            if worker.lease_until_ms > now_ms:
                self._store.call("beat", lease)

    def _due_ms(self, run: RunRecord) -> int | None:
        """When a run goes on by itself; 0: it does something now; None: never."""
        if run.mail or (run.status == "pending" and not run.wake_at_ms) or not self._rests(run):
            return 0
        length, dues = self._dues.get(run.run_id, (0, ()))
        if length < run.length:
            log = self._store.log(run.run_id)
            assert log is not None, "runs that are there have a log"
            dues = tuple(_dues_of(Pending(to_events(log))))
            self._dues[run.run_id] = run.length, dues
        known = [due.at_ms for due in dues if due.at_ms or due.awaited is None or not self._goes_on(due.awaited)]
        return min((*known, *([] if run.wake_at_ms is None else [run.wake_at_ms])), default=None)

    def _goes_on(self, run_id: RunId) -> bool:
        run = done(self._store.world.read_run(run_id))
        return run is not None and run.status not in ENDED

    def _rests(self, run: RunRecord) -> bool:
        """Whether nobody has it, or somebody who lives, and has nothing to do for it: time mustn't pass over its work."""
        for worker in self._workers:
            engine = worker.engine
            if engine is not None and engine.worker is not None and engine.worker.worker_id == run.owner:
                held = engine.worker.runs.get(run.run_id)
                at_work = held is None or held.departure.gone or is_moving(held) or held.attempts.at_work
                return not (at_work or worker.loop.paused)
        return run.owner is None

    # -- the end

    def _record(self) -> RunRecord | None:
        return None if self._run_id is None else done(self._store.world.read_run(self._run_id))

    def _outcome(self) -> Outcome:
        return Outcome(
            end=self._trouble[0] if self._trouble else self._end(),
            effects=dict(self._effects.counts),
            ran=dict(self._registry.ran),
            lost=_lost(self._store),
        )

    def _end(self) -> str:
        run = self._record()
        log = None if run is None else self._store.log(run.run_id)
        if run is None or log is None:
            return "no run"
        events = to_events(log)
        if run.status in ENDED or run.status == "blocked":
            return end_text(events[-1].fact)
        return f"a run that stands still after {len(events)} events, the last a {events[-1].fact.type}"


def _lost(store: Store) -> int:
    """Payloads that were accepted and are in no log."""
    lost = 0
    for run_id, letters in store.watched.accepted.items():
        log = store.log(run_id)
        if log is not None and log.run.status in ENDED:
            taken = {row.mail_id for row in log.rows}
            lost += sum(letter.mail_id not in taken for letter in letters if letter.kind == "hook_received")
    return lost


def _dues_of(pending: Pending) -> Iterator[Due]:
    yield from (Due(wait.due_ms) for wait in pending.waits.values())
    yield from (Due(hook.hook.expires_ms) for hook in pending.hooks.values() if hook.hook.expires_ms is not None)
    for step in pending.steps.values():
        waits = step.name == relay_result.definition.name
        yield Due(step.retry_at_ms, msgspec.json.decode(step.input)["run_id"] if waits else None)


async def _deliver(hook: HookInfo, payload: Any, key: str) -> None:
    """As a sender does that tries again: with a key, but for a webhook's, which has none.

    Raises: HookNotFound, PayloadInvalid, EncodeError, WorldError; UsageError, TimeoutError for a webhook.
    """
    if not hook.webhook:
        await resume_hook(hook.token, payload, idempotency_key=key)
    elif isinstance(payload, WebhookRequest):
        await receive(*await find_webhook(hook.token), payload)
    else:
        raise UsageError(f"{payload!r} can't be sent to the webhook {hook.token!r}: give a WebhookRequest")


def rehearse(scene: Scene, weather: Weather) -> tuple[Outcome, Dealt]:
    """What it came to, and which faults there were."""
    rehearsal = Rehearsal(scene, weather)
    return rehearsal.run(), rehearsal.faults
