"""What a run's last event means to whoever waits."""

import pytest
from msgspec import Raw

from perdure import FatalError, RunBlocked, RunCancelled, RunFailed
from perdure.api.outcome import result_of
from perdure.codec.failure import to_failure
from perdure.model import event as log

RUN = "wrun_1"


def test_a_completed_run_has_its_result_as_recorded() -> None:
    assert bytes(result_of(RUN, log.RunCompleted(result=Raw(b'{"n":1}')))) == b'{"n":1}'


def test_a_failed_run_raises_with_the_original_as_cause() -> None:
    with pytest.raises(RunFailed) as caught:
        result_of(RUN, log.RunFailed(error=to_failure(FatalError("no such card"))))
    assert str(caught.value) == "run wrun_1 failed: FatalError: no such card"
    assert type(caught.value.__cause__) is FatalError


def test_a_cancelled_run_raises_with_its_reason() -> None:
    with pytest.raises(RunCancelled) as caught:
        result_of(RUN, log.RunCancelled(reason="by hand"))
    assert (caught.value.run_id, caught.value.reason) == (RUN, "by hand")


def test_a_blocked_run_raises_with_its_sentence() -> None:
    with pytest.raises(RunBlocked) as caught:
        result_of(RUN, log.RunBlocked(sentence="the code doesn't fit"))
    assert str(caught.value) == "run wrun_1 is blocked: the code doesn't fit"


def test_what_ends_nothing_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match=r"^P7: run_started doesn't end a run$"):
        result_of(RUN, log.RunStarted())
