"""One replay of a recording, which stops where somebody wants to look.

The state just after an event is: for a request, the body at the call; for a delivery, and where the run started, the body at
the next line of its own code; for all else, the body at rest. Where a delivery leads to no such line it is the rest, too.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Literal, NoReturn

from perdure.core.divergence import Divergence
from perdure.core.history import History
from perdure.model.event import Event
from perdure.replay.control import BodyClosed
from perdure.testing.debugger.body import WatchedBody
from perdure.testing.debugger.recording import Recording
from perdure.testing.debugger.stack import NO_ERRORS, is_own

State = Literal["goes on", "raises", "asks", "waits", "has ended", "diverges"]


class Replay:
    """`look` is called at each stop, outside of asyncio's tasks or in one of the body's: it returns, and the replay goes on
    to the end of the log; or it calls `leave`.

    At a stop: `seq` is the last event that the body got to, `frame` where its code is, unless it rests, `error` what was
    raised there just now; `is_over`: nothing follows.
    """

    def __init__(self, recording: Recording, look: Callable[["Replay"], None], until: int | None = None) -> None:
        """`until`: the event to stop after; None: where the log ends. Raises: UsageError where there is no such event."""
        if until is not None:
            recording.event(until)
        events = recording.as_of(until)
        self.recording, self.until, self._look = recording, until, look
        self.seq = recording.started_seq
        self.state: State = "goes on"
        self.frame: FrameType | None = None
        self.error: BaseException | None = None
        self.is_over = False
        self._history = History(events)
        self._end_seq = events[-1].seq
        self._rest_turn = None if until is None else recording.rest_after(until)
        self._arriving = self._has_stopped = self._left = False
        self._tracing: Any = None
        self.body = WatchedBody(
            self,
            run_id=recording.run_id,
            definition=recording.definition,
            input=recording.created.input,
            history=self._history,
            new_token=lambda: "a token that replay makes anew",
            origin=recording.created.forked_from,
        )

    @property
    def divergence(self) -> Divergence | None:
        return self.body.divergence

    def run(self) -> None:
        """Must be called outside of tasks. Tracing is as before, afterwards."""
        traced = sys.gettrace()
        try:
            if self.until is not None and self.until <= self.recording.started_seq:
                self._arrive()
            self.body.begin()
            if not self.is_over:
                self._stop_for_good("waits" if self.body.end is None else "has ended")
        except BodyClosed:
            assert self._left, "only who leaves closes the machine"
        finally:
            sys.settrace(traced)
            self.body.put_away()

    def leave(self) -> NoReturn:
        """Of `look`, and of whoever traces the body: it ends here."""
        self._left = True
        sys.settrace(None)
        self.body.machine.close()
        raise BodyClosed

    # -- told by the body

    def asks(self, key: str) -> None:
        seq = self.recording.asked_by(key)
        if seq is not None:
            self.seq = seq
        if seq is not None and seq == self.until:
            self._stop("asks", sys._getframe())  # pyright: ignore[reportPrivateUsage]

    def gets(self, event: Event) -> None:
        if self._arriving:  # at an earlier one of this turn
            self._stop("waits")
        self.seq = event.seq
        if event.seq == self.until:
            self._arrive()

    def settles(self) -> None:
        if self._left:  # from inside of a task, which kept it
            raise BodyClosed
        self._tracing = sys.gettrace()
        sys.settrace(None)  # what is put away has no next line

    def settled(self) -> None:
        sys.settrace(self._tracing)
        if self.divergence is not None and not self.is_over:
            self._stop_for_good("diverges")
        turn = self.body.machine.turn
        due = self._rest_turn is not None and self._rest_turn <= turn < self._history.last_turn
        if due and not self._has_stopped:
            self._stop("waits")

    def diverges(self) -> None:
        self._stop_for_good("diverges", sys._getframe())  # pyright: ignore[reportPrivateUsage]

    # -- inside

    def _arrive(self) -> None:
        """Stop at the next line of the user's own code, or where an exception reaches it."""
        self._arriving = True
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, what: str, arg: Any) -> Any:
        if what == "call":
            return self._trace if self._arriving and is_own(frame) else None
        if self._arriving and what == "line":
            self._stop("goes on", frame)
        elif self._arriving and what == "exception" and not issubclass(arg[0], NO_ERRORS):
            self.error = arg[1]
            self._stop("raises", frame)
        return None  # the frame keeps what traces it: this, or what whoever looked has set

    def _stop(self, state: State, frame: FrameType | None = None) -> None:
        self._arriving, self._has_stopped = False, True
        sys.settrace(None)
        self.state, self.frame = state, frame
        if state == "waits" and not self.is_over and self.until is not None:
            self.seq = self.until
        self._look(self)
        self.frame = None

    def _stop_for_good(self, state: State, frame: FrameType | None = None) -> None:
        self.is_over = True
        if state != "diverges":
            self.seq = self.until if self.until is not None and not self._has_stopped else self._end_seq
        self._stop(state, frame)
