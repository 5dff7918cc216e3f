"""What the dead leave behind: coroutines that Python throws away in the middle, at a moment that no seed repeats."""

import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import AsyncGeneratorType, CoroutineType
from typing import Any


@contextmanager
def silence_of_the_dead() -> Generator[None]:
    """What coroutines of killed processes raise at their disposal is nobody's affair: a real process would be gone. Warnings,
    of a coroutine that was never awaited say, are told as ever."""
    before = sys.unraisablehook

    def hook(unraisable: Any, /) -> None:
        left = isinstance(unraisable.object, CoroutineType | AsyncGeneratorType)
        if not left or isinstance(unraisable.exc_value, Warning):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
        gc.collect()  # else what is left would complain later, to somebody else
    finally:
        sys.unraisablehook = before
