"""Legality in one table: which event may follow in which status, and what the status is then.

Checked before every append, and drawn in docs/protocol.md from this very table. Worlds know nothing of it.
"""

from perdure.model.event import DELIVERIES, REQUESTS, Fact
from perdure.model.status import Status

_TELLING = (
    "attr_set", "patch_marked", "run_resumed", "step_queued", "step_started", "step_retrying", "step_heartbeat",
    "step_stopped", "wake_requested", "requests_released", "hook_conflict", "hook_disposed",
)  # fmt: skip
_MAIL = (
    "cancel_requested", "wake_requested", "child_completed", "child_failed", "child_cancelled", "hook_received",
    "step_completed", "step_failed", "step_stopped", "attr_set",
)  # fmt: skip
_WORKING = tuple(dict.fromkeys((*_TELLING, *(fact.type for fact in (*REQUESTS, *DELIVERIES)))))

TRANSITIONS: dict[Status, dict[str, Status]] = {
    "pending": {
        "run_created": "pending",
        "run_started": "running",
        "run_repinned": "pending",
        "cancel_requested": "pending",
        "run_cancelled": "cancelled",
        "run_blocked": "blocked",
    },
    "running": {
        "run_started": "running",
        "run_repinned": "running",
        **dict.fromkeys(_WORKING, "running"),
        "run_completed": "completed",
        "run_failed": "failed",
        "run_retried": "running",  # a further one in the same append: one for each failure that is taken back
        "run_cancelled": "cancelled",
        "run_blocked": "blocked",
    },
    "blocked": {
        "run_unblocked": "running",
        "run_repinned": "blocked",
        "run_cancelled": "cancelled",
        **dict.fromkeys(_MAIL, "blocked"),  # what waits in the inbox is recorded before the end (M2)
    },
    "failed": {"run_retried": "running"},
    "completed": {},
    "cancelled": {},
}


class IllegalEvent(AssertionError):
    """perdure is about to write what its own table forbids: our bug, never the user's."""


def advance(status: Status, fact: Fact) -> Status:
    """The status after this event. Raises: IllegalEvent."""
    try:
        return TRANSITIONS[status][fact.type]
    except KeyError:
        raise IllegalEvent(f"P7: {fact.type} can't follow in a run that is {status}") from None
