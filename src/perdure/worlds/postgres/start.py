"""A start: what `start_one` is told, and what it tells."""

from typing import Any

from perdure.model.ids import RunId
from perdure.world import Start, Started
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.text import read, write, write_pairs


def start_words(start: Start, data: Data) -> dict[str, Any]:
    words: dict[str, Any] = {
        "run": write(start.run_id),
        "workflow": write(start.workflow),
        "deployment": write(start.deployment),
        "created": data.put(start.created),
        "started": data.put(start.started),
    }
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
