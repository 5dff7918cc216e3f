"""Queues: which workers a step is for, and the name under which it waits for one of them.

A step that goes to a queue's workers is a run of its own, of that one step. The name of its workflow says both, so that
claims and lists, which know nothing of queues, tell such runs apart.
"""

import re

DEFAULT = "default"
"""The queue of workflows, and of steps that name none."""

RULE = "1 to 64 ASCII letters, digits, '.', '_' and '-', a letter or digit first"
PREFIX = "queue:"
_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_QUEUED = re.compile(rf"{PREFIX}({_QUEUE.pattern})/.+", re.DOTALL)


def is_queue(name: str) -> bool:
    """Whether a queue can have this name."""
    return _QUEUE.fullmatch(name) is not None


def queued_name(queue: str, step: str) -> str:
    """The workflow of the runs that are one step for this queue: `queue:gpu/app.steps:embed`."""
    return f"{PREFIX}{queue}/{step}"


def queue_of(workflow: str) -> str | None:
    """The queue, where runs of a workflow of this name are steps for one; else None."""
    found = _QUEUED.fullmatch(workflow)
    return None if found is None else found[1]
