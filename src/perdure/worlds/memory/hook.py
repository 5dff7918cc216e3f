"""Hooks: one open hook for each token, and who had it last."""

import threading
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from perdure.model.ids import RunId
from perdure.world import Append, HookClosing, HookFilter, HookFinding, HookRecord, HookReopening, NewHook
from perdure.worlds.memory.state import Draft, HookPlace, State


def is_taken(draft: Draft, append: Append) -> bool:
    """Whether a hook that is to be open again finds its token taken."""
    asked_for: set[str] = set()
    for hook in _reopenable(draft, append):
        holder = _open_hook(draft.hooks, draft.tokens, hook.token_hash)
        if hook.token_hash in asked_for or (holder is not None and not _expired(holder, draft.now_ms)):
            return True
        asked_for.add(hook.token_hash)
    return False


def change(draft: Draft, append: Append, at_ms: int) -> dict[int, RunId]:
    """Do what the append asks for; the rows that met a taken token, and who has it."""
    for hook in _reopenable(draft, append):
        _free(draft, hook.token_hash)
        draft.put_hook(replace(hook, closed=False))
    conflicts: dict[int, RunId] = {}
    for asked in append.hooks:
        match asked:
            case NewHook():
                holder = _register(draft, append, asked, at_ms)
                if holder is not None:
                    conflicts[asked.row] = holder
            case HookClosing():
                _close(draft, draft.hooks.get(append.run_id, {}).get(asked.key))
            case HookReopening():
                pass
    return conflicts


def close_all(draft: Draft, run_id: RunId) -> None:
    """The run has ended."""
    for hook in draft.hooks.get(run_id, {}).values():
        _close(draft, hook)


def takes(draft: Draft, run_id: RunId, key: str) -> bool:
    """Whether this hook accepts a payload now."""
    hook = draft.hooks.get(run_id, {}).get(key)
    return hook is not None and not hook.closed and not _expired(hook, draft.now_ms)


class MemoryHooks:
    """Hooks by their tokens."""

    def __init__(self, state: State, lock: threading.Lock, clock: Callable[[], int]) -> None:
        self._state, self._lock, self._clock = state, lock, clock

    async def find(self, token_hash: str) -> HookFinding | None:
        with self._lock:
            places = self._state.tokens.get(token_hash)
            if places is None:
                return None
            run_id, key = places[-1]
            open_hook = _open_hook(self._state.hooks, self._state.tokens, token_hash)
            hook = open_hook or self._state.hooks[run_id][key]
            return HookFinding(record=hook, row=self._state.runs[hook.run_id].rows[hook.seq - 1])

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        with self._lock:
            known, now_ms = [hook for hooks in self._state.hooks.values() for hook in hooks.values()], self._clock()
        found = [
            hook
            for hook in known
            if not hook.closed
            and not _expired(hook, now_ms)
            and (filter.before is None or _place_in_list(hook) < filter.before)
        ]
        return tuple(sorted(found, key=_place_in_list, reverse=True)[: filter.limit])


def _register(draft: Draft, append: Append, new: NewHook, at_ms: int) -> RunId | None:
    """The run that has the token, if one has."""
    holder = _open_hook(draft.hooks, draft.tokens, new.token_hash)
    if holder is not None and not _expired(holder, draft.now_ms):
        return holder.run_id
    assert new.key not in draft.hooks.get(append.run_id, {}), f"L5: {append.run_id} has the hook {new.key} already"
    _free(draft, new.token_hash)
    hook = HookRecord(
        run_id=append.run_id,
        key=new.key,
        token_hash=new.token_hash,
        seq=append.seq + new.row,
        webhook=new.webhook,
        expires_at_ms=new.expires_at_ms,
        closed=False,
        created_at_ms=at_ms,
    )
    draft.put_hook(hook)
    draft.tokens[new.token_hash] = (*draft.tokens.get(new.token_hash, ()), (hook.run_id, hook.key))
    return None


def _reopenable(draft: Draft, append: Append) -> list[HookRecord]:
    """The hooks that are closed, and would take payloads again."""
    mine = draft.hooks.get(append.run_id, {})
    keys = [asked.key for asked in append.hooks if isinstance(asked, HookReopening) and asked.key in mine]
    return [mine[key] for key in keys if mine[key].closed and not _expired(mine[key], draft.now_ms)]


def _free(draft: Draft, token_hash: str) -> None:
    """Take the token from a hook that has expired."""
    _close(draft, _open_hook(draft.hooks, draft.tokens, token_hash))


def _close(draft: Draft, hook: HookRecord | None) -> None:
    if hook is not None and not hook.closed:
        draft.put_hook(replace(hook, closed=True))


def _open_hook(
    hooks: Mapping[RunId, Mapping[str, HookRecord]], tokens: Mapping[str, tuple[HookPlace, ...]], token_hash: str
) -> HookRecord | None:
    had = (hooks[run_id][key] for run_id, key in reversed(tokens.get(token_hash, ())))
    return next((hook for hook in had if not hook.closed), None)


def _place_in_list(hook: HookRecord) -> tuple[RunId, int]:
    return hook.run_id, hook.seq


def _expired(hook: HookRecord, now_ms: int) -> bool:
    return hook.expires_at_ms is not None and hook.expires_at_ms <= now_ms
