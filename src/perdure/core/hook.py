"""Where a run's hooks stand, derived from its events."""

from typing import Literal

from msgspec import Struct

from perdure.core.retried import taken_back
from perdure.model.event import (
    ENDS,
    Event,
    HookConflict,
    HookCreated,
    HookDisposed,
    HookExpired,
    HookReceived,
)
from perdure.model.ids import RunId

HookStatus = Literal["waiting", "conflict", "disposed", "expired", "ended"]
TOKEN_CHARACTERS = 8


class HookStanding(Struct, kw_only=True):
    """One hook, by its key. `received` counts payloads that fitted, `rejected` the others; `owner` has its token.

    Status `ended`: its run has. Times in ms; None: not yet.
    """

    key: str
    hook: HookCreated
    created_at_ms: int
    status: HookStatus = "waiting"
    received: int = 0
    rejected: int = 0
    closed_at_ms: int | None = None
    owner: RunId | None = None


def hooks_of(events: list[Event]) -> list[HookStanding]:
    """The run's hooks, in the order of their creation."""
    hooks: dict[str, HookStanding] = {}
    skipped = taken_back(events)
    for event in events:
        if event.seq in skipped:
            continue
        hook = hooks.get(event.key)
        match event.fact:
            case HookCreated():
                hooks[event.key] = HookStanding(key=event.key, hook=event.fact, created_at_ms=event.at_ms)
            case HookConflict(hook=asked, owner=owner):
                made = HookStanding(key=event.key, hook=asked, created_at_ms=event.at_ms, owner=owner)
                hooks[event.key] = made
                _close(made, "conflict", event.at_ms)
            case HookReceived(rejected=rejected) if hook is not None and hook.status == "waiting":
                hook.received += rejected is None
                hook.rejected += rejected is not None
            case HookDisposed() if hook is not None:
                _close(hook, "disposed", event.at_ms)
            case HookExpired() if hook is not None:
                _close(hook, "expired", event.at_ms)
            case _ if isinstance(event.fact, ENDS):
                for each in hooks.values():
                    _close(each, "ended", event.at_ms)
            case _:
                pass
    return list(hooks.values())


def _close(hook: HookStanding, status: HookStatus, at_ms: int) -> None:
    if hook.closed_at_ms is None:
        hook.status, hook.closed_at_ms = status, at_ms


def shown(hook: HookCreated) -> str:
    """The hook for people who may not resume it: a random token, which is a secret, is masked."""
    what = "webhook" if hook.webhook is not None else "hook"
    token = f"{hook.token[:TOKEN_CHARACTERS]}…" if hook.random else hook.token
    return f"{what} {token}"
