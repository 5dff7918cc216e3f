"""How a step is retried: how often, how long to wait in between, and for which exceptions."""

from collections.abc import Callable
from dataclasses import dataclass

from perdure.errors import DefinitionInvalid, FatalError
from perdure.model.duration import Duration, duration_ms

Which = tuple[type[BaseException], ...] | type[BaseException] | Callable[[BaseException], bool]
"""Exceptions by type, or by a predicate."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A step's retry policy, for `@step(retry=…)`. `max_retries=3` are four attempts, 0 runs once.

    The n-th retry (from 1) waits `delay * factor ** (n - 1)`, at most `max_delay`, give or take the fraction `jitter`.
    An exception is retried if it is one of `retry_on` and none of `give_up_on` (a type, a tuple of types, or a predicate); a
    FatalError never is.
    Raises: DefinitionInvalid for a negative or senseless number, DurationInvalid.
    """

    max_retries: int = 3
    delay: Duration = "1s"
    factor: float = 2.0
    max_delay: Duration = "1m"
    jitter: float = 0.1
    retry_on: Which = (Exception,)
    give_up_on: Which = ()

    def __post_init__(self) -> None:
        if self.max_retries < 0:
            raise DefinitionInvalid("Retry", f"max_retries={self.max_retries} is negative; 0 means a single attempt")
        if not 0 <= self.jitter <= 1:
            raise DefinitionInvalid("Retry", f"jitter={self.jitter} is not between 0 and 1: it is a part of the delay")
        if not self.factor >= 1:  # nan is neither
            raise DefinitionInvalid("Retry", f"factor={self.factor} is under 1: waits may not shrink")
        duration_ms(self.delay)
        duration_ms(self.max_delay)

    def retries(self, error: BaseException) -> bool:
        """Whether this exception is worth another attempt; the budget is not asked here."""
        return not isinstance(error, FatalError) and _is(error, self.retry_on) and not _is(error, self.give_up_on)

    def delay_ms(self, retry: int, chance: float) -> int:
        """How long to wait before the n-th retry (from 1); `chance` in [0, 1) places it within the jitter."""
        longest = duration_ms(self.max_delay)
        try:
            wait = min(duration_ms(self.delay) * self.factor ** (retry - 1), longest)
        except OverflowError:
            wait = longest
        return max(0, round(wait * (1 + self.jitter * (2 * chance - 1))))


def _is(error: BaseException, which: Which) -> bool:
    if isinstance(which, type | tuple):
        return isinstance(error, which)
    return which(error)
