"""One run that this worker owns, alive in memory: it takes turns.

Things arrive (a step's outcome, a due wait, mail); when the committer makes a batch, all that has arrived becomes one
turn of the log; once that has landed, the body gets it, and what it asks for goes into the next append. What a body has
seen is in the log, always.

Every method runs on the worker's loop; those that may activate the body (`open`, `landed`, `force`) are called from
plain callbacks only, never inside a task.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Raw
from msgspec.structs import replace

from perdure.codec.keyring import KeyRing
from perdure.core.divergence import cut
from perdure.core.history import Decision, History
from perdure.core.pending import Pending
from perdure.engine.answer import Answers
from perdure.engine.append import Entry, Header, last_chunks
from perdure.engine.attempt import Attempts
from perdure.engine.departure import Departure
from perdure.engine.host import Host
from perdure.engine.letter import entries_of
from perdure.engine.mailbox import Mailbox
from perdure.engine.outbox import Outbox
from perdure.engine.queue import received
from perdure.engine.seal import open_letter
from perdure.engine.stream import Outflow, taken
from perdure.engine.transaction import Enclosure
from perdure.engine.wait import Waits
from perdure.errors import DecodeError, PayloadLocked, WorldUnavailable
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import (
    DELIVERIES,
    Event,
    Fact,
    HookExpired,
    HookReceived,
    RunBlocked,
    RunCancelled,
    RunCreated,
)
from perdure.model.ids import RunId
from perdure.model.status import Status
from perdure.replay.body import Body
from perdure.replay.queue import body_of
from perdure.world.mail import Letter
from perdure.world.operation import Append, Appended, Outcome, Refusal, Refused, Start

logger = logging.getLogger("perdure")
_DELIVERIES = frozenset(DELIVERIES)
_ALIVE = frozenset(("pending", "running"))
_NO_DECISIONS: Sequence[Decision] = ()


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
        writes: int = 0,
    ) -> None:
        self.run_id, self.header = header.run_id, header
        self.host, self.definition = host, definition
        self.pending = Pending(events)
        self.telemetry = host.telemetry.run(header.run_id, header.trace, events, self.pending.steps)
        self.waits = Waits(self, host.timers)
        self.stream = Outflow(self, host.loop, writes)
        self.enclosure = Enclosure(self)
        self.attempts = Attempts(self)
        self.mailbox = Mailbox(self, host.world, host.loop)
        turn = max(event.turn for event in events)
        self.outbox = Outbox(header, epoch=epoch, seq=len(events) + 1, status=status, turn=turn)
        self.departure = Departure(self)
        self.answers = Answers(self)
        self.body: Body | None = None
        self.careful = False
        self._events: Sequence[Event] = events
        self.sent: Append | None = None

    @property
    def at_rest(self) -> bool:
        """Nothing to write, nothing running: the run only waits."""
        busy = self.attempts.busy or self.mailbox.busy or self.departure.releasing
        return not busy and self.outbox.empty and self.stream.empty

    # -- opening

    def open(self, preface: Fact | None, letters: list[Letter]) -> None:
        """Begin to live. `preface` (run_started, or what is told of a recovery) is committed before the body runs;
        a run that was cancelled before its first activation ends without its body (S5)."""
        if self.departure.gone:
            return
        if letters:
            self.mail_came(self.mailbox.fresh(letters))
            if self.departure.gone or self.outbox.parking:
                return
        if self.outbox.status == "pending" and self.pending.cancelled:
            self.departure.end(RunCancelled())
        elif preface is None:
            self._begin()
        else:
            self.outbox.add("", preface)
            self.offer(urgent=True)

    def _begin(self) -> None:
        created = self._events[0].fact
        assert isinstance(created, RunCreated), "L1: a log begins with run_created"
        history = History(self._events)
        show = cut if self.host.keys is None else partial(_digest, self.host.keys, self.run_id)
        self.body = body_of(created, self.run_id, self.definition, history, self.host.new_token, show)
        self._events = ()
        self._activate(self.body.begin)
        self.outbox.turn = max(self.outbox.turn, self.body.machine.turn)
        if self.body.divergence is None and self.body.end is None:
            self.attempts.recover(self.body.awaits)
            self.waits.recover(self.body.awaits)
        self.answers.take()

    # -- what arrives

    def arrive(self, key: str, fact: Fact) -> None:
        """A completion for the body: it becomes part of the next turn."""
        if not self.departure.gone:
            self.outbox.arrive(Entry(0, key, fact))
            self.offer(urgent=True)

    def note(self, key: str, fact: Fact, *, urgent: bool, start: Start | None = None) -> None:
        """Something to be recorded that the body doesn't see, and a run to be started with it; of no interest once the run
        ends."""
        if not (self.departure.gone or self.outbox.ending or self.outbox.parking):
            self.pending.see(key, fact, self.host.world.now_ms())
            self.outbox.add(key, fact, start=start)
            self.offer(urgent=urgent)

    def wrote(self, *, urgent: bool) -> None:
        """A step has written to a stream."""
        if not (self.departure.gone or self.outbox.ending or self.outbox.parking):
            self.offer(urgent=urgent)

    def mail_came(self, letters: list[Letter], *, own: bool = False) -> None:
        """Letters from the inbox: they arrive in order. `own`: as this process sent them, never sealed."""
        if self.departure.gone:
            return
        try:
            for letter in letters:
                opened = letter if own else open_letter(letter, self.host.keys)
                for entry in entries_of(opened, self.pending):
                    self.outbox.arrive(entry)
                    if entry.key == "":
                        self.pending.see("", entry.fact, 0)
        except PayloadLocked as error:  # the run waits for its key with all of its mail, in order
            logger.warning("run %s leaves this worker, a letter for it can't be opened: %s", self.run_id, error)
            self.departure.leave()
            return
        except DecodeError as error:
            self._unreadable(error)
            return
        if letters:
            self.waits.arm_force()
        if self.outbox.empty:
            self.departure.rest()
        else:
            self.offer(urgent=True)

    def _unreadable(self, error: DecodeError) -> None:
        """A letter can't be read here: park the run, with its mail. While an append is on its way it is forgotten
        instead: a sweep finds it again, and it is parked as it opens."""
        if self.sent is None:
            sentence = f"a letter for it can't be read: {error}; cancel it, or retry it with a perdure that can"
            self.departure.park(RunBlocked(sentence=sentence, deployment=self.host.deployment))
        else:
            self.departure.leave()

    # -- the committer's side

    def take(self) -> Append | None:
        """All that is to be written now."""
        if self.departure.gone or self.enclosure.engaged:
            return None
        goes = self.departure.releasing and self.departure.goes_now()
        append = self.outbox.take(
            self._admit if self.body is not None else None,
            self.host.births,
            self.pending,
            empty_too=goes or self.stream.waiting,
        )
        if append is None:
            return None
        append = self.stream.onto(append, last_chunks(append, self.pending) if append.status is not None else ())
        if goes and not self.outbox.ending:
            append = self.departure.onto(append)
        if self.careful and self.body is None:
            append = replace(append, probation=True)
        self.sent = append
        return append

    def landed(self, outcome: Outcome) -> None:
        """The append's outcome, in a plain callback."""
        sent, self.sent = self.sent, None
        if sent is None:
            return
        if type(outcome) is not Appended:
            if not self.departure.gone:
                self._refused(outcome)
            return
        if sent.letters or sent.children:  # whatever becomes of this run: nobody else was given a hint
            born = [child for child in sent.children if child.run_id in outcome.born]
            self.host.told(sent.letters, born, outcome.at_ms)
        if self.departure.gone:
            return
        outbox = self.outbox
        decisions = outbox.decisions(outcome) if sent.hooks else _NO_DECISIONS
        events = outbox.landed(outcome)
        self.telemetry.landed(events)
        if sent.chunks:
            self.telemetry.streamed(taken(sent.chunks, outcome.refused))
            for run_id in self.stream.landed(sent, outcome):
                self.host.wrote(run_id)
        if outbox.status not in _ALIVE:
            self.departure.leave(events[-1].fact)
        elif sent.release:
            self.departure.leave(wake_at_ms=sent.wake_at_ms)
        else:
            self._go_on(events, sent, decisions)
            if outcome.mail:
                self.mailbox.fetch()
            if self.enclosure.engaged:
                self.enclosure.flew()

    def poisoned(self, error: Exception) -> None:
        """The World can't store this append, by itself either: park the run (L4)."""
        self.sent = None
        if self.departure.gone:
            return
        if isinstance(error, WorldUnavailable) or self.outbox.parking:
            self.departure.leave()
        else:
            self.stream.close()  # what it wrote is lost with the rest: whoever drains is told
            self.departure.park(
                RunBlocked(sentence=f"its log could not be written: {error!r}", deployment=self.host.deployment)
            )

    def _go_on(self, events: list[Event], sent: Append, decisions: Sequence[Decision]) -> None:
        if sent.children or decisions:
            self.answers.landed(sent, decisions)
        if self.outbox.ending:  # a forced end is on its way, or one that had to close hooks first: no more turns
            self.offer(urgent=True)
            return
        one_delivery = sent.turn_completed and len(events) == 1
        if self.body is None:
            self._events = [*self._events, *events]
            self._begin()
        elif one_delivery:
            self._turn(events, decisions)
        elif sent.turn_completed or decisions:
            self._turn([event for event in events if type(event.fact) in _DELIVERIES], decisions)
        elif sent.children and not self.answers.unregistered:
            self.attempts.begin_held()
        if not one_delivery:
            self.attempts.landed(events)
        self.departure.rest()

    def _turn(self, deliveries: list[Event], decisions: Sequence[Decision]) -> None:
        """Hand one turn to the body; what the World decided is a turn of its own where nothing else came (T5)."""
        body, see = self.body, self.pending.see
        assert body is not None, "a turn is for a body"
        if deliveries:
            if self.careful:
                self.careful = False
                self.host.cleared(self.run_id)
            for event in deliveries:
                see(event.key, event.fact, event.at_ms)
            turn = deliveries[0].turn
        else:
            turn = self.outbox.begin_turn()
        self._activate(body.deliver, turn, deliveries, decisions)
        self.answers.take()

    def _activate(self, drive: Callable[..., None], *arguments: object) -> None:
        """Let the body run."""
        activating = self.host.activating
        activating(self.run_id)
        try:
            drive(*arguments)
        finally:
            activating(None)

    def _admit(self, entry: Entry) -> Entry | None:
        """What becomes of an arrival: mail is recorded, with a word where its payload doesn't fit; of the rest, what
        somebody still waits for."""
        body, fact = self.body, entry.fact
        assert body is not None, "arrivals wait for a body"
        if entry.mail_id is None and type(fact) is not HookExpired:
            return entry if body.awaits(entry.key) else None
        hook = body.hooks.get(entry.key)
        if isinstance(fact, HookReceived) and hook is not None:  # one that is over, too: a retry may open it again
            reason = hook.rejects(fact.payload)
            return entry if reason is None else replace(entry, fact=replace(fact, rejected=reason))
        if isinstance(fact, HookExpired):
            return entry if hook is not None and not hook.over else None
        return received(entry, self.pending)

    def _refused(self, outcome: Outcome) -> None:
        assert isinstance(outcome, Refused), "L1: an append's outcome"
        if outcome.refusal in (Refusal.MAIL, Refusal.EARLY):
            self.outbox.put_back()
            self.stream.put_back()
        if outcome.refusal is Refusal.MAIL:
            self.departure.stay()
            self.mailbox.fetch()
        elif outcome.refusal is Refusal.EARLY:
            for key, left_ms in self.outbox.drop_early(outcome.now_ms).items():
                self.waits.arm(key, self.host.world.now_ms() + left_ms + 1)
            if not self.outbox.empty or self.stream.waiting:
                self.offer(urgent=True)
        else:
            logger.info("run %s is lost to this worker: %s", self.run_id, outcome.refusal.value)
            self.departure.leave()
        if not self.departure.gone and self.enclosure.engaged:
            self.enclosure.flew()

    # -- small change

    def let_go(self) -> None:
        """Its parts hold a run that has left, and it them: a circle, which waits for Python's collector with all in it."""
        del self.answers, self.attempts, self.enclosure, self.mailbox, self.stream, self.waits
        self.body = None

    def offer(self, *, urgent: bool) -> None:
        if self.departure.rests:
            self.departure.stir()
        self.host.committer.offer(self, urgent=urgent)


def _digest(keys: KeyRing, run_id: RunId, value: Raw) -> str:
    """What stands for a value in the sentence of a divergence, which is for people."""
    return f"digest {keys.digest(run_id, bytes(value))}"
