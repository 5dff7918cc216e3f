"""The ways in which a run leaves its worker: ended, parked, put away, handed back, or lost."""

from typing import Protocol

from msgspec.structs import replace

from perdure.core.pending import Pending
from perdure.engine.attempt import Attempts
from perdure.engine.committer import Sink
from perdure.engine.host import Host
from perdure.engine.outbox import Outbox
from perdure.engine.rest import IDLE_S
from perdure.engine.stream import Outflow
from perdure.engine.wait import Waits
from perdure.model.event import Fact, RunBlocked, RunCancelled
from perdure.model.ids import RunId
from perdure.replay.body import Body, Ended
from perdure.world.hook import NewHook
from perdure.world.operation import Append

REFUSALS_MAX = 5
"""So often an end is tried again with the mail that came meanwhile."""


class Leaver(Sink, Protocol):
    """The run that leaves."""

    run_id: RunId
    host: Host
    outbox: Outbox
    pending: Pending
    attempts: Attempts
    waits: Waits
    stream: Outflow
    body: Body | None
    careful: bool

    @property
    def at_rest(self) -> bool: ...

    def let_go(self) -> None: ...


class Departure:
    """One run's. `gone` once it has left; `releasing` while it is asked to go and may still stay; `rests` while it may be
    among the host's runs at rest."""

    __slots__ = ("_along", "_handing_back", "_refusals", "_run", "gone", "releasing", "rests")

    def __init__(self, run: Leaver) -> None:
        self._run = run
        self.gone = self.releasing = self.rests = self._handing_back = self._along = False
        self._refusals = 0

    # -- asked to go

    def put_away(self) -> None:
        """Leave memory until something is due or mail comes; refused while there is mail."""
        if not self.gone and self._run.at_rest:
            self.releasing = True
            self._offer()

    def rest(self) -> None:
        """There may be nothing to do: then it is put away in a while; one on probation at once: others wait for theirs."""
        if self.gone or not self._run.at_rest:
            return
        if self._run.careful and not self._is_due_soon():
            self.put_away()
        else:
            self.rests = True
            self._run.host.rest.begin(self._run.run_id)

    def stir(self) -> None:
        """There is something to do after all. Most runs never rest: ask for `rests` first."""
        self.rests = False
        self._run.host.rest.end(self._run.run_id)

    def _is_due_soon(self) -> bool:
        """Then it would be claimed again at once."""
        due_ms = self._run.pending.next_ms()
        return due_ms is not None and due_ms < self._run.host.world.now_ms() + IDLE_S * 1000

    def put_away_along(self) -> None:
        """Leave memory with the append of the present answer: nothing is due for long."""
        self.releasing = self._along = True

    def hand_back(self) -> None:
        """A draining worker gives the run up, with all that it has to say."""
        if not self.gone:
            self.releasing = self._handing_back = True
            self._offer()

    def goes_now(self) -> bool:
        """Whether the next append gives the run up; something that came in between keeps it, unless it is handed back."""
        outbox = self._run.outbox
        self.releasing = self._handing_back or outbox.empty or (self._along and not outbox.has_arrivals)
        self._along = False
        return self.releasing

    def stay(self) -> None:
        """The World refused: there is mail. Where it comes faster than it can be taken, an end closes the hooks first."""
        self.releasing = self._handing_back
        self._refusals += self._run.outbox.ending
        if self._refusals == REFUSALS_MAX:
            self._run.outbox.close_hooks_first(self._run.pending.hooks)

    def onto(self, append: Append) -> Append:
        """The append that also gives the run up: claimable when something is due; at once where a step was cut off, or
        where a turn has no answer yet."""
        decides = any(isinstance(change, NewHook) for change in append.hooks)  # the body has to hear of that (T5)
        answered = self._run.body is not None and not (append.turn_completed or decides)
        wake_at_ms = self._run.pending.next_ms() if answered else 0
        return replace(append, release=True, hand_back=self._handing_back, wake_at_ms=wake_at_ms)

    # -- ends

    def force(self) -> None:
        """The grace of a cancel is over: end the run without its body."""
        if not self.gone and not self._run.outbox.ending:
            self.end(RunCancelled(forced=True))

    def end(self, end: Ended) -> None:
        """The run ends by this fact, as soon as it is committed."""
        if isinstance(end, RunCancelled):
            end = RunCancelled(reason=self._run.pending.cancel_reason, forced=end.forced)
        self._stop()
        self._run.outbox.add("", end)
        self._offer()

    def park(self, blocked: RunBlocked) -> None:
        """Record why the run can't go on, and leave it alone."""
        if self.gone:
            return
        self._stop()
        self._run.outbox.park(blocked)
        self._offer()

    def leave(self, fact: Fact | None = None, wake_at_ms: int | None = None) -> None:
        """The run is no longer this worker's: ended or parked by this fact, or (None) released or lost."""
        if self.gone:
            return
        self.gone = True
        self._stop()
        if self.rests:
            self.stir()
        run = self._run
        run.stream.close()
        if run.body is not None:
            run.body.put_away()
        run.let_go()
        del self._run
        run.host.left(run.run_id, fact, wake_at_ms)

    def _stop(self) -> None:
        self._run.attempts.close()
        self._run.waits.close()

    def _offer(self) -> None:
        if self.rests:
            self.stir()
        self._run.host.committer.offer(self._run, urgent=True)
