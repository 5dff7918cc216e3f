"""What a run's body asks for, turned into what follows from it: entries of the log, timers, attempts, hooks.

Steps wait until every hook and child that the same body asked for is registered (L5): whoever learns a token or a run's
id from a step can use it.
"""

from collections.abc import Sequence
from typing import Protocol

from perdure.core.divergence import Divergence
from perdure.core.history import Decision
from perdure.core.pending import Pending
from perdure.engine.attempt import Attempts
from perdure.engine.departure import Departure
from perdure.engine.host import Host
from perdure.engine.mailbox import Mailbox
from perdure.engine.outbox import Outbox
from perdure.engine.stream import Outflow
from perdure.engine.wait import Waits
from perdure.model.event import (
    ChildCreated,
    Fact,
    HookCreated,
    HookDisposed,
    Request,
    RequestsReleased,
    RunBlocked,
    StepCreated,
    WaitCreated,
)
from perdure.replay.body import Body
from perdure.world.operation import Append

LONG_MS = 10_000


class Asked(Protocol):
    """The run whose body asks."""

    host: Host
    body: Body | None
    pending: Pending
    waits: Waits
    attempts: Attempts
    mailbox: Mailbox
    outbox: Outbox
    stream: Outflow
    departure: Departure

    def note(self, key: str, fact: Fact, *, urgent: bool) -> None: ...

    def offer(self, *, urgent: bool) -> None: ...


class Answers:
    """One live run's. `unregistered` counts the hooks and children that are asked for and not in the store yet."""

    __slots__ = ("_run", "unregistered")

    def __init__(self, run: Asked) -> None:
        self._run = run
        self.unregistered = 0

    def take(self) -> None:
        """The body rests: record what it asks for, and act on it."""
        run, body = self._run, self._run.body
        assert body is not None, "only a body answers"
        answer = body.take_answer()
        if body.divergence is not None:
            run.departure.park(_blocked(body.divergence))
            return
        for mark in answer.marks:
            run.outbox.add(f"patch:{mark.name}", mark)
        urgent = False
        for key, request in answer.requests:
            urgent = self._record(body, key, request) or urgent
        if answer.released:
            self._release(answer.released)
        if body.end is not None:
            run.departure.end(body.end)
            return
        if not self.unregistered:
            run.attempts.begin_held()
        if not run.pending.steps and self._waits_long():
            urgent = True
            run.departure.put_away_along()
        if urgent or not run.outbox.empty:
            run.offer(urgent=urgent)

    def landed(self, sent: Append, decisions: Sequence[Decision]) -> None:
        """What was asked for is in the store; a hook whose token is taken takes nothing."""
        if sent.children:
            self.unregistered -= sum(row.type == ChildCreated.type for row in sent.rows)
        self.unregistered -= len(decisions)
        for decision in decisions:
            if decision.owner is not None:
                self._run.pending.hooks.pop(decision.key, None)
                self._run.waits.release(decision.key)

    def _record(self, body: Body, key: str, request: Request | HookDisposed) -> bool:
        """Whether it is urgent."""
        run, kind = self._run, type(request)
        if kind is HookDisposed and key not in run.pending.hooks:
            return False  # the log knows, or the World never registered it
        run.outbox.add(key, request)
        run.pending.see(key, request, body.loop.now_ms)
        if kind is StepCreated:
            run.attempts.created(key)
            return False
        if isinstance(request, WaitCreated):
            run.waits.arm(key, request.due_ms)
            return False
        if isinstance(request, HookCreated) and request.expires_ms is not None:
            run.waits.arm(key, request.expires_ms)
        if kind is HookDisposed:
            run.waits.release(key)
        if kind is ChildCreated or kind is HookCreated:
            self.unregistered += 1
        return kind is ChildCreated or kind is HookCreated or kind is HookDisposed

    def _release(self, released: list[str]) -> None:
        """Stop what nobody waits for any more, and say so in the log, for people: no replay needs it."""
        run = self._run
        keys = tuple(key for key in released if run.pending.knows(key))
        runs = tuple(run.pending.queued_runs(keys))
        for key in keys:
            run.attempts.release(key)
            run.waits.release(key)
        if keys:
            run.note("", RequestsReleased(keys=keys, runs=runs), urgent=False)

    def _waits_long(self) -> bool:
        """Whether a body without steps only sleeps, and for so long that it needn't stay in memory."""
        run, pending = self._run, self._run.pending
        if pending.children or self.unregistered or not pending.waits:
            return False
        if run.mailbox.busy or run.outbox.has_arrivals:
            return False
        if any(hook.received for hook in pending.hooks.values()):  # what has had a payload may get the next any moment
            return False
        return (pending.next_ms() or 0) - run.host.world.now_ms() >= LONG_MS


def _blocked(divergence: Divergence) -> RunBlocked:
    return RunBlocked(
        sentence=divergence.sentence(),
        recorded=divergence.recorded,
        attempted=divergence.attempted,
        turn=divergence.turn,
        line=divergence.line,
        deployment=divergence.deployment,
    )
