"""A log as a text: every kind of line."""

import pytest

from perdure.codec.failure import to_failure
from perdure.model.event import (
    AttributesSet,
    Fact,
    HookConflict,
    HookCreated,
    HookReceived,
    PatchMarked,
    RunBlocked,
    RunCancelled,
    RunFailed,
    StepRetrying,
    StreamWritten,
    WaitCreated,
)
from perdure.model.ids import RunId
from perdure.testing.kit.story import duration_text, story
from tests.core.logs import log, raw, step

AT_MS = log((0, "", RunCancelled()))[-1].at_ms


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (HookCreated(token="approval:1"), "hook_created     approval:1"),
        (HookCreated(token="secret", random=True), "hook_created     (random token)"),
        (HookConflict(hook=HookCreated(token="a"), owner=RunId("wrun_2")), "hook_conflict    a"),
        (HookReceived(payload=raw("1"), rejected="payload: no"), "hook_received    1 rejected: payload: no"),
        (WaitCreated(due_ms=AT_MS + 90_000, timeout=True), "wait_created     timeout 1m30s"),
        (StreamWritten(data=raw("7")), "stream_written   default 7"),
        (RunFailed(error=to_failure(ValueError("x"))), "run_failed       ValueError: x"),
        (
            StepRetrying(attempt=1, error=to_failure(ValueError("x")), retry_at_ms=AT_MS + 1000),
            "step_retrying    ValueError: x, again in 1s",
        ),
        (RunCancelled(reason="a duplicate"), "run_cancelled    a duplicate"),
        (PatchMarked(name="new", answer=True), "patch_marked     new True"),
        (AttributesSet(changes={"a": "1", "b": None}), "attr_set         a=1, b=None"),
        (RunBlocked(sentence="it doesn't fit"), "run_blocked      it doesn't fit"),
    ],
)
def test_a_line(fact: Fact, words: str) -> None:
    assert story(log((0, "k", fact))).splitlines()[1] == f"+2s        {words}"  # type: ignore[arg-type]


def test_what_is_said_later_has_the_name_from_before() -> None:
    lines = story(log((0, "k", step()), (0, "k", StepRetrying(attempt=1, error=to_failure(OSError()), retry_at_ms=0))))
    assert [line.split()[2] for line in lines.splitlines()] == ["fulfil", "charge", "charge"]


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0s"), (1, "1ms"), (1500, "1s500ms"), (90 * 60_000, "1h30m"), (8 * 86_400_000, "8d")]
)
def test_durations(ms: int, text: str) -> None:
    assert duration_text(ms) == text
