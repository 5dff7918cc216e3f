"""A log as the replay machine wants it: requests by key and turn, deliveries and decisions by turn, patch marks by name.

Only requests and deliveries make turns (T3); every other event is told to people, not replayed.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from perdure.core.retried import taken_back
from perdure.model.event import (
    DELIVERIES,
    REQUESTS,
    AttributesSet,
    Event,
    HookConflict,
    HookCreated,
    PatchMarked,
    Request,
    RunResumed,
    RunStarted,
)
from perdure.model.ids import RunId

_REQUESTS = frozenset(REQUESTS)
_DELIVERIES = frozenset(DELIVERIES)
_REPLAYED = _REQUESTS | _DELIVERIES | {HookConflict, PatchMarked}
_turn_of = attrgetter("turn")


class Decision(NamedTuple):
    """What the World decided on a request of `turn`: the run that holds the hook's token, or None: it is registered."""

    turn: int
    key: str
    at_ms: int
    owner: RunId | None = None


class History:
    """What was recorded. `last_turn` is the last turn that replay has; `next_turn` the first number never used.

    `request` gives the turn and the request that were recorded under a key; None: there are none.
    """

    __slots__ = (
        "_decisions",
        "_deliveries",
        "_deployments",
        "_requests",
        "_started_at_ms",
        "_turn_keys",
        "last_turn",
        "next_turn",
        "patches",
        "request",
    )

    def __init__(self, events: Iterable[Event] = ()) -> None:
        log = list(events)
        skipped = taken_back(log)
        self._requests: dict[str, tuple[int, Request]] = {}
        self.request: Callable[[str], tuple[int, Request] | None] = self._requests.get
        self._turn_keys: dict[int, dict[str, None]] = {}
        self._deliveries: dict[int, list[Event]] = {}
        self._decisions: list[Decision] = []
        self._started_at_ms: int | None = None
        self._deployments: dict[int, str] = {}
        self.patches: dict[str, bool] = {}
        deployment = ""
        for event in log:
            fact = event.fact
            if isinstance(fact, RunStarted):
                deployment, self._started_at_ms = fact.deployment, event.at_ms
            elif isinstance(fact, RunResumed):
                deployment = fact.deployment
            if event.seq not in skipped:
                self._deployments[event.turn] = deployment
                if type(fact) in _REPLAYED:
                    self._add(event)
        self.last_turn = max((0, *self._turn_keys, *self._deliveries))
        self.next_turn = max(map(_turn_of, log), default=0) + 1

    def _add(self, event: Event) -> None:
        fact: Any = event.fact
        kind, owner = type(event.fact), None
        if kind is HookConflict:
            kind, fact, owner = HookCreated, fact.hook, fact.owner
        if kind is HookCreated:
            self._decisions.append(Decision(event.turn, event.key, event.at_ms, owner))
        if kind in _REQUESTS:
            if kind is not AttributesSet or not fact.by_step:
                self._requests[event.key] = (event.turn, fact)
                self._turn_keys.setdefault(event.turn, {})[event.key] = None
        elif kind in _DELIVERIES:
            self._deliveries.setdefault(event.turn, []).append(event)
        else:
            self.patches.setdefault(fact.name, fact.answer)

    def deployment(self, turn: int) -> str:
        """Whose code wrote the turn; empty where the log doesn't say."""
        return self._deployments.get(turn, "")

    def answer_keys(self, turn: int) -> dict[str, None]:
        """The keys that the recorded answer of this turn has, in log order; empty where it has none."""
        return self._turn_keys.get(turn, {})

    def first_request_after(self, turn: int) -> Request | None:
        if turn >= self.last_turn:
            return None
        later = [known for known in self._turn_keys if known > turn]
        return self._requests[next(iter(self._turn_keys[min(later)]))][1] if later else None

    def deliveries(self, turn: int) -> list[Event]:
        return self._deliveries.get(turn, [])

    def decisions(self) -> list[Decision]:
        """What the World decided, in log order: the body hears of it at the start of the turn that follows (T5)."""
        return list(self._decisions)

    def at_ms(self, turn: int) -> int | None:
        """The `at` of the event that opens the turn; None for a turn without deliveries."""
        if turn == 0:
            return self._started_at_ms
        deliveries = self._deliveries.get(turn)
        return deliveries[0].at_ms if deliveries else None

    def turns(self) -> list[int]:
        """The recorded turns after turn 0, in order."""
        return sorted({*self._turn_keys, *self._deliveries} - {0})
