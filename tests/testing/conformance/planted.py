"""Memory Worlds with one rule taken out each: a check counts only after it has failed against one of them."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from perdure.testing.conformance import Check, VirtualClock
from perdure.world import Append, HookRecord, Operation, Outcome, Send, Start
from perdure.worlds.memory import MemoryWorld

Fault = type[MemoryWorld]


async def catches(check: Check, fault: Fault) -> bool:
    """Whether the check fails with the faulty World. Another error than a check's would mean a broken fault."""
    clock = VirtualClock()
    try:
        await check(fault(clock=clock), clock)
    except (AssertionError, ValueError, LookupError):  # the latter where a check expected one more, or one less
        return True
    return False


async def caught(fault: Fault, checks: Iterable[Check]) -> bool:
    """Whether any of the checks fails with the faulty World."""
    for check in checks:
        if await catches(check, fault):
            return True
    return False


async def idle(checks: Iterable[Check], faults: Iterable[Fault]) -> list[str]:
    """The checks that none of the faults fails: nobody knows whether they can fail."""
    found: list[str] = []
    for check in checks:
        for fault in faults:
            if await catches(check, fault):
                break
        else:
            found.append(check.__name__)
    return found


def faults(classes: Iterable[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", classes, ids=lambda fault: fault.__name__)


class Altered(MemoryWorld):
    """Changes operations on their way in."""

    def alter(self, operation: Operation) -> Operation:
        match operation:
            case Append():
                return self.alter_append(operation)
            case Start():
                return self.alter_start(operation)
            case Send():
                return self.alter_send(replace(operation, letter=self.alter_letter(operation)))

    def alter_append(self, append: Append) -> Append:
        return append

    def alter_start(self, start: Start) -> Start:
        return start

    def alter_send(self, send: Send) -> Send:
        return send

    def alter_letter(self, send: Send):
        return send.letter

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return super().commit([self.alter(operation) for operation in operations])


class Tampering(Altered):
    """Changes hooks beside the operations."""

    def known_hooks(self) -> Iterator[HookRecord]:
        for hooks in list(self._state.hooks.values()):
            yield from list(hooks.values())

    def change_hook(self, hook: HookRecord, **changes: object) -> None:
        mine = self._state.hooks[hook.run_id]
        self._state.hooks[hook.run_id] = {**mine, hook.key: replace(hook, **changes)}


def without(module: ModuleType, name: str, instead: Callable[..., Any]) -> Fault:
    """A commit does `instead` of this function of a module of the memory World."""

    class Without(MemoryWorld):
        def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
            with patch.object(module, name, instead):
                return super().commit(operations)

    Without.__name__ = f"{name.strip('_')}_is_{instead.__name__}"
    return Without


def forgets(**changes: object) -> Fault:
    """Appends lose these fields."""

    class Forgetful(Altered):
        def alter_append(self, append: Append) -> Append:
            return replace(append, **changes)

    Forgetful.__name__ = "forgets_" + "_".join(changes)
    return Forgetful


def starts_without(**changes: object) -> Fault:
    """Starts lose these fields."""

    class Forgetful(Altered):
        def alter_start(self, start: Start) -> Start:
            return replace(start, **changes)

    Forgetful.__name__ = "starts_without_" + "_".join(changes)
    return Forgetful


def told(change: Callable[[Outcome], Outcome]) -> Fault:
    """Outcomes are changed on their way out."""

    class Lying(MemoryWorld):
        def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
            inner = super().commit(operations)

            async def lie() -> list[Outcome]:
                return [change(outcome) for outcome in await inner]

            return lie()

    Lying.__name__ = change.__name__
    return Lying
