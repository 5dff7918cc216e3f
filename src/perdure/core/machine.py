"""The replay machine: plain synchronous calls, no loop, clock or store.

It matches each request of a body with what the log recorded, says what is new, and finds divergence exactly (T1-T7):
if the log holds any request of a turn, the answer must be exactly the recorded requests; if it holds none, a new one is
legal only where the log holds no later turn. Replay and first run share this one path.
"""

from collections.abc import Callable
from enum import Enum

from msgspec import Raw, Struct

from perdure.core.divergence import Divergence, Show, cut, describe
from perdure.core.history import History
from perdure.model.event import (
    CancelRequested,
    ChildCreated,
    Event,
    HookCreated,
    HookExpired,
    HookReceived,
    Request,
    StepCreated,
    WaitCreated,
)

_ANSWERED = frozenset((StepCreated, WaitCreated, ChildCreated))
"""Requests that have a delivery, and no more than one."""

_UNASKED = frozenset((CancelRequested, HookReceived, HookExpired))
"""Deliveries that answer no request."""


class Verdict(Enum):
    """What a request or a delivery is, to the machine."""

    NEW = "not in the log: record it"
    RECORDED = "as the log has it"
    CLOSED = "the body is being put away: it may ask for nothing more"
    DELIVER = "hand it to the body"
    RELEASED = "nobody waits for it any more"


def _nowhere() -> str | None:
    return None


class Machine(Struct, eq=False):
    """One run's replay. `turn` is the present turn; `divergence` is set once and closes the machine.

    `replaying`: the log holds the answer to the present turn, or a later turn, so no new request is legal.
    """

    _history: History
    show: Show = cut
    _awaited: dict[str, bool] = {}  # requests without a delivery so far; False once released
    _hooks: dict[str, bool] = {}  # those that were asked for; False once they take nothing more
    _patches: dict[str, bool] = {}
    _expected: dict[str, None] = {}
    turn: int = 0
    replaying: bool = True
    closed: bool = False
    divergence: Divergence | None = None

    def __post_init__(self) -> None:
        self._patches.update(self._history.patches)
        self._expect()

    def request(self, key: str, request: Request, line: Callable[[], str | None] = _nowhere) -> Verdict | Divergence:
        """The body asks for something: NEW, RECORDED, CLOSED, or a divergence."""
        if self.closed:
            return Verdict.CLOSED
        recorded = self._history.request(key)
        if recorded is None:
            if self.replaying:
                return self._diverge(self._next_expected(), self._describe(request), line())
            self._await(key, request)
            return Verdict.NEW
        turn, known = recorded
        if turn != self.turn:
            recorded_here = self._next_expected() if self._expected else f"{self._describe(known)} in turn {turn}"
            return self._diverge(recorded_here, self._describe(request), line())
        if known != request and not _same_step(known, request):
            return self._diverge(self._describe(known), self._describe(request), line())
        self._await(key, request)
        self._expected.pop(key, None)
        return Verdict.RECORDED

    def recorded(self, key: str) -> Request | None:
        """What the log has under this key: for what a body can't make twice, as a random token."""
        known = self._history.request(key)
        return None if known is None else known[1]

    def open_turn(self, turn: int) -> None:
        """Begin a turn; the turn before it must have come to rest."""
        assert turn > self.turn, f"T1: turn {turn} can't follow turn {self.turn}"
        self.turn = turn
        if self.replaying:  # else the log is behind: it has nothing to expect of any turn to come
            self._expect()

    def deliver(self, event: Event) -> Verdict | Divergence:
        """A recorded completion is to be handed to the body: DELIVER, RELEASED, CLOSED, or a divergence."""
        if self.closed:
            return Verdict.CLOSED
        if type(event.fact) in _UNASKED:
            return self._deliver_unasked(event)
        awaited = self._awaited.pop(event.key, None)
        if awaited is None:
            return self._diverge(f"{event.fact.type} for {event.key}", "no request with that key", None)
        return Verdict.DELIVER if awaited else Verdict.RELEASED

    def _await(self, key: str, request: Request) -> None:
        if type(request) in _ANSWERED:
            self._awaited[key] = True
        elif isinstance(request, HookCreated):
            self._hooks[key] = True

    def _deliver_unasked(self, event: Event) -> Verdict | Divergence:
        """Payloads come until the hook is disposed or has expired; what comes later does nothing."""
        if isinstance(event.fact, CancelRequested):
            return Verdict.DELIVER
        is_open = self._hooks.get(event.key)
        if is_open is None:
            return self._diverge(f"{event.fact.type} for {event.key}", "no hook with that key", None)
        if isinstance(event.fact, HookExpired):
            self._hooks[event.key] = False
        return Verdict.DELIVER if is_open else Verdict.RELEASED

    def rest(self) -> Divergence | None:
        """The body rests after the turn's last delivery: has it made every request that the log has for this turn?"""
        if self.closed or not self._expected:
            return None
        missing = self._history.request(next(iter(self._expected)))
        assert missing is not None, "T2: what is expected was recorded"
        return self._diverge(self._describe(missing[1]), self._describe(None), None)

    def finish(self) -> Divergence | None:
        """The body has ended: nothing more may be asked for. Does the log know a request of a later turn?"""
        if self.closed:
            return None
        later = self._history.first_request_after(self.turn)
        if later is not None:
            return self._diverge(self._describe(later), "the end of the workflow", None)
        self.closed = True
        return None

    def misfit(self, input: Raw, reason: str) -> Divergence:
        """It can't even begin on this log: its parameters don't fit the recorded input. `reason` may show parts of it."""
        attempted = reason if self.show is cut else "parameters that don't fit it"
        return self._diverge(f"input {self.show(input)}", attempted, None)

    def release(self, key: str) -> None:
        """Nobody waits for this request any more: its delivery, should it come, does nothing."""
        if key in self._awaited:
            self._awaited[key] = False
        elif key in self._hooks:
            self._hooks[key] = False

    def patched(self, name: str) -> tuple[bool, bool]:
        """(answer, is it new): decided at the run's first call, and so for the whole run (T6)."""
        if name in self._patches:
            return self._patches[name], False
        answer = not self.replaying
        self._patches[name] = answer
        return answer, True

    def close(self) -> None:
        """Refuse every request from now on: a body that is put away must not act in its cleanup."""
        self.closed = True

    def _expect(self) -> None:
        self._expected = dict(self._history.answer_keys(self.turn))
        self.replaying = bool(self._expected) or self.turn < self._history.last_turn

    def _next_expected(self) -> str:
        for key in self._expected:
            recorded = self._history.request(key)
            return self._describe(recorded[1] if recorded else None)
        return "nothing more in this turn"

    def _describe(self, request: Request | None) -> str:
        return describe(request, self.show)

    def _diverge(self, recorded: str, attempted: str, line: str | None) -> Divergence:
        deployment = self._history.deployment(self.turn)
        self.divergence = Divergence(
            recorded=recorded, attempted=attempted, turn=self.turn, line=line, deployment=deployment
        )
        self.closed = True
        return self.divergence


def _same_step(known: Request, request: Request) -> bool:
    """A step's `at_most_once` is its policy, like its retries: the recorded one holds for this call, and may change."""
    return (
        isinstance(known, StepCreated)
        and isinstance(request, StepCreated)
        and known.name == request.name
        and known.input == request.input
    )
