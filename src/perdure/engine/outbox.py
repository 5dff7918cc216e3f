"""What one run is about to append, in order: the answer of its present turn, then what has arrived, as the next turn.

Arrivals stay apart until the committer asks, so that all that arrived while a batch was being written becomes one turn.
The answer to a turn is always ahead of the deliveries of the next (T1).
"""

from collections.abc import Callable, Iterable, Sequence

from perdure.core.history import Decision
from perdure.core.pending import Pending
from perdure.engine.append import Births, Entry, Header, compose
from perdure.model.event import (
    DELIVERIES,
    ENDS,
    REQUESTS,
    CancelRequested,
    Event,
    Fact,
    HookCreated,
    HookDisposed,
    HookExpired,
    HookReceived,
    RunBlocked,
    StepCompleted,
    WaitCompleted,
)
from perdure.model.ids import MailId
from perdure.model.status import Status
from perdure.world.operation import Append, Appended, Start

_KNOWN = frozenset(REQUESTS)
Admit = Callable[[Entry], Entry | None]
"""What becomes of an arrival when it is written: itself, another reading of it, or (nobody waits for it) nothing."""
_LAST = frozenset(ENDS)
_ONE_EACH = tuple(fact for fact in DELIVERIES if fact not in (CancelRequested, HookReceived))


class Outbox:
    """`seq` is the next event's; `turn` the last turn that was begun; `status` what the log says so far.

    `ending` and `parking`: the end, or that the run is parked, is on its way into the log.
    """

    __slots__ = (
        "_arrivals",
        "_entries",
        "_first",
        "_flight",
        "_next_status",
        "ending",
        "epoch",
        "header",
        "parking",
        "seq",
        "status",
        "turn",
    )

    def __init__(self, header: Header, *, epoch: int, seq: int, status: Status, turn: int) -> None:
        self.header, self.epoch, self.seq, self.turn = header, epoch, seq, turn
        self.status: Status = status
        self._first: Sequence[Entry] = ()
        self._entries: list[Entry] = []
        self._arrivals: list[Entry] = []
        self._flight: Sequence[Entry] = ()
        self._next_status: Status = status
        self.ending = self.parking = False

    def add(self, key: str, fact: Fact, mail_id: MailId | None = None, start: Start | None = None) -> None:
        """To be written, as part of the present turn."""
        self._entries.append(Entry(self.turn, key, fact, mail_id, start))
        if type(fact) in _LAST:
            self.ending = True

    def arrive(self, entry: Entry) -> None:
        """To be written as part of the next turn, whichever that is."""
        self._arrivals.append(entry)

    def park(self, blocked: RunBlocked) -> None:
        """Nothing is to be written but that the run is parked."""
        self._arrivals.clear()
        self._first = self._flight = ()
        self._entries = [Entry(self.turn, "", blocked)]
        self.parking, self.ending = True, False

    @property
    def has_arrivals(self) -> bool:
        return bool(self._arrivals)

    @property
    def empty(self) -> bool:
        return not (self._entries or self._arrivals or self._flight or self._first)

    def take(
        self,
        admit: Admit | None,
        births: Births,
        pending: Pending,
        *,
        empty_too: bool,
    ) -> Append | None:
        """The next append, or None. `admit` says what becomes of arrivals; None: they wait (no body yet).

        `empty_too`: also where there is no event, since the append does something else.
        """
        entries = self._next(admit)
        if not entries and not empty_too:
            return None
        self._flight = entries
        append, self._next_status = compose(self.header, self.epoch, self.seq, self.status, entries, births, pending)
        return append

    def enclose(self, key: str, fact: StepCompleted, births: Births, pending: Pending) -> Append:
        """The next append, in a transaction of its own: the answer of the present turn, and this arrival alone as the next
        turn. So there is nothing in it that the World could refuse for a reason that passes."""
        entries, self._entries = self._entries, []
        self._flight = [*entries, Entry(self.begin_turn(), key, fact)]
        flight = self._flight
        append, self._next_status = compose(self.header, self.epoch, self.seq, self.status, flight, births, pending)
        return append

    def withdraw(self, key: str) -> None:
        """The flight was not written: it goes first the next time, but for the arrival with this key."""
        self._entries = [
            entry for entry in self._flight if entry.key != key or type(entry.fact) is not StepCompleted
        ] + self._entries
        self._flight = ()

    def _next(self, admit: Admit | None) -> Sequence[Entry]:
        if self._first:
            first, self._first = self._first, ()
            return first
        entries, self._entries = self._entries, []
        if self._arrivals:
            last = type(entries[-1].fact) if entries else None
            # Beside a parking mail stays in the inbox: recorded now, it would be a turn after one that has no answer.
            if last is not RunBlocked and (admit is not None or last in _LAST):
                return self._with_arrivals(entries, admit)
        return entries

    def begin_turn(self) -> int:
        """A turn without deliveries; its number."""
        self.turn += 1
        return self.turn

    def landed(self, outcome: Appended) -> list[Event]:
        """The flight is in the log: its events, with their places, but for the requests: those the body knows."""
        flight, self._flight = self._flight, ()
        seq, epoch, at_ms = self.seq, self.epoch, outcome.at_ms
        self.seq, self.status = seq + len(flight), self._next_status
        events: list[Event] = []
        for entry in flight:
            fact = entry.fact
            if type(fact) not in _KNOWN:
                event = Event(
                    seq=seq, turn=entry.turn, epoch=epoch, key=entry.key, at_ms=at_ms, fact=fact, mail_id=entry.mail_id
                )
                events.append(event)
            seq += 1
        return events

    def decisions(self, outcome: Appended) -> list[Decision]:
        """What the World decided on the flight's requests; ask before it has `landed`."""
        return [
            Decision(entry.turn, entry.key, outcome.at_ms, outcome.conflicts.get(place))
            for place, entry in enumerate(self._flight)
            if type(entry.fact) is HookCreated
        ]

    def put_back(self) -> None:
        """The flight was refused as a whole: it goes first the next time, what had arrived with what has arrived since."""
        flight, self._flight = self._flight, ()
        self._entries = [entry for entry in flight if not _arrived(entry)] + self._entries
        self._arrivals = [entry for entry in flight if _arrived(entry)] + self._arrivals

    def close_hooks_first(self, open_keys: Iterable[str]) -> None:
        """The end was put back, and goes after the end of every registered hook: no mail comes for those any more."""
        asked = {entry.key for entry in self._entries if isinstance(entry.fact, HookCreated)}
        disposed = [entry.key for entry in self._entries if isinstance(entry.fact, HookDisposed)]
        closing = {key: None for key in (*disposed, *open_keys) if key not in asked}
        self._first = [Entry(self._entries[-1].turn, key, HookDisposed()) for key in closing]
        self._entries = [
            entry for entry in self._entries if entry.key not in closing or not isinstance(entry.fact, HookDisposed)
        ]

    def drop_early(self, now_ms: int) -> dict[str, int]:
        """Deliveries that were put back and aren't due fall out; returns how long each has left, by key."""
        early: dict[str, int] = {}
        arrivals, self._arrivals = self._arrivals, []
        for entry in arrivals:
            match entry.fact:
                case WaitCompleted(due_ms=due_ms, woken=False) | HookExpired(due_ms=due_ms) if due_ms > now_ms:
                    early[entry.key] = due_ms - now_ms
                case _:
                    self._arrivals.append(entry)
        return early

    def _with_arrivals(self, entries: list[Entry], admit: Admit | None) -> list[Entry]:
        came, self._arrivals = self._arrivals, []
        ends = bool(entries) and type(entries[-1].fact) in _LAST
        arrivals: list[Entry] = []
        for entry in came:
            if not ends or entry.mail_id is not None:
                admitted = entry if admit is None else admit(entry)
                if admitted is not None:
                    arrivals.append(admitted)
        if not arrivals:
            return entries
        if len(arrivals) > 1:
            arrivals = _in_order(_first_of_each(arrivals))
        self.turn = turn = self.turn + 1
        for entry in arrivals:
            entry.turn = turn
        if ends:  # mail that came before the end is recorded before it (M2), and changes nothing
            return [*entries[:-1], *arrivals, entries[-1]]
        return entries + arrivals


def _arrived(entry: Entry) -> bool:
    """Whether it begins a turn, or is mail, which keeps its order whether the body hears of it or not."""
    return entry.mail_id is not None or isinstance(entry.fact, DELIVERIES)


def _first_of_each(arrivals: list[Entry]) -> list[Entry]:
    """One outcome for each request: two wake-ups, or a wake-up and the timer, may arrive for one sleep.

    A payload is no outcome: its hook may end in the same turn.
    """
    known: set[str] = set()
    fresh: list[Entry] = []
    for entry in arrivals:
        if isinstance(entry.fact, _ONE_EACH):
            if entry.key in known:
                continue
            known.add(entry.key)
        fresh.append(entry)
    return fresh


def _in_order(arrivals: list[Entry]) -> list[Entry]:
    """As they came, but the ends of hooks last: a payload that was accepted before is delivered before."""
    return sorted(arrivals, key=lambda entry: isinstance(entry.fact, HookExpired))
