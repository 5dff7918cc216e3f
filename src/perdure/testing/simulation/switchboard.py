"""Which hooks are open, noted beside the store: by what was asked of it, not by what it keeps."""

from collections.abc import Callable
from typing import NamedTuple

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.world import Append, HookClosing, HookReopening, NewHook

Place = tuple[RunId, str]


class Line(NamedTuple):
    """A hook that was registered. From `expires_ms` on it takes nothing."""

    token_hash: str
    expires_ms: int | None


class Switchboard:
    """`wrong` gets what no store may do: two open hooks with one token (L5), payloads for a hook that is over (M1)."""

    def __init__(self, now_ms: Callable[[], int], wrong: list[tuple[RunId, str]]) -> None:
        self._now_ms, self._wrong = now_ms, wrong
        self._lines: dict[Place, Line] = {}
        self._open: set[Place] = set()

    def knows(self, token_hash: str) -> bool:
        return any(line.token_hash == token_hash for line in self._lines.values())

    def appended(self, append: Append, conflicts: dict[int, RunId]) -> None:
        """What an append that has landed did to hooks."""
        for change in append.hooks:
            place = (append.run_id, change.key)
            match change:
                case HookReopening() if place in self._lines and place not in self._open and not self._is_over(place):
                    self._take(place)
                case NewHook() if change.row in conflicts:
                    self._conflicts(place, change.token_hash, conflicts[change.row])
                case NewHook():
                    self._lines[place] = Line(change.token_hash, change.expires_at_ms)
                    self._take(place)
                case HookClosing():
                    self._open.discard(place)
                case _:
                    pass
        if append.status in ENDED:
            self._open = {place for place in self._open if place[0] != append.run_id}

    def accepted(self, run_id: RunId, key: str) -> None:
        """A payload for this hook has been accepted for the first time."""
        if (run_id, key) not in self._open:
            self._wrong.append((run_id, f"M1 a payload for a hook that isn't open: {key}"))
        elif self._is_over((run_id, key)):
            self._wrong.append((run_id, f"M1 a payload for a hook that has expired: {key}"))

    def _conflicts(self, place: Place, token_hash: str, owner: RunId) -> None:
        holders = {run_id for run_id, _ in self._holders(token_hash)}
        if owner not in holders:
            self._wrong.append((place[0], f"L5 a conflict with a run that doesn't hold the token: {place[1]}, {owner}"))

    def _take(self, place: Place) -> None:
        holders = self._holders(self._lines[place].token_hash) - {place}
        if holders:
            self._wrong.append((place[0], f"L5 two open hooks with one token: {place[1]} and {sorted(holders)}"))
        self._open.add(place)

    def _holders(self, token_hash: str) -> set[Place]:
        return {
            place for place in self._open if self._lines[place].token_hash == token_hash and not self._is_over(place)
        }

    def _is_over(self, place: Place) -> bool:
        expires_ms = self._lines[place].expires_ms
        return expires_ms is not None and expires_ms <= self._now_ms()
