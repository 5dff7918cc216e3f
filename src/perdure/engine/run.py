"""One run that this worker owns, alive in memory: it takes turns.

Things arrive (a step's outcome, a due wait, mail); when the committer makes a batch, all that has arrived becomes one
turn of the log; once that has landed, the body gets it, and what it asks for goes into the next append. What a body has
seen is in the log, always.

Every method runs on the worker's loop; those that may activate the body (`open`, `landed`, `force`) are called from
plain callbacks only, never inside a task.
"""

import logging

from msgspec import Raw
from msgspec.structs import replace

from perdure.core.divergence import Divergence
from perdure.core.history import History
from perdure.core.pending import Pending
from perdure.engine.append import Entry, Header
from perdure.engine.attempt import Attempts
from perdure.engine.departure import Departure
from perdure.engine.host import Host
from perdure.engine.letter import entries_of
from perdure.engine.mailbox import Mailbox
from perdure.engine.outbox import Outbox
from perdure.engine.wait import Waits
from perdure.errors import DecodeError, WorldUnavailable
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import (
    DELIVERIES,
    ChildCreated,
    Event,
    Fact,
    RequestsReleased,
    RunBlocked,
    RunCancelled,
    RunCreated,
    StepCreated,
    WaitCreated,
)
from perdure.model.status import Status
from perdure.replay.body import Body
from perdure.world.mail import Letter
from perdure.world.operation import Append, Appended, Outcome, Refusal, Refused

logger = logging.getLogger("perdure")
_DELIVERIES = frozenset(DELIVERIES)
LONG_MS = 10_000


class LiveRun:
    """A run between `open` and the host's `left`. `careful`: on probation, step starts are committed first (O6)."""

    def __init__(
        self,
        host: Host,
        header: Header,
        definition: WorkflowDefinition,
        *,
        epoch: int,
        status: Status,
        events: list[Event],
    ) -> None:
        self.run_id = header.run_id
        self.host, self.definition = host, definition
        self.pending = Pending(events)
        self.waits = Waits(self, host.world, host.loop)
        self.attempts = Attempts(self)
        self.mailbox = Mailbox(self, host.world, host.loop)
        turn = max(event.turn for event in events)
        self.outbox = Outbox(header, epoch=epoch, seq=len(events) + 1, status=status, turn=turn)
        self.departure = Departure(self)
        self.body: Body | None = None
        self.careful = False
        self._events = events
        self._sent: Append | None = None
        self._unregistered = 0

    @property
    def at_rest(self) -> bool:
        """Nothing to write, nothing running: the run only waits."""
        return not (self.attempts.busy or self.mailbox.busy or self.departure.releasing) and self.outbox.empty

    # -- opening

    def open(self, preface: Fact | None, letters: list[Letter]) -> None:
        """Begin to live. `preface` (run_started, or what is told of a recovery) is committed before the body runs;
        a run that was cancelled before its first activation ends without its body (S5)."""
        if self.departure.gone:
            return
        self.mail_came(self.mailbox.fresh(letters))
        if self.departure.gone or self.outbox.parking:
            return
        if self.outbox.status == "pending" and self.pending.cancelled:
            self.departure.end(RunCancelled())
        elif preface is None:
            self._begin()
        else:
            self.outbox.add("", preface)
            self._offer(urgent=True)

    def _begin(self) -> None:
        created = self._events[0].fact
        assert isinstance(created, RunCreated), "L1: a log begins with run_created"
        history = History(self._events)
        self.body = Body(run_id=self.run_id, definition=self.definition, input=Raw(created.input), history=history)
        self._events = []
        self._activate(None)
        if self.body.divergence is None and self.body.end is None:
            self.attempts.recover(self.body.awaits)
            self.waits.recover(self.body.awaits)
        self._answer()

    # -- what arrives

    def arrive(self, key: str, fact: Fact) -> None:
        """A completion for the body: it becomes part of the next turn."""
        if not self.departure.gone:
            self.outbox.arrive(Entry(0, key, fact))
            self._offer(urgent=True)

    def note(self, key: str, fact: Fact, *, urgent: bool) -> None:
        """Something to be recorded that the body doesn't see; of no interest once the run ends."""
        if not (self.departure.gone or self.outbox.ending or self.outbox.parking):
            self.pending.see(key, fact, self.host.world.now_ms())
            self.outbox.add(key, fact)
            self._offer(urgent=urgent)

    def mail_came(self, letters: list[Letter]) -> None:
        """Letters from the inbox: they arrive in order."""
        if self.departure.gone:
            return
        try:
            for letter in letters:
                for entry in entries_of(letter, self.pending):
                    self.outbox.arrive(entry)
                    if entry.key == "":
                        self.pending.see("", entry.fact, 0)
        except DecodeError as error:
            self._unreadable(error)
            return
        if letters:
            self.waits.arm_force()
        if self.outbox.empty:
            self._rest()
        else:
            self._offer(urgent=True)

    def _unreadable(self, error: DecodeError) -> None:
        """A letter can't be read here: park the run, with its mail. While an append is on its way it is forgotten
        instead: a sweep finds it again, and it is parked as it opens."""
        if self._sent is None:
            sentence = f"a letter for it can't be read: {error}; cancel it, or retry it with a perdure that can"
            self.departure.park(RunBlocked(sentence=sentence, deployment=self.host.deployment))
        else:
            self.departure.leave()

    # -- the committer's side

    def take(self) -> Append | None:
        """All that is to be written now."""
        if self.departure.gone:
            return None
        wanted = self.body.awaits if self.body is not None else None
        goes = self.departure.releasing and self.departure.goes_now()
        append = self.outbox.take(wanted, self.host.births, self.pending.open_children, owner_goes=goes)
        if append is None:
            return None
        if goes and not self.outbox.ending:
            append = self.departure.onto(append)
        if self.careful and self.body is None:
            append = replace(append, probation=True)
        self._sent = append
        return append

    def landed(self, outcome: Outcome) -> None:
        """The append's outcome, in a plain callback."""
        sent, self._sent = self._sent, None
        if self.departure.gone or sent is None:
            return
        if isinstance(outcome, Refused):
            self._refused(outcome)
            return
        assert isinstance(outcome, Appended), "L1: an append's outcome"
        events = self.outbox.landed(outcome)
        if sent.letters or sent.children:
            born = [child for child in sent.children if child.run_id in outcome.born]
            self.host.told(sent.letters, born, outcome.at_ms)
        if self.outbox.status not in ("pending", "running"):
            self.departure.leave(events[-1].fact)
        elif sent.release:
            self.departure.leave(wake_at_ms=sent.wake_at_ms)
        else:
            self._go_on(events, sent)
            if outcome.mail:
                self.mailbox.fetch()

    def poisoned(self, error: Exception) -> None:
        """The World can't store this append, by itself either: park the run (L4)."""
        if isinstance(error, WorldUnavailable) or self.outbox.parking:
            self.departure.leave()
        else:
            self.departure.park(
                RunBlocked(sentence=f"its log could not be written: {error!r}", deployment=self.host.deployment)
            )

    def _go_on(self, events: list[Event], sent: Append) -> None:
        self._unregistered -= len(sent.children)
        if self.outbox.ending:
            return  # a forced end is on its way: the body has had its last turn
        deliveries = [event for event in events if type(event.fact) in _DELIVERIES]
        if self.body is None:
            self._events += events
            self._begin()
        elif deliveries:
            if self.careful:
                self.careful = False
                self.host.cleared(self.run_id)
            for event in deliveries:
                self.pending.see(event.key, event.fact, event.at_ms)
            self._activate(deliveries)
            self._answer()
        elif sent.children and not self._unregistered:
            self.attempts.begin_held()
        self.attempts.started(events)
        self._rest()

    def _activate(self, deliveries: list[Event] | None) -> None:
        """Let the body run: from its beginning, or on with these deliveries of one turn."""
        assert self.body is not None
        self.host.activating(self.run_id)
        try:
            if deliveries is None:
                self.body.begin()
            else:
                self.body.deliver(deliveries[0].turn, deliveries)
        finally:
            self.host.activating(None)

    def _answer(self) -> None:
        """The body rests: record what it asks for, and act on it."""
        body = self.body
        assert body is not None
        answer = body.take_answer()
        if body.divergence is not None:
            self.departure.park(_blocked(body.divergence))
            return
        for mark in answer.marks:
            self.outbox.add(f"patch:{mark.name}", mark)
        urgent = False
        for key, request in answer.requests:
            self.outbox.add(key, request)
            self.pending.see(key, request, body.loop.now_ms)
            kind = type(request)
            if kind is StepCreated:
                self.attempts.created(key)
            elif isinstance(request, WaitCreated):
                self.waits.arm(key, request.due_ms)
            elif kind is ChildCreated:
                self._unregistered += 1
                urgent = True
        if answer.released:
            self._release(answer.released)
        if body.end is not None:
            self.departure.end(body.end)
            return
        if not self._unregistered:
            self.attempts.begin_held()
        if self._waits_long():
            urgent = True
            self.departure.put_away_along()
        if urgent or not self.outbox.empty:
            self._offer(urgent=urgent)

    def _release(self, released: list[str]) -> None:
        """Stop what nobody waits for any more, and say so in the log, for people: no replay needs it."""
        keys = tuple(key for key in released if self.pending.knows(key))
        for key in keys:
            self.attempts.release(key)
            self.waits.release(key)
        if keys:
            self.note("", RequestsReleased(keys=keys), urgent=False)

    def _waits_long(self) -> bool:
        """Whether the body only sleeps, and for so long that it needn't stay in memory."""
        pending = self.pending
        if pending.steps or pending.children or not pending.waits or self.mailbox.busy or self.outbox.has_arrivals:
            return False
        return (pending.next_ms() or 0) - self.host.world.now_ms() >= LONG_MS

    def _refused(self, outcome: Refused) -> None:
        if outcome.refusal is Refusal.MAIL:
            self.departure.stay()
            self.outbox.put_back()
            self.mailbox.fetch()
        elif outcome.refusal is Refusal.EARLY:
            for key, left_ms in self.outbox.put_back_but_early(outcome.now_ms).items():
                self.waits.arm(key, self.host.world.now_ms() + left_ms + 1)
            if not self.outbox.empty:
                self._offer(urgent=True)
        else:
            logger.info("run %s is lost to this worker: %s", self.run_id, outcome.refusal.value)
            self.departure.leave()

    # -- small change

    def _rest(self) -> None:
        if self.at_rest and not self.departure.gone:
            self.host.rest.begin(self.run_id)

    def _offer(self, *, urgent: bool) -> None:
        self.host.rest.end(self.run_id)
        self.host.committer.offer(self, urgent=urgent)


def _blocked(divergence: Divergence) -> RunBlocked:
    return RunBlocked(
        sentence=divergence.sentence(),
        recorded=divergence.recorded,
        attempted=divergence.attempted,
        turn=divergence.turn,
        line=divergence.line,
        deployment=divergence.deployment,
    )
