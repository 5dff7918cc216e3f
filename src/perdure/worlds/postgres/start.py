"""A start: what `start_one` is told, and what it tells."""

from typing import Any

from perdure.model.ids import RunId
from perdure.world import Start, Started
from perdure.worlds.postgres.text import read, write, write_pairs


def start_words(start: Start, created: int, started: int) -> dict[str, Any]:
    """`created` and `started` are the places of what it brings."""
    words: dict[str, Any] = {
        "run": write(start.run_id),
        "workflow": write(start.workflow),
        "deployment": write(start.deployment),
        "created": created,
        "started": started,
    }
    if start.pin:
        words["pin"] = write(start.pin)
    if start.owner is not None:
        words["owner"] = write(start.owner)
    if start.wake_at_ms is not None:
        words["wake"] = start.wake_at_ms
    if start.idempotency_key is not None:
        words["idempotency_key"] = write(start.idempotency_key)
    if start.parent_id is not None:
        words["parent"] = write(start.parent_id)
    if start.root_id is not None:
        words["root"] = write(start.root_id)
    if start.attributes:
        words["attributes"] = write_pairs(start.attributes)
    return words


def started(told: dict[str, Any]) -> Started:
    return Started(run_id=RunId(read(told["run"])), created=told["created"], owned=told["owned"], at_ms=told["at"])


def made(start: Start, now_ms: int) -> Started:
    """The outcome of a start that did as it asked."""
    return Started(run_id=start.run_id, created=True, owned=start.owner is not None, at_ms=now_ms)
