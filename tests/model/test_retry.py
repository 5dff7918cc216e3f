"""Retry policies: how long to wait, and for which exceptions."""

from typing import Any

import pytest

from perdure.errors import DefinitionInvalid, DurationInvalid, FatalError, RetryableError
from perdure.model.retry import Retry

MIDDLE = 0.5
"""The chance that leaves a delay as it is."""


def test_waits_grow_up_to_the_longest() -> None:
    policy = Retry(delay="1s", factor=2.0, max_delay="10s")
    assert [policy.delay_ms(retry, MIDDLE) for retry in range(1, 7)] == [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]


def test_a_constant_wait() -> None:
    policy = Retry(delay="3s", factor=1.0)
    assert [policy.delay_ms(retry, MIDDLE) for retry in (1, 2, 50)] == [3_000, 3_000, 3_000]


def test_jitter_is_a_part_of_the_delay_either_way() -> None:
    policy = Retry(delay="10s", jitter=0.2)
    assert policy.delay_ms(1, 0.0) == 8_000
    assert policy.delay_ms(1, MIDDLE) == 10_000
    assert policy.delay_ms(1, 0.999999) == 12_000


def test_without_jitter_chance_counts_for_nothing() -> None:
    policy = Retry(delay="10s", jitter=0)
    assert {policy.delay_ms(1, chance) for chance in (0.0, 0.3, 0.99)} == {10_000}


def test_a_full_jitter_never_waits_a_negative_time() -> None:
    assert Retry(delay="1s", jitter=1).delay_ms(1, 0.0) == 0


def test_a_late_retry_doesnt_overflow() -> None:
    assert Retry(delay="1s", factor=10.0, max_delay="1m").delay_ms(10_000, MIDDLE) == 60_000


@pytest.mark.parametrize(
    ("policy", "error", "retried"),
    [
        (Retry(), ValueError(), True),
        (Retry(), RetryableError("later"), True),
        (Retry(), FatalError("no such card"), False),
        (Retry(), KeyboardInterrupt(), False),
        (Retry(retry_on=(BaseException,)), KeyboardInterrupt(), True),
        (Retry(retry_on=(OSError,)), ConnectionError(), True),
        (Retry(retry_on=(OSError,)), ValueError(), False),
        (Retry(retry_on=OSError), ConnectionError(), True),
        (Retry(give_up_on=(LookupError,)), KeyError(), False),
        (Retry(give_up_on=(LookupError,)), ValueError(), True),
        (Retry(retry_on=(OSError,), give_up_on=(FileNotFoundError,)), FileNotFoundError(), False),
        (Retry(retry_on=lambda error: "again" in str(error)), ValueError("again"), True),
        (Retry(retry_on=lambda error: "again" in str(error)), ValueError("never"), False),
        (Retry(give_up_on=lambda error: "never" in str(error)), ValueError("never"), False),
        (Retry(retry_on=lambda error: True), FatalError(), False),
    ],
)
def test_which_exceptions_are_retried(policy: Retry, error: BaseException, retried: bool) -> None:
    assert policy.retries(error) is retried


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_retries": -1}, "Retry can't be defined: max_retries=-1 is negative; 0 means a single attempt"),
        ({"jitter": 1.5}, "Retry can't be defined: jitter=1.5 is not between 0 and 1: it is a part of the delay"),
        ({"factor": 0.5}, "Retry can't be defined: factor=0.5 is under 1: waits may not shrink"),
        ({"factor": float("nan")}, "Retry can't be defined: factor=nan is under 1: waits may not shrink"),
    ],
)
def test_a_senseless_policy(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        Retry(**options)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("options", [{"delay": "soon"}, {"max_delay": -1}])
def test_a_delay_that_is_no_duration(options: dict[str, Any]) -> None:
    with pytest.raises(DurationInvalid):
        Retry(**options)
