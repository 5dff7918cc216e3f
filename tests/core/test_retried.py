"""What a retry in place takes back."""

from msgspec import Raw

from perdure.core.retried import taken_back
from perdure.model.event import (
    Event,
    Fact,
    RequestsReleased,
    RunFailed,
    RunRetried,
    StepFailed,
    StepHeartbeat,
    WakeRequested,
)
from perdure.model.failure import Failure

ERROR = Failure(type="builtins:ValueError", message="no")


def log(*facts: Fact) -> list[Event]:
    return [Event(seq=seq, turn=1, epoch=1, key="k", at_ms=0, fact=fact) for seq, fact in enumerate(facts, 1)]


def test_without_a_retry_nothing_is_taken_back() -> None:
    assert (
        taken_back(log(StepFailed(attempt=1, error=ERROR), RequestsReleased(keys=("a",)), RunFailed(error=ERROR)))
        == set()
    )


def test_the_failure_its_releases_and_its_end_are() -> None:
    events = log(
        RequestsReleased(keys=("before",)),
        StepFailed(attempt=1, error=ERROR),
        RequestsReleased(keys=("sibling",)),
        StepHeartbeat(attempt=1, progress=Raw(b"1")),
        RunFailed(error=ERROR),
        RunRetried(failure_seq=2),
        RequestsReleased(keys=("after",)),
        WakeRequested(),
    )
    assert taken_back(events) == {2, 3, 5}


def test_a_second_retry_takes_its_own_back() -> None:
    events = log(
        StepFailed(attempt=1, error=ERROR),
        RunFailed(error=ERROR),
        RunRetried(failure_seq=1),
        StepFailed(attempt=2, error=ERROR),
        RunFailed(error=ERROR),
        RunRetried(failure_seq=4),
    )
    assert taken_back(events) == {1, 2, 4, 5}
