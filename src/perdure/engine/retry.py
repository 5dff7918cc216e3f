"""What follows when an attempt of a step has failed: another attempt, and when, or the end of the step.

The policy is the step's own (`model/retry.py`); the budget counts recorded failures, never interruptions (S2).
"""

from perdure.codec.failure import to_failure
from perdure.core.pending import OpenStep
from perdure.errors import ArgumentsInvalid, DecodeError, EncodeError, RetryableError, StepNotRegistered
from perdure.model.definition import StepDefinition
from perdure.model.duration import moment_ms
from perdure.model.event import StepFailed, StepRetrying

_HOPELESS = (StepNotRegistered, EncodeError, DecodeError, ArgumentsInvalid)
"""Errors about the step's own shape: another attempt would do its work again, and fail again."""


def after_failure(
    step: OpenStep, definition: StepDefinition | None, attempt: int, error: BaseException, now_ms: int, chance: float
) -> StepRetrying | StepFailed:
    """The fact that records this failure; `chance` in [0, 1) places the delay within its jitter."""
    if definition is not None and _worth_retrying(step, definition, error):
        retry_at_ms = _retry_at_ms(step, definition, error, now_ms, chance)
        return StepRetrying(attempt=attempt, error=to_failure(error), retry_at_ms=retry_at_ms)
    if attempt > 1 or step.failures:
        seconds = (now_ms - step.first_at_ms) / 1000
        error.add_note(f"step {step.name} failed in attempt {attempt}, {seconds:.1f} s after its first began")
    return StepFailed(attempt=attempt, error=to_failure(error))


def _worth_retrying(step: OpenStep, definition: StepDefinition, error: BaseException) -> bool:
    if isinstance(error, _HOPELESS) or step.failures >= definition.retry.max_retries:
        return False
    return isinstance(error, RetryableError) or definition.retry.retries(error)


def _retry_at_ms(
    step: OpenStep, definition: StepDefinition, error: BaseException, now_ms: int, chance: float
) -> int:
    if isinstance(error, RetryableError) and error.retry_after is not None:
        return moment_ms(error.retry_after, now_ms)
    return now_ms + definition.retry.delay_ms(step.failures + 1, chance)
