"""Steps in a simulation: faked where the user says so, slow or run twice where the weather does."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from perdure.engine.registry import Registry
from perdure.engine.running import BUILT_IN
from perdure.errors import FatalError
from perdure.model.definition import StepDefinition
from perdure.testing.kit.spy import LabRegistry, faked

STEP_S = 0.2
SLOW_S = 0.05
"""Longer than what is lazy waits for a batch."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RehearsedStep(StepDefinition):
    """Its body runs in virtual time: what it asks of a network, the simulation doesn't have."""

    body: Callable[..., Any]
    before: Callable[[str], float]
    times: Callable[[], int]

    async def call(self, arguments: dict[str, Any]) -> Any:
        await asyncio.sleep(self.before(self.name))
        result = None
        for _ in range(self.times()):
            try:
                result = await faked(self.body, self, arguments)
            except NotImplementedError as error:
                raise FatalError(
                    f"step {self.name} asked the event loop for what a simulation doesn't have (a socket, a subprocess, a "
                    f"signal): give simulate(…, steps={{{self.function.__name__}: a function in its place}})"
                ) from error
        return result


class RehearsedRegistry(LabRegistry):
    """`lasts`: how many seconds pass before a body acts. `ran`: how often bodies have begun, by step."""

    def __init__(
        self, known: Registry, fakes: dict[str, Callable[..., Any]], lasts: Callable[[], float], *, twice: bool
    ) -> None:
        super().__init__(known, fakes)
        self._lasts, self._twice = lasts, twice
        self._made: dict[str, RehearsedStep] = {}
        self.ran: Counter[str] = Counter()

    def step(self, name: str) -> StepDefinition:
        if name.startswith(BUILT_IN):
            return self._known.step(name)
        if name not in self._made:
            known = self._known.step(name)
            options = {field.name: getattr(known, field.name) for field in fields(known)}
            options |= {"is_async": True, "transaction": False}
            body = self.fakes.get(name, known.function)
            self._made[name] = RehearsedStep(**options, body=body, before=self._begins, times=self._times)
        return self._made[name]

    def _begins(self, name: str) -> float:
        """How long until the body begins."""
        self.ran[name] += 1
        return self._lasts()

    def _times(self) -> int:
        return 2 if self._twice else 1
