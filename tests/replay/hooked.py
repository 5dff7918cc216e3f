"""A body with hooks, driven as an engine would: what the World decides is told, and all of it is written down."""

from collections.abc import Callable, Mapping
from typing import Any

from perdure.core.history import Decision, History
from perdure.model.event import AnyFact, Event, HookConflict, HookCreated, HookDisposed, Request
from perdure.model.ids import RunId
from perdure.replay.body import Body
from tests.core.logs import SECOND, log, raw
from tests.replay.bodied import ME, Line, ended, workflow_of

HOOK = "0/hook#0"
FIRST = 3
"""The seq of the first event behind a run's first two."""


def turn(body: Body, number: int, *facts: tuple[str, AnyFact], decided: tuple[Decision, ...] = ()) -> None:
    """One live turn, in second 90."""
    body.deliver(number, [event(number, 100, key, fact) for key, fact in facts], list(decided))


def event(number: int, seq: int, key: str, fact: AnyFact, at_ms: int = 90 * SECOND) -> Event:
    return Event(seq=seq, turn=number, epoch=1, key=key, at_ms=at_ms, fact=fact)


def registered(key: str = HOOK, owner: RunId | None = None, at_ms: int = 80 * SECOND) -> Decision:
    """The World's word on a hook that was asked for in turn 0."""
    return Decision(0, key, at_ms, owner)


def asked(body: Body) -> list[tuple[str, Request]]:
    """What the body has newly asked for, but for hooks that it disposed of."""
    return [(key, fact) for key, fact in body.take_answer().requests if not isinstance(fact, HookDisposed)]


def disposed(body: Body) -> list[str]:
    """The hooks that the body has newly disposed of."""
    return [key for key, fact in body.take_answer().requests if isinstance(fact, HookDisposed)]


def opened(function: Callable[..., Any], *lines: Line, token: str = "drawn") -> Body:
    """As `body_of`, with this for every random token that isn't in the log."""
    made = Body(
        run_id=ME,
        definition=workflow_of(function),
        input=raw("{}"),
        history=History(log(*lines)),
        new_token=lambda: token,
    )
    made.begin()
    return made


class Recorded:
    """A body that lives, and its log. `holders`: the tokens that other runs have.

    `alone`: what the World decides is a turn of its own; else it waits for the next delivery, as when both land in one
    append. `cuts`: where an append may have ended, with what a body that is opened there has to ask for (None: part of
    it, since live it was told more).
    """

    def __init__(
        self, function: Callable[..., Any], *, alone: bool = True, holders: Mapping[str, RunId] | None = None
    ) -> None:
        self.function, self._alone, self._holders = function, alone, holders or {}
        self.lines: list[Line] = []
        self.cuts: list[tuple[int, list[tuple[str, Request]] | None]] = []
        self._decided: list[Decision] = []
        self._turn = 0
        self.body = opened(function)
        self._answered()

    def deliver(self, *facts: tuple[str, AnyFact]) -> "Recorded":
        """These come together, as one turn."""
        self._turn += 1
        events = [
            event(self._turn, FIRST + len(self.lines) + n, key, fact, self._at(n))
            for n, (key, fact) in enumerate(facts)
        ]
        self.lines += [(self._turn, key, fact) for key, fact in facts]
        self._live(events)
        return self

    def each(self, *facts: tuple[str, AnyFact]) -> "Recorded":
        """These come one by one, each a turn."""
        for fact in facts:
            self.deliver(fact)
        return self

    def result(self) -> str:
        return ended(self.body)

    def check(self) -> None:
        """A body that is opened on any part of the log asks for what comes next in it, and nothing else."""
        for cut, wanted in self.cuts:
            body = opened(self.function, *self.lines[:cut])
            assert body.divergence is None, (cut, body.divergence)
            found = asked(body)
            assert wanted is None or found == wanted, f"opened on {self.lines[:cut]}"
        assert ended(opened(self.function, *self.lines)) == self.result()

    def _live(self, events: list[Event]) -> None:
        decided, self._decided = self._decided, []
        cut = len(self.lines)
        self.body.deliver(self._turn, events, decided)
        self._answered(cut)

    def _answered(self, cut: int = 0) -> None:
        """What the body asks for is written; what the World says of it is told, now or later."""
        answer = self.body.take_answer().requests
        new = [(key, fact) for key, fact in answer if not isinstance(fact, HookDisposed)]
        self.cuts.append((cut, new))
        for key, fact in answer:
            written: AnyFact = fact
            if isinstance(fact, HookCreated):
                owner = self._holders.get(fact.token)
                written = fact if owner is None else HookConflict(hook=fact, owner=owner)
                self._decided.append(Decision(self._turn, key, self._at(0), owner))
            self.lines.append((self._turn, key, written))
        if answer and self._decided and self._alone:
            self._turn += 1
            self._live([])
        elif answer:
            self.cuts.append((len(self.lines), None if self._decided else []))

    def _at(self, further: int) -> int:
        return (FIRST + len(self.lines) + further) * SECOND
