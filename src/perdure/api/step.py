"""`@step`: a function that acts on the world, at least once, retried, its result recorded."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial, update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypedDict, TypeVar, Unpack, overload

from perdure.api.definition import closed_over, name_of, place_of, signature_of
from perdure.api.log import level_of
from perdure.api.options import check_keywords
from perdure.codec.trust import register_references
from perdure.engine.registry import REGISTRY
from perdure.errors import DefinitionInvalid
from perdure.model.definition import StepDefinition
from perdure.model.duration import Duration, duration_ms
from perdure.model.log import Level
from perdure.model.queue import DEFAULT, RULE, is_queue
from perdure.model.retry import Retry
from perdure.replay.body import current_body
from perdure.replay.step import call_step

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


class Step(Generic[P, R]):
    """A function that `@step` decorates. `fn` is the plain function.

    Calling it gives a coroutine; nothing happens until that is awaited or made a task. In a workflow the call is durable.
    Anywhere else, inside of another step too, it runs the plain function, unrecorded; a sync one in a thread.
    """

    def __init__(self, definition: StepDefinition) -> None:
        self.definition = definition
        self.fn: Callable[..., Any] = definition.function
        update_wrapper(self, definition.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        body = current_body()
        return self._plain_call(args, kwargs) if body is None else call_step(body, self.definition, args, kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> "Step[P, R]": ...
    @overload
    def __get__(
        self: "Step[Concatenate[S, Q], R]", instance: S, owner: type
    ) -> Callable[Q, Coroutine[Any, Any, R]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else partial(self, instance)

    def __repr__(self) -> str:
        return f"<step {self.definition.name}>"

    async def _plain_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.definition.is_async:
            return await self.fn(*args, **kwargs)
        return await asyncio.to_thread(copy_context().run, partial(self.fn, *args, **kwargs))


class StepOptions(TypedDict, total=False):
    """What `@step(…)` takes."""

    name: str | None
    max_retries: int | None
    retry: Retry | None
    timeout: Duration | None
    heartbeat_timeout: Duration | None
    at_most_once: bool
    queue: str
    transaction: bool
    capture_logs: bool | Level | None


@overload
def step(function: Callable[P, Coroutine[Any, Any, R]], /) -> Step[P, R]: ...
@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(**options: Unpack[StepOptions]) -> "StepDecorator": ...
def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a step: `@step`, or `@step(max_retries=3, timeout="30s", …)`. It acts on the world, at least once, is
    retried, and its result is recorded. Async functions run on the worker's loop, others in a thread.

    * `name`: what its calls are recorded under; without it `module:qualname`.
    * `retry`: its policy. `max_retries`: short for `Retry(max_retries=…)`; without either there are 3.
    * `timeout`: of one attempt. `heartbeat_timeout`: of the silence between two `heartbeat()`s. Without: no limit.
    * `at_most_once`: every attempt's start is committed before its body, and a crash in between raises StepInterrupted in
      the workflow instead of repeating it.
    * `queue`: only workers that serve it run the step (`perdure worker MODULE --queue NAME`), others send it there. 1 to 64
      ASCII letters, digits, `.`, `_` and `-`, a letter or digit first; without it "default".
    * `transaction`: what the step writes through `get_connection()` and its completion are one transaction: exactly once,
      or not at all.
    * `capture_logs`: from this level on it is kept what the step logs, for `perdure logs`. True: "INFO", False: nothing,
      None: as `configure` says.

    Values are passed by value: what a step changes in its arguments, the workflow doesn't see. `@staticmethod` goes
    outermost.

    Raises: DefinitionInvalid (it closes over variables, or is a generator; `retry` and `max_retries` at once; a queue that
    can't be), DuplicateName, DurationInvalid.
    """
    decorate = StepDecorator(**options)
    return decorate if function is None else decorate(function)


class StepDecorator:
    """What `@step(…)` gives."""

    def __init__(self, **options: Unpack[StepOptions]) -> None:
        check_keywords("step", options, StepOptions)
        name, queue = options.get("name"), options.get("queue", DEFAULT)
        if not is_queue(queue):
            raise DefinitionInvalid(name or "step", f"queue={queue!r} can't name a queue: give {RULE}")
        retry, max_retries = options.get("retry"), options.get("max_retries")
        if retry is not None and max_retries is not None:
            raise DefinitionInvalid(name or "step", "max_retries and retry were both given; put it into Retry(…)")
        self._retry = retry or (Retry() if max_retries is None else Retry(max_retries=max_retries))
        self._timeout_ms = _limit_ms(options.get("timeout"))
        self._heartbeat_timeout_ms = _limit_ms(options.get("heartbeat_timeout"))
        self._name, self._queue = name, queue
        self._at_most_once = options.get("at_most_once", False)
        self._transaction = options.get("transaction", False)
        self._log_level = _log_level(name or "step", options.get("capture_logs"))

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Step[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Step[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        name = self._name or name_of(function)
        signature = signature_of(name, function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise DefinitionInvalid(name, "it is a generator; return a value, or write to a stream")
        closed = closed_over(function)
        if closed:
            raise DefinitionInvalid(
                name,
                f"it closes over {', '.join(closed)}, which a replay on another machine doesn't have; pass it as an argument",
            )
        definition = StepDefinition(
            name=name,
            function=function,
            place=place_of(function),
            signature=signature,
            is_async=inspect.iscoroutinefunction(function),
            retry=self._retry,
            timeout_ms=self._timeout_ms,
            heartbeat_timeout_ms=self._heartbeat_timeout_ms,
            at_most_once=self._at_most_once,
            queue=self._queue,
            transaction=self._transaction,
            log_level=self._log_level,
        )
        REGISTRY.add(definition)
        made: Step[..., Any] = Step(definition)
        STEPS[name] = made
        return made


def _limit_ms(limit: Duration | None) -> int:
    return 0 if limit is None else duration_ms(limit)


def _log_level(name: str, capture_logs: bool | Level | None) -> int | None:
    try:
        return None if capture_logs is None else level_of(capture_logs)
    except ValueError as error:
        raise DefinitionInvalid(name, str(error)) from None


STEPS: dict[str, Step[..., Any]] = {}
"""Steps by name, so that one passed as a value comes back as itself."""

register_references("step", Step, lambda value: value.definition.name, STEPS.__getitem__)
