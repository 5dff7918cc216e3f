"""Today's code against a log, without a worker: nothing is run but the body, nothing is written.

Must be called outside of tasks, as everything that activates a body.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from msgspec import Raw
from msgspec.structs import replace

from perdure.core.divergence import Divergence, Show, cut, describe
from perdure.core.history import History
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import ENDS, Event, HookDisposed, RunCompleted, RunCreated, RunFailed, RunStarted
from perdure.model.ids import RunId
from perdure.replay.body import Answer, Body, Ended
from perdure.replay.queue import body_of

T = TypeVar("T")
THE_END = "the end of the workflow"


def trial(
    run_id: RunId, events: list[Event], definition: WorkflowDefinition, *, show: Show = cut, to_its_end: bool = False
) -> Divergence | None:
    """Where the code doesn't fit the log; None: it fits, or the run hasn't begun.

    `to_its_end`: of a finished run the end is compared too. Otherwise what lies behind it may be anything: no run that is
    under way has passed it.
    """
    created = events[0].fact
    assert isinstance(created, RunCreated), "L1: a log begins with run_created"
    if not any(isinstance(event.fact, RunStarted) for event in events):
        return None
    history = History(events)
    body = body_of(created, run_id, definition, history, lambda: "a token that replay makes anew", show)
    try:
        body.begin()
        if body.divergence is not None:
            return _explained(body.divergence, body.unfit_end, show)
        if not to_its_end or not isinstance(events[-1].fact, ENDS):
            return None
        both = _ends(body, events[-1], show)
        return both and Divergence(
            recorded=both[0],
            attempted=both[1],
            turn=body.machine.turn,
            deployment=history.deployment(body.machine.turn),
        )
    finally:
        body.put_away()


async def outside_of_tasks(call: Callable[[], T]) -> T:
    """What the call comes to, in a plain callback of this loop: a body makes tasks of its own."""
    loop = asyncio.get_running_loop()
    called: asyncio.Future[T] = loop.create_future()

    def made() -> None:
        try:
            called.set_result(call())
        except Exception as error:
            called.set_exception(error)

    loop.call_soon(made)
    return await called


def _explained(found: Divergence, end: Ended | None, show: Show) -> Divergence:
    """Where today's code asks for nothing since it has failed or returned, that is what it does."""
    if end is None or found.attempted != describe(None):
        return found
    if isinstance(end, RunFailed):
        return replace(found, attempted=_told(end, show))
    return replace(found, attempted=THE_END)


def _ends(body: Body, last: Event, show: Show) -> tuple[str, str] | None:
    """How the run has ended and how the body does, where these are two things. One that was ended by force has its own."""
    recorded, asked = last.fact, body.take_answer()
    if not isinstance(recorded, RunCompleted | RunFailed):
        return None
    if body.end is None:
        return THE_END, _first(asked, show)
    told = [_told(end, show) for end in (recorded, body.end)]
    return None if told[0] == told[1] else (told[0], told[1])


def _first(asked: Answer, show: Show) -> str:
    requests = (request for _, request in asked.requests if not isinstance(request, HookDisposed))
    return next((describe(request, show) for request in requests), "to wait on")


def _told(end: object, show: Show) -> str:
    match end:
        case RunCompleted(result=result):
            return f"the result {show(Raw(result))}"
        case RunFailed(error=error):
            return f"the failure {error.type}{f': {error.message}' if show is cut else ''}"
        case _:
            return "a cancellation"
