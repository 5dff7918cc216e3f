"""How a rule is taken out: something small is replaced, for as long as a block lasts."""

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

Patching = AbstractContextManager[Any]


@contextmanager
def several(*patches: Patching) -> Generator[None]:
    """All of them together."""
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


__all__ = ["Patching", "patch", "several"]
