"""What follows when an attempt of a step has failed: another attempt, and when, or the end of the step.

The policy is the step's own (`model/retry.py`); the budget counts recorded failures, never interruptions (S2).
"""

from msgspec.structs import replace

from perdure.codec.failure import to_failure
from perdure.core.pending import OpenStep
from perdure.errors import (
    ArgumentsInvalid,
    DecodeError,
    EncodeError,
    PayloadInvalid,
    PayloadLocked,
    RetryableError,
    StepNotRegistered,
    TransactionInvalid,
)
from perdure.model.definition import StepDefinition
from perdure.model.duration import moment_ms
from perdure.model.event import StepFailed, StepRetrying

_HOPELESS = (StepNotRegistered, EncodeError, DecodeError, ArgumentsInvalid, PayloadInvalid, TransactionInvalid)
"""Errors about the shape of what was given or made, or of the code: another attempt would do its work again, and fail
again. (What is locked here another worker may be able to open.)"""


def after_failure(
    step: OpenStep, definition: StepDefinition | None, attempt: int, error: BaseException, now_ms: int, chance: float
) -> StepRetrying | StepFailed:
    """The fact that records this failure; `chance` in [0, 1) places the delay within its jitter."""
    try:
        if definition is not None and _worth_retrying(step, definition, error):
            retry_at_ms = _retry_at_ms(step, definition, error, now_ms, chance)
            return StepRetrying(attempt=attempt, error=to_failure(error), retry_at_ms=retry_at_ms)
    except Exception as second:  # of the user's predicate, or a retry_after that is none: no policy to go by
        second.__cause__ = error
        error = second
    failure = to_failure(error)
    if attempt > 1 or step.failures:  # not by add_note: an exception may be frozen
        seconds = (now_ms - step.first_at_ms) / 1000
        note = f"step {step.name} failed in attempt {attempt}, {seconds:.1f} s after its first began"
        failure = replace(failure, notes=(*failure.notes, note))
    return StepFailed(attempt=attempt, error=failure)


def _worth_retrying(step: OpenStep, definition: StepDefinition, error: BaseException) -> bool:
    hopeless = isinstance(error, _HOPELESS) and not isinstance(error, PayloadLocked)
    if hopeless or step.failures >= definition.retry.max_retries:
        return False
    return isinstance(error, RetryableError) or definition.retry.retries(error)


def _retry_at_ms(step: OpenStep, definition: StepDefinition, error: BaseException, now_ms: int, chance: float) -> int:
    if isinstance(error, RetryableError) and error.retry_after is not None:
        return moment_ms(error.retry_after, now_ms)
    return now_ms + definition.retry.delay_ms(step.failures + 1, chance)
