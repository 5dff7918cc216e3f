"""What one run is about to append, in order: the answer of its present turn, then what has arrived, as the next turn.

Arrivals stay apart until the committer asks, so that all that arrived while a batch was being written becomes one turn.
The answer to a turn is always ahead of the deliveries of the next (T1).
"""

from collections.abc import Callable

from perdure.engine.append import Births, Entry, Header, compose
from perdure.model.event import DELIVERIES, ENDS, REQUESTS, Event, Fact, RunBlocked, WaitCompleted
from perdure.model.ids import MailId, RunId
from perdure.model.status import Status
from perdure.world.operation import Append, Appended

_KNOWN = frozenset(REQUESTS)
_LAST = frozenset(ENDS)


class Outbox:
    """`seq` is the next event's; `turn` the last turn that was begun; `status` what the log says so far.

    `ending` and `parking`: the end, or that the run is parked, is on its way into the log.
    """

    __slots__ = (
        "_arrivals",
        "_entries",
        "_flight",
        "_next_status",
        "_returned",
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
        self._entries: list[Entry] = []
        self._arrivals: list[Entry] = []
        self._flight: list[Entry] = []
        self._next_status: Status = status
        self._returned = False  # a refused flight, with its deliveries, is among the entries
        self.ending = self.parking = False

    def add(self, key: str, fact: Fact, mail_id: MailId | None = None) -> None:
        """To be written, as part of the present turn."""
        self._entries.append(Entry(self.turn, key, fact, mail_id))
        if type(fact) in _LAST:
            self.ending = True

    def arrive(self, entry: Entry) -> None:
        """To be written as part of the next turn, whichever that is."""
        self._arrivals.append(entry)

    def park(self, blocked: RunBlocked) -> None:
        """Nothing is to be written but that the run is parked."""
        self._arrivals.clear()
        self._flight.clear()
        self._entries = [Entry(self.turn, "", blocked)]
        self.parking, self.ending = True, False

    @property
    def has_arrivals(self) -> bool:
        return bool(self._arrivals)

    @property
    def empty(self) -> bool:
        return not (self._entries or self._arrivals or self._flight)

    def take(
        self,
        wanted: Callable[[str], bool] | None,
        births: Births,
        open_children: Callable[[], list[RunId]],
        *,
        owner_goes: bool,
    ) -> Append | None:
        """The next append, or None. `wanted` says which arrivals still matter; None: they wait (no body yet).

        `owner_goes`: the append also gives the run up.
        """
        entries, self._entries = self._entries, []
        if not entries and not self._arrivals and not owner_goes:
            return None
        if self._arrivals and (wanted is not None or self._ends(entries)):
            entries = self._with_arrivals(entries, wanted)
        if not entries and not owner_goes:
            return None
        self._flight, self._returned = entries, False
        append, self._next_status = compose(
            self.header, self.epoch, self.seq, self.status, entries, births, open_children
        )
        return append

    def landed(self, outcome: Appended) -> list[Event]:
        """The flight is in the log: its events, with their places, but for the requests: those the body knows."""
        flight, self._flight = self._flight, []
        first, self.seq, self.status = self.seq, self.seq + len(flight), self._next_status
        return [
            Event(seq=seq, turn=turn, epoch=self.epoch, key=key, at_ms=outcome.at_ms, fact=fact, mail_id=mail_id)
            for seq, (turn, key, fact, mail_id) in enumerate(flight, first)
            if type(fact) not in _KNOWN
        ]

    def put_back(self) -> None:
        """The flight was refused as a whole: it goes first the next time."""
        flight, self._flight = self._flight, []
        self._entries = flight + self._entries
        self._returned = True

    def put_back_but_early(self, now_ms: int) -> dict[str, int]:
        """The flight was refused for waits that aren't due: they fall out; returns how long each has left, by key."""
        flight, self._flight = self._flight, []
        early = {
            entry.key: entry.fact.due_ms - now_ms
            for entry in flight
            if isinstance(entry.fact, WaitCompleted) and not entry.fact.woken and entry.fact.due_ms > now_ms
        }
        kept = [entry for entry in flight if not (isinstance(entry.fact, WaitCompleted) and entry.key in early)]
        self._entries = [entry for entry in kept if not isinstance(entry.fact, DELIVERIES)] + self._entries
        self._arrivals = [entry for entry in kept if isinstance(entry.fact, DELIVERIES)] + self._arrivals
        return early

    def _with_arrivals(self, entries: list[Entry], wanted: Callable[[str], bool] | None) -> list[Entry]:
        if self._parks(entries):
            return entries  # mail stays in the inbox: recorded now, it would be a turn after one that has no answer
        arrivals, self._arrivals = self._arrivals, []
        ends = self._ends(entries)
        if ends:
            arrivals = [entry for entry in arrivals if entry.mail_id is not None]
        elif wanted is not None:
            arrivals = [entry for entry in arrivals if entry.mail_id is not None or wanted(entry.key)]
        if len(arrivals) > 1 or self._returned:
            arrivals = _first_of_each(arrivals, entries)
        if not arrivals:
            return entries
        self.turn += 1
        turned = [Entry(self.turn, key, fact, mail_id) for _, key, fact, mail_id in arrivals]
        if ends:  # mail that came before the end is recorded before it (M2), and changes nothing
            return [*entries[:-1], *turned, entries[-1]]
        return [*entries, *turned]

    @staticmethod
    def _ends(entries: list[Entry]) -> bool:
        return bool(entries) and type(entries[-1].fact) in _LAST

    @staticmethod
    def _parks(entries: list[Entry]) -> bool:
        return bool(entries) and isinstance(entries[-1].fact, RunBlocked)


def _first_of_each(arrivals: list[Entry], entries: list[Entry]) -> list[Entry]:
    """One outcome for each request: two wake-ups, or a wake-up and the timer, may arrive for one sleep."""
    known = {entry.key for entry in entries if isinstance(entry.fact, DELIVERIES)}
    fresh: list[Entry] = []
    for entry in arrivals:
        if entry.key == "" or entry.key not in known:
            known.add(entry.key)
            fresh.append(entry)
    return fresh
