"""One run and today's code: fits, diverges (where, and what it looks like), or unknown."""

import re
from typing import Any, Literal

from msgspec import Struct

from perdure.codec.keyring import KeyRing
from perdure.core.divergence import Divergence, Show, cut, describe
from perdure.core.pending import Pending
from perdure.engine.log import to_events
from perdure.engine.registry import Registry
from perdure.errors import PerdureError, StepNotRegistered, WorkflowNotRegistered
from perdure.model.event import DELIVERIES, REQUESTS, Event
from perdure.model.ids import RunId
from perdure.replay.trial import trial
from perdure.world import Log

Kind = Literal["fits", "diverges", "unknown"]
Change = Literal["", "parameters", "limit", "arguments", "place", "renamed", "added", "removed", "fails"]
_CALL = re.compile(r"(step|child run) ([^(]+)\(")
_HOOK = re.compile(r"(hook [^\s(]*?[^\s(:]):")
_UNTIL = re.compile(r" until \d+ ms.*")
_VALUES = re.compile(r" [({]| digest [0-9a-f]+")
INPUT = "input "
FAILURE = "the failure "
HOOK = "hook "
LIMIT = "timeout"
NOTHING = ("nothing", "nothing more in this turn", "the end of the workflow")


class Verdict(Struct, frozen=True, kw_only=True):
    """`subject`: the run's id, or its file. `event`: the seq at which it diverges. `change`: what it looks like.

    `drained_ms`: when the last of its sleeps and timeouts is due; None: it waits for something that no clock ends.
    """

    kind: Kind
    subject: str
    run_id: RunId
    workflow: str
    deployment: str = ""
    pin: str = ""
    reason: str = ""
    divergence: Divergence | None = None
    event: int | None = None
    change: Change = ""
    drained_ms: int | None = None

    def as_json(self) -> dict[str, Any]:
        found = self.divergence
        return {
            "verdict": self.kind,
            "subject": self.subject,
            "runId": self.run_id,
            "workflow": self.workflow,
            "deployment": self.deployment,
            "pin": self.pin or None,
            "reason": self.reason or None,
            "event": self.event,
            "turn": None if found is None else found.turn,
            "recorded": None if found is None else found.recorded,
            "attempted": None if found is None else found.attempted,
            "line": None if found is None else found.line,
            "change": self.change or None,
        }


class Judge:
    """`deployment`: the name of today's, empty: it has none. `keys` open what is sealed; values are then told as digests."""

    def __init__(self, registry: Registry, keys: KeyRing | None, deployment: str = "") -> None:
        self._registry, self._keys, self._deployment = registry, keys, deployment

    def judge(self, log: Log, subject: str) -> Verdict:
        """Outside of tasks: the body is run against the log, no step is."""
        run = log.run
        told: dict[str, Any] = {
            "subject": subject,
            "run_id": run.run_id,
            "workflow": run.workflow,
            "deployment": run.deployment,
            "pin": run.pin,
        }
        if run.pin and run.pin != self._deployment:
            return Verdict(kind="fits", reason=f"pinned to {run.pin}: today's code never gets it", **told)
        try:
            events = to_events(log, self._keys)
            show = self._show(run.run_id)
            found = trial(run.run_id, events, self._registry.workflow(run.workflow), show=show)
        except WorkflowNotRegistered:
            return Verdict(kind="unknown", reason="today's code has no such workflow", **told)
        except PerdureError as error:
            return Verdict(kind="unknown", reason=str(error), **told)
        if found is None:
            return Verdict(kind="fits", **told)
        event = diverging(events, found, show)
        return Verdict(
            kind="diverges",
            divergence=found,
            event=None if event is None else event.seq,
            change=self._change(events, found, event, show),
            drained_ms=_drained_ms(events),
            **told,
        )

    def _show(self, run_id: RunId) -> Show:
        keys = self._keys
        return cut if keys is None else lambda value: f"digest {keys.digest(run_id, bytes(value))}"

    def _change(self, events: list[Event], found: Divergence, event: Event | None, show: Show) -> Change:
        recorded, attempted = what(found.recorded), what(found.attempted)
        if found.recorded.startswith(INPUT):
            return "parameters"
        if attempted == LIMIT and found.line is None:  # no call of the body's: it's the workflow's own
            return "limit"
        if found.attempted.startswith(FAILURE):
            return "fails"
        if found.recorded == found.attempted:
            return "place"
        if attempted in NOTHING:
            return "removed"
        if recorded in NOTHING:
            return "added"
        if recorded == attempted or (recorded.startswith(HOOK) and attempted.startswith(HOOK)):
            return "arguments"
        after = 0 if event is None else event.seq
        later = {
            what(describe(other.fact, show))  # type: ignore[arg-type]
            for other in events
            if other.seq > after and isinstance(other.fact, REQUESTS)
        }
        if attempted in later:
            return "removed"
        return "renamed" if self._is_gone(recorded) else "added"

    def _is_gone(self, recorded: str) -> bool:
        """Whether today's code has no step of that name."""
        kind, _, name = recorded.partition(" ")
        if kind != "step":
            return False
        try:
            self._registry.step(name)
        except StepNotRegistered:
            return True
        return False


def diverging(events: list[Event], found: Divergence, show: Show) -> Event | None:
    """The first recorded event that today's code doesn't make so. `show` as for the divergence."""
    if found.recorded.startswith(INPUT):
        return events[0]
    here = [event for event in events if event.turn == found.turn]
    asked = [event for event in here if isinstance(event.fact, REQUESTS)]
    same = (event for event in asked if describe(event.fact, show) == found.recorded)  # type: ignore[arg-type]
    others = (event for event in events if event.turn > found.turn)
    delivered = (event for event in here if isinstance(event.fact, DELIVERIES))
    return next(same, None) or next(others, None) or next(iter(asked), None) or next(delivered, None)


def what(described: str) -> str:
    """A request without its values, and without what tells one run's from another's: `step app:charge`, `sleep`, and of a
    hook's token what stands before the first colon."""
    if described.startswith(FAILURE):
        return described.split(": ", 1)[0]
    call = _CALL.match(described)
    if call is not None:
        return f"{'child' if call[1] == 'child run' else 'step'} {call[2]}"
    hook = _HOOK.match(described)
    return hook[1] if hook is not None else _VALUES.split(_UNTIL.sub("", described), maxsplit=1)[0]


def _drained_ms(events: list[Event]) -> int | None:
    pending = Pending(events)
    if pending.hooks or pending.children:
        return None
    return max((wait.due_ms for wait in pending.waits.values()), default=events[-1].at_ms)
