"""Logs written by hand, for tests that put one in and look at what comes out."""

from msgspec import Raw

from perdure.model.event import (
    AnyFact,
    Event,
    RunCreated,
    RunStarted,
    StepCompleted,
    StepCreated,
    StepFailed,
    WaitCreated,
)
from perdure.model.failure import Failure

SECOND = 1_000
BOOM = Failure(type="builtins:ValueError", message="boom")


def raw(text: str) -> Raw:
    return Raw(text.encode())


def log(*lines: tuple[int, str, AnyFact]) -> list[Event]:
    """Events from (turn, key, fact), behind a run's first two; the event with seq n was written in second n."""
    first: list[tuple[int, str, AnyFact]] = [
        (0, "", RunCreated(workflow="app:fulfil", input=raw("{}"))),
        (0, "", RunStarted()),
    ]
    return [
        Event(seq=seq, turn=turn, epoch=1, key=key, at_ms=seq * SECOND, fact=fact)
        for seq, (turn, key, fact) in enumerate((*first, *lines), 1)
    ]


def step(name: str = "app:charge", input: str = "{}", *, at_most_once: bool = False) -> StepCreated:
    return StepCreated(name=name, input=raw(input), at_most_once=at_most_once)


def done(result: str = "1", attempt: int = 1) -> StepCompleted:
    return StepCompleted(attempt=attempt, result=raw(result))


def failed(attempt: int = 1) -> StepFailed:
    return StepFailed(attempt=attempt, error=BOOM)


def sleep(due_ms: int = 60 * SECOND, *, timeout: bool = False) -> WaitCreated:
    return WaitCreated(due_ms=due_ms, timeout=timeout)
