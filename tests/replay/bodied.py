"""A body on a log, driven by hand: logs in, requests out."""

from collections.abc import Awaitable, Callable
from inspect import signature
from typing import Any

from msgspec import Raw

from perdure.core.history import History
from perdure.model.definition import StepDefinition, WorkflowDefinition
from perdure.model.event import AnyFact, Event, Request
from perdure.model.ids import RunId
from perdure.replay.body import Body, current_body
from perdure.replay.step import call_step
from tests.core.logs import log

ME = RunId("wrun_00000000000000000000000001")
Line = tuple[int, str, AnyFact]


def workflow_of(function: Callable[..., Any], **options: Any) -> WorkflowDefinition:
    return WorkflowDefinition(
        name="app:flow", function=function, place="app.py:1", signature=signature(function), **options
    )


def body_of(function: Callable[..., Any], *lines: Line, input: str = "{}", run_id: RunId = ME, **options: Any) -> Body:
    """Of a run with this log, behind its first two events; it has begun."""
    definition = workflow_of(function, **options)
    history = History(log(*lines))
    body = Body(
        run_id=run_id, definition=definition, input=Raw(input.encode()), history=history, new_token=lambda: "token"
    )
    body.begin()
    return body


def requests(body: Body) -> list[tuple[str, Request]]:
    return body.take_answer().requests


def keys(body: Body) -> list[str]:
    """What the body has newly asked for."""
    return [key for key, _ in requests(body)]


def deliver(body: Body, turn: int, *facts: tuple[str, AnyFact], at_ms: int = 90_000) -> None:
    """One live turn."""
    body.deliver(turn, [
        Event(seq=100 + turn, turn=turn, epoch=1, key=key, at_ms=at_ms, fact=fact) for key, fact in facts
    ])  # fmt: skip


async def _acted(value: Any = None) -> Any: ...


def step_of(name: str, function: Callable[..., Any] = _acted, **options: Any) -> StepDefinition:
    return StepDefinition(name=name, function=function, place="app.py:9", signature=signature(function), **options)


def act(name: str, *args: Any) -> Awaitable[Any]:
    """Call a step of this name, as a body does."""
    body = current_body()
    assert body is not None
    return call_step(body, step_of(f"app:{name}"), args, {})


def key(name: str, path: str = "0", n: int = 0) -> str:
    return f"{path}/step:app:{name}#{n}"


def ended(body: Body) -> str:
    """How it ended, in a word, with the result."""
    assert body.divergence is None, body.divergence
    end = body.end
    return "" if end is None else f"{end.type} {bytes(getattr(end, 'result', b'')).decode()}".strip()
