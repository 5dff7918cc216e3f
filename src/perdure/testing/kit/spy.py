"""Steps in a lab: which were called, and what stands in for them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from perdure.api.step import Step
from perdure.engine.registry import Registry
from perdure.errors import StepNotRegistered, UsageError
from perdure.model.definition import Definition, StepDefinition, WorkflowDefinition
from perdure.replay.scope import current_attempt


@dataclass(frozen=True, kw_only=True)
class Call:
    """An attempt of a step that has begun. Arguments by name; `attempt` from 1; `step_id` is the same in every attempt."""

    step: str
    run_id: str
    step_id: str
    attempt: int
    arguments: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class SpiedStep(StepDefinition):
    """A step whose calls are noted. `fake` is called instead of its function, by position as far as that goes."""

    note: Callable[[Call], None]
    fake: Callable[..., Any] | None = None

    def call(self, arguments: dict[str, Any]) -> Any:
        attempt = current_attempt()
        assert attempt is not None, "only the engine calls definitions"
        call = Call(
            step=self.name,
            run_id=attempt.run_id,
            step_id=attempt.step_id,
            attempt=attempt.attempt,
            arguments=dict(arguments),
        )
        self.note(call)
        return super().call(arguments) if self.fake is None else faked(self.fake, self, arguments)


async def faked(fake: Callable[..., Any], step: StepDefinition, arguments: dict[str, Any]) -> Any:
    bound = step.bound(arguments)
    result = fake(*bound.args, **bound.kwargs)
    return await result if inspect.isawaitable(result) else result


class LabRegistry(Registry):
    """What another registry knows, with its steps spied on, and some replaced."""

    def __init__(self, known: Registry, fakes: dict[str, Callable[..., Any]]) -> None:
        super().__init__()
        self._known, self.fakes = known, fakes
        self._spied: dict[str, tuple[StepDefinition, Callable[..., Any] | None, SpiedStep]] = {}
        self.calls: list[Call] = []

    def step(self, name: str) -> StepDefinition:
        known, fake = self._known.step(name), self.fakes.get(name)
        if name not in self._spied or self._spied[name][:2] != (known, fake):
            self._spied[name] = known, fake, _spied(known, fake, self.calls.append)
        return self._spied[name][2]

    def called(self, step: "Step[..., Any] | str") -> list[Call]:
        """The attempts of this step, in the order in which they began. Raises: StepNotRegistered."""
        name = self.name_of(step)
        return [call for call in self.calls if call.step == name]

    def name_of(self, step: "Step[..., Any] | str") -> str:
        """Raises: StepNotRegistered, UsageError."""
        if isinstance(step, Step):
            return step.definition.name
        if not isinstance(step, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"{step!r} is no step: give a function that @step decorates")
        if step not in {known.name for known in self._known.steps()}:
            raise StepNotRegistered(step)
        return step

    def replace(self, step: "Step[..., Any] | str", fake: Callable[..., Any]) -> "Replaced":
        """Raises: StepNotRegistered, UsageError."""
        name = self.name_of(step)
        if not callable(fake):
            raise UsageError(
                f"{name} can't be replaced by {fake!r}: give a function with its parameters, sync or async"
            )
        before = self.fakes.get(name)
        self.fakes[name] = fake
        return Replaced(self.fakes, name, before)

    # -- as the other has it

    def add(self, definition: Definition) -> None:
        self._known.add(definition)

    @property
    def served(self) -> frozenset[str]:
        return self._known.served

    def workflow(self, name: str) -> WorkflowDefinition:
        return self._known.workflow(name)

    def workflow_names(self) -> tuple[str, ...]:
        return self._known.workflow_names()

    def steps(self) -> tuple[StepDefinition, ...]:
        return self._known.steps()

    def workflows(self) -> tuple[WorkflowDefinition, ...]:
        return self._known.workflows()


class Replaced:
    """A step that is replaced: until the end of the `with` block, or without one, of the lab."""

    def __init__(self, fakes: dict[str, Callable[..., Any]], name: str, before: Callable[..., Any] | None) -> None:
        self._fakes, self._name, self._before = fakes, name, before

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            self._fakes.pop(self._name, None)
        else:
            self._fakes[self._name] = self._before


def _spied(step: StepDefinition, fake: Callable[..., Any] | None, note: Callable[[Call], None]) -> SpiedStep:
    """A fake runs on the loop, sync or async, and needs no transaction."""
    known = {field.name: getattr(step, field.name) for field in fields(step)}
    if fake is not None:
        known |= {"is_async": True, "transaction": False}
    return SpiedStep(**known, note=note, fake=fake)
