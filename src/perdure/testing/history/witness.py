"""A witness in a real store: triggers that write down, in the transaction itself, what only the store can know.

Which letters it accepted, in which order; which runs were to be cancelled before anybody had them; which appends came
from somebody else than the owner; who was born with a dead owner; when each run changed hands; until when each worker's
lease was live. Each kind of store has its own triggers (`postgres.py`, `sqlite.py`), which write the same lines.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.testing.simulation.store import Watched
from perdure.world import Letter

LATE_MS = 200
"""A lease counts as live for so long after its end: a worker that looked at it in time may begin a body a moment later."""

Line = tuple[str, str, str, int]
"""What, of which run or worker, a detail (the letter's id, the lease's end, the epoch), and when."""


@dataclass
class Witnessed:
    """What the lines say. `leases`: by worker, when each was renewed or ended, and until when it was live then.

    `claims`: by run, when its epoch was raised, and to what.
    """

    watched: Watched = field(default_factory=Watched)
    leases: dict[WorkerId, list[tuple[int, int]]] = field(default_factory=dict[WorkerId, list[tuple[int, int]]])
    claims: dict[RunId, list[tuple[int, int]]] = field(default_factory=dict[RunId, list[tuple[int, int]]])

    def is_live(self, worker_id: WorkerId, at_ms: int) -> bool:
        """Whether the worker's lease was live at that moment, by what the store had been told by then."""
        told = self.leases.get(worker_id, [])
        place = bisect_right(told, at_ms, key=lambda lease: lease[0])
        return place > 0 and told[place - 1][1] > at_ms - LATE_MS


def witnessed(lines: Iterable[Line]) -> Witnessed:
    """The lines must be in the order in which they were written; of one run, that is the order of its transactions."""
    found = Witnessed()
    for what, whom, detail, at_ms in lines:
        match what:
            case "letter":
                letter = Letter(mail_id=MailId(detail), run_id=RunId(whom), kind="", key="", payload=b"")
                found.watched.accepted.setdefault(RunId(whom), []).append(letter)
            case "early":
                found.watched.early.add(RunId(whom))
            case "unowned":
                found.watched.unowned.append(RunId(whom))
            case "born-dead":
                found.watched.born_dead.append(RunId(whom))
            case "lease":
                found.leases.setdefault(WorkerId(whom), []).append((at_ms, int(detail)))
            case "claim":
                found.claims.setdefault(RunId(whom), []).append((at_ms, int(detail)))
            case _:
                raise AssertionError(f"no trigger writes {what!r}")
    for told in found.leases.values():
        told.sort()
    return found
