"""What is tried: a workflow with its arguments, what stands in for its steps, what comes from outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perdure.api.step import Step
from perdure.api.workflow import Workflow
from perdure.codec.arguments import encode_arguments
from perdure.errors import UsageError
from perdure.testing.survival.effects import Effects

Fakes = Mapping[Any, Callable[..., Any]]
Steps = Fakes | Callable[[Effects], Fakes]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a simulation came to. `end`: how the run ended, in words. `effects`: how often each was noted; `ran`: how often
    each step's body has begun; `lost`: payloads that were accepted, and that the run never had."""

    end: str
    effects: dict[str, int]
    ran: dict[str, int]
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`steps`: functions by step, or what makes them for each simulation anew, of its `Effects`. `payloads`: by pattern of
    token: one, or a list that comes one after the other. `check`: what must hold of every outcome; None: all alike."""

    workflow: Workflow[..., Any]
    arguments: tuple[Any, ...]
    steps: Steps = field(default_factory=dict[Any, Callable[..., Any]])
    payloads: Mapping[str, Any] = field(default_factory=dict[str, Any])
    check: Callable[[Outcome], object] | None = None

    @property
    def name(self) -> str:
        return self.workflow.definition.name

    def input(self) -> bytes:
        """Raises: ArgumentsInvalid, EncodeError."""
        return encode_arguments(self.workflow.definition.named(self.arguments, {}))

    def fakes(self, effects: Effects) -> dict[str, Callable[..., Any]]:
        """By name of step. Raises: UsageError."""
        given = self.steps(effects) if callable(self.steps) else self.steps
        fakes: dict[str, Callable[..., Any]] = {}
        for step, fake in given.items():
            if not isinstance(step, Step):
                raise UsageError(
                    f"steps={{{step!r}: …}}: give functions that @step decorates, each with what stands in for it"
                )
            if not callable(fake):
                raise UsageError(f"step {step.definition.name} can't be replaced by {fake!r}: give a function")
            fakes[step.definition.name] = fake
        return fakes
