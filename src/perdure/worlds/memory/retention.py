"""Runs that are no longer kept: gone with all that hangs on them."""

import threading
from collections.abc import Callable

from perdure.model.ids import RunId
from perdure.worlds.memory.state import State


class MemoryRetention:
    """Removes what has ended."""

    def __init__(self, state: State, lock: threading.Lock, clock: Callable[[], int]) -> None:
        self._state, self._lock, self._clock = state, lock, clock

    async def prune(self, ended_for_ms: int, limit: int) -> int:
        with self._lock:
            doomed = _doomed(self._state, self._clock() - ended_for_ms)[:limit]
            for run_id in doomed:
                _remove(self._state, run_id)
        return len(doomed)


def _doomed(state: State, before_ms: int) -> list[RunId]:
    """What ended first comes first."""
    records = (kept.record for kept in state.runs.values() if kept.record.parent_id not in state.runs)
    ended = ((record.ended_at_ms, record.run_id) for record in records if record.ended_at_ms is not None)
    return [run_id for _, run_id in sorted(each for each in ended if each[0] <= before_ms)]


def _remove(state: State, run_id: RunId) -> None:
    record = state.runs.pop(run_id).record
    if record.idempotency_key is not None:
        del state.keys[record.idempotency_key]
    for hook in state.hooks.pop(run_id, {}).values():
        left = tuple(place for place in state.tokens[hook.token_hash] if place != (run_id, hook.key))
        if left:
            state.tokens[hook.token_hash] = left
        else:
            del state.tokens[hook.token_hash]
    state.streams.pop(run_id, None)
