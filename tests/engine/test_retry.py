"""A failed attempt in, the fact that records it out."""

from datetime import UTC, datetime
from inspect import signature

import pytest
from msgspec import Raw

from perdure.core.pending import OpenStep
from perdure.engine.retry import after_failure
from perdure.errors import ArgumentsInvalid, DecodeError, EncodeError, FatalError, RetryableError, StepNotRegistered
from perdure.model.definition import StepDefinition
from perdure.model.event import StepFailed, StepRetrying
from perdure.model.retry import Retry

NOW_MS = 100_000


async def charge() -> None: ...


def definition(**policy: object) -> StepDefinition:
    retry = Retry(**{"jitter": 0.0, **policy})  # type: ignore[arg-type]
    return StepDefinition(name="app:charge", function=charge, place="a.py:1", signature=signature(charge), retry=retry)


def after(
    error: BaseException, *, failures: int = 0, attempt: int = 1, chance: float = 0.5, **policy: object
) -> StepRetrying | StepFailed:
    open_step = OpenStep("0/step:app:charge#0", "app:charge", Raw(b"{}"), first_at_ms=NOW_MS - 2500)
    open_step.failures = failures
    return after_failure(open_step, definition(**policy), attempt, error, NOW_MS, chance)


@pytest.mark.parametrize(
    ("failures", "chance", "policy", "delay_ms"),
    [
        (0, 0.5, {}, 1_000),
        (1, 0.5, {}, 2_000),
        (2, 0.5, {}, 4_000),
        (8, 0.5, {"max_retries": 9}, 60_000),
        (0, 0.0, {"jitter": 0.1}, 900),
        (0, 0.5, {"jitter": 0.1}, 1_000),
        (2, 0.5, {"delay": "10ms", "factor": 1.0}, 10),
    ],
)
def test_another_attempt_is_due(failures: int, chance: float, policy: dict[str, object], delay_ms: int) -> None:
    fact = after(ValueError("no"), failures=failures, attempt=failures + 1, chance=chance, **policy)
    assert isinstance(fact, StepRetrying)
    assert (fact.attempt, fact.retry_at_ms) == (failures + 1, NOW_MS + delay_ms)
    assert (fact.error.type, fact.error.message) == ("builtins:ValueError", "no")


@pytest.mark.parametrize(
    ("retry_after", "retry_at_ms"),
    [
        (None, NOW_MS + 1_000),
        ("1m", NOW_MS + 60_000),
        (0, NOW_MS),
        (2.5, NOW_MS + 2_500),
        (datetime(1970, 1, 1, 0, 5, tzinfo=UTC), 300_000),
    ],
)
def test_a_step_may_say_when(retry_after: object, retry_at_ms: int) -> None:
    fact = after(RetryableError("busy", retry_after=retry_after))  # type: ignore[arg-type]
    assert isinstance(fact, StepRetrying)
    assert fact.retry_at_ms == retry_at_ms


@pytest.mark.parametrize(
    ("error", "failures", "policy"),
    [
        (ValueError(), 3, {}),
        (ValueError(), 0, {"max_retries": 0}),
        (RetryableError(), 3, {}),
        (FatalError(), 0, {}),
        (KeyError(), 0, {"retry_on": (OSError,)}),
        (OSError(), 0, {"give_up_on": OSError}),
        (OSError(), 0, {"retry_on": lambda error: False}),
        (KeyboardInterrupt(), 0, {}),
        (StepNotRegistered("s"), 0, {}),
        (EncodeError("result", "no"), 0, {}),
        (DecodeError("order", "no"), 0, {}),
        (ArgumentsInvalid("s", "no"), 0, {}),
    ],
)
def test_no_attempt_follows(error: BaseException, failures: int, policy: dict[str, object]) -> None:
    fact = after(error, failures=failures, attempt=failures + 1, **policy)
    assert isinstance(fact, StepFailed)
    assert fact.error.type.endswith(type(error).__name__)


def test_a_retryable_error_needs_no_policy_that_names_it() -> None:
    assert isinstance(after(RetryableError(), retry_on=(OSError,)), StepRetrying)


def test_the_budget_counts_failures_not_attempts() -> None:
    """S2: three interruptions and a failure leave two retries of three."""
    assert isinstance(after(ValueError(), failures=1, attempt=5), StepRetrying)


@pytest.mark.parametrize(
    ("attempt", "failures", "notes"),
    [
        (1, 0, ()),
        (4, 3, ("step app:charge failed in attempt 4, 2.5 s after its first began",)),
        (2, 0, ("step app:charge failed in attempt 2, 2.5 s after its first began",)),
    ],
)
def test_a_note_tells_of_earlier_attempts(attempt: int, failures: int, notes: tuple[str, ...]) -> None:
    error = ValueError("no")
    fact = (
        after(error, attempt=attempt, failures=failures, max_retries=failures)
        if failures
        else after(error, attempt=attempt, max_retries=0)
    )
    assert isinstance(fact, StepFailed)
    assert fact.error.notes == notes
    assert not hasattr(error, "__notes__"), "the user's exception is left as it is"


def raises(error: BaseException) -> bool:
    raise LookupError("a broken predicate")


@pytest.mark.parametrize(
    ("error", "policy", "told", "cause"),
    [
        (ValueError("first"), {"retry_on": raises}, "LookupError", "ValueError"),
        (RetryableError("first", retry_after="soon"), {}, "DurationInvalid", "RetryableError"),
    ],
)
def test_a_policy_that_fails_ends_the_step(error: Exception, policy: dict[str, object], told: str, cause: str) -> None:
    fact = after(error, **policy)
    assert isinstance(fact, StepFailed)
    assert fact.error.type.endswith(told)
    assert fact.error.cause is not None
    assert fact.error.cause.type.endswith(cause)


def test_a_step_that_is_not_known_has_no_policy() -> None:
    open_step = OpenStep("0/step:app:charge#0", "app:charge", Raw(b"{}"), first_at_ms=NOW_MS)
    fact = after_failure(open_step, None, 1, StepNotRegistered("app:charge"), NOW_MS, 0.5)
    assert isinstance(fact, StepFailed)
