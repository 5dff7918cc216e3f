"""`@workflow`: an async function that orchestrates: deterministic, replayed, durable."""

import inspect
import warnings
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, overload

from perdure.api.definition import name_of, place_of, signature_of
from perdure.codec.trust import register_references
from perdure.engine.registry import REGISTRY
from perdure.errors import DefinitionInvalid, NotInWorkflow
from perdure.model.definition import WorkflowDefinition
from perdure.model.duration import Duration, duration_ms
from perdure.model.queue import queue_of
from perdure.replay.body import current_body

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Generic[P, R]):
    """A function that `@workflow` decorates. `start` starts a run of it; `fn` is the plain function.

    Awaited inside another workflow it is a plain part of that one's body and log. Called anywhere else it raises
    NotInWorkflow.
    """

    def __init__(self, definition: WorkflowDefinition) -> None:
        self.definition = definition
        self.fn: Callable[..., Any] = definition.function
        update_wrapper(self, definition.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        return self._call(args, kwargs)

    def __repr__(self) -> str:
        return f"<workflow {self.definition.name}>"

    async def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if current_body() is None:
            raise NotInWorkflow(self.definition.name, f"use `await start({self.__name__}, …)`")
        return await self.fn(*args, **kwargs)

    __name__: str


class DeterminismWarning(UserWarning):
    """A workflow that was defined does in its body what a replay can't repeat; `perdure check` says the same.

    It is a UserWarning: `python -W error::UserWarning` makes it an error.
    """


@overload
def workflow(function: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *, name: str | None = None, version: str | None = None, timeout: Duration | None = None, max_recoveries: int = 5
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Workflow[P, R]]: ...
def workflow(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make an async function a workflow: `@workflow`, or `@workflow(name=…, timeout="1h", …)`.

    * `name`: what its runs are recorded under; without it `module:qualname`, where a script's module is the name of its
      file. Give one before you rename or move the function.
    * `version`: free text, for people.
    * `timeout`: after so long the body is cancelled, and the run fails with TimeoutError.
    * `max_recoveries`: a run is parked as `blocked` when its worker's process has died that many times, and once more,
      without a turn completed in between.

    A later definition of the same qualname in the same file replaces the earlier, as a reload does.

    Raises: DefinitionInvalid (it isn't async; a parameter is named `options`, which `start` takes for itself),
    DuplicateName, DurationInvalid.
    """
    return _decorator(**options) if function is None else _decorator(**options)(function, 3)


def _decorator(
    *, name: str | None = None, version: str | None = None, timeout: Duration | None = None, max_recoveries: int = 5
) -> Callable[..., Workflow[..., Any]]:
    timeout_ms = 0 if timeout is None else duration_ms(timeout)

    def decorate(function: Callable[..., Any], stacklevel: int = 2) -> Workflow[..., Any]:
        called = name or name_of(function)
        signature = signature_of(called, function)
        if queue_of(called) is not None:
            raise DefinitionInvalid(called, "steps that wait in a queue have names like that: give it another")
        if not inspect.iscoroutinefunction(function):
            raise DefinitionInvalid(called, "a workflow is an async function: write `async def`")
        if "options" in signature.parameters:
            raise DefinitionInvalid(called, "a parameter named 'options' is taken by start(…, options=…): rename it")
        definition = WorkflowDefinition(
            name=called,
            function=function,
            place=place_of(function),
            signature=signature,
            version=version,
            timeout_ms=timeout_ms,
            max_recoveries=max_recoveries,
        )
        REGISTRY.add(definition)
        from perdure.replay.linter import check_function

        for finding in check_function(function):
            warnings.warn(str(finding), DeterminismWarning, stacklevel=stacklevel)
        made: Workflow[..., Any] = Workflow(definition)
        WORKFLOWS[called] = made
        return made

    return decorate


WORKFLOWS: dict[str, Workflow[..., Any]] = {}
"""Workflows by name, so that one passed as a value comes back as itself."""

register_references("workflow", Workflow, lambda value: value.definition.name, WORKFLOWS.__getitem__)
