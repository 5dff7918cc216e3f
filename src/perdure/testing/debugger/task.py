"""The branches of a body at a stop: its main task and those that it made, and where in its own code each of them is."""

import asyncio
from typing import NamedTuple

from perdure.replay.task import Task
from perdure.testing.debugger.replay import Replay
from perdure.testing.debugger.stack import Place, raised, running, waiting

MAIN = "0"


class Branch(NamedTuple):
    """`path`: its place in the task tree. `awaited`: the keys of what it waits for. `stack`: empty, where none of its frames
    is the user's (a step that `gather` was given is perdure's own)."""

    path: str
    name: str
    awaited: list[str]
    stack: list[Place]
    is_current: bool


def branches_of(replay: Replay) -> list[Branch]:
    """In the order in which they were made, the main one first. What is done, is left out."""
    body = replay.body
    current = None if replay.frame is None else asyncio.current_task(body.loop)
    tasks = sorted(asyncio.all_tasks(body.loop), key=hash)  # a task's hash is its number
    found = [_branch(replay, task, task is current) for task in tasks if isinstance(task, Task) and _is_under_way(task)]
    if body.main is not None and body.main.done():
        return [Branch(MAIN, "main", [], _end(replay), False), *found]
    return found


def index_of(replay: Replay, branches: list[Branch]) -> int:
    """The one to look at first: what runs, else what the last event is about."""
    current = next((index for index, branch in enumerate(branches) if branch.is_current), None)
    if current is not None:
        return current
    path = replay.recording.event(replay.seq).key.partition("/")[0]
    return next((index for index, branch in enumerate(branches) if branch.path == path), 0)


def stack_of(branches: list[Branch], index: int) -> list[Place]:
    """Its own, or that of the nearest that made it and has one."""
    path, by_path = branches[index].path, {branch.path: branch.stack for branch in branches}
    while path:
        if by_path.get(path):
            return by_path[path]
        path = path.rpartition(".")[0]
    return []


def _branch(replay: Replay, task: Task[object], is_current: bool) -> Branch:
    stack = running(replay.frame) if is_current else waiting(task.get_coro())
    path = task.place.path
    return Branch(path, task.get_name(), replay.body.awaited(path), stack, is_current)


def _is_under_way(task: Task[object]) -> bool:
    """A body that has ended leaves tasks unfinished, of which nothing is there any more."""
    return getattr(task.get_coro(), "cr_frame", None) is not None


def _end(replay: Replay) -> list[Place]:
    """Where the body ended: at the raise, or where it returned."""
    body = replay.body
    assert body.main is not None, "it has begun"
    error = None if body.main.cancelled() else body.main.exception()
    if error is not None and (stack := raised(error)):
        return stack
    return [] if body.first is None else [(body.first, body.first.f_lineno)]
