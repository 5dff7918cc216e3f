"""What `@workflow` and `@step` know of a function: its name, its signature by parts, and its options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from inspect import BoundArguments, Parameter, Signature
from typing import Any, ParamSpecArgs, ParamSpecKwargs, Unpack, get_origin, get_type_hints

from perdure.errors import ArgumentsInvalid
from perdure.model.queue import DEFAULT
from perdure.model.retry import Retry


@dataclass(frozen=True, kw_only=True, eq=False)
class Definition:
    """A function that can be recorded by name. `place` is `file:line`."""

    name: str
    function: Callable[..., Any]
    place: str
    signature: Signature

    @cached_property
    def types(self) -> Mapping[str, Any]:
        """The annotations by parameter, resolved at first use, when names that come later in the module exist."""
        hints, parameters = _hints(self.function), self.signature.parameters
        return {name: _recorded_type(parameters[name].kind, hint) for name, hint in hints.items() if name in parameters}

    @cached_property
    def returns(self) -> Any:
        return _hints(self.function).get("return", Any)

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by parameter name, only those that were given. Raises: ArgumentsInvalid."""
        plain = self._plain
        if plain is not None and len(args) == len(plain) and not kwargs:
            return dict(zip(plain, args))  # noqa: B905 - as many
        try:
            return dict(self.signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise ArgumentsInvalid(self.name, str(error)) from None

    def call(self, arguments: dict[str, Any]) -> Any:
        """Call the function with arguments by parameter name, as `named` made them. Raises: ArgumentsInvalid."""
        if arguments.keys() == self._plain_names:
            return self.function(**arguments)
        bound = self.bound(arguments)
        return self.function(*bound.args, **bound.kwargs)

    def bound(self, arguments: dict[str, Any]) -> BoundArguments:
        """Arguments by parameter name, in the order of the parameters. Raises: ArgumentsInvalid."""
        bound = self.signature.bind_partial()
        bound.arguments.update({name: arguments[name] for name in self.signature.parameters if name in arguments})
        unknown = sorted(arguments.keys() - self.signature.parameters.keys())
        if unknown:
            raise ArgumentsInvalid(self.name, f"it has no parameter {unknown[0]!r}")
        try:
            self.signature.bind(*bound.args, **bound.kwargs)
        except TypeError as error:
            raise ArgumentsInvalid(self.name, str(error)) from None
        return bound

    @cached_property
    def _plain_names(self) -> frozenset[str] | None:
        return None if self._plain is None else frozenset(self._plain)

    @cached_property
    def _plain(self) -> tuple[str, ...] | None:
        """The parameters' names where each may be given by position or name: then binding is a zip. Else None."""
        parameters = self.signature.parameters.values()
        if all(parameter.kind is Parameter.POSITIONAL_OR_KEYWORD for parameter in parameters):
            return tuple(parameter.name for parameter in parameters)
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class WorkflowDefinition(Definition):
    """A workflow. `timeout_ms` 0 means none; `version` is free text, shown to people."""

    version: str | None = None
    timeout_ms: int = 0
    max_recoveries: int = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class StepDefinition(Definition):
    """A step. Limits in ms, 0 means none; `is_async` false: the body runs in a thread; `queue`: whose workers run it;
    `transaction`: in one of the store; `log_level`: from there on it is kept what it logs, None: as its worker has it."""

    is_async: bool = True
    retry: Retry = field(default_factory=Retry)
    timeout_ms: int = 0
    heartbeat_timeout_ms: int = 0
    at_most_once: bool = False
    queue: str = DEFAULT
    transaction: bool = False
    log_level: int | None = None

    @cached_property
    def is_plain(self) -> bool:
        """Whether an attempt is nothing but awaiting the function: no thread, no limits, no transaction."""
        return self.is_async and not (self.timeout_ms or self.heartbeat_timeout_ms or self.transaction)


@cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations; one that can't be resolved (a class local to a function, given as text) is left out: any value fits."""
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError):
        raw = getattr(function, "__annotations__", {})
        return {name: hint for name, hint in raw.items() if not isinstance(hint, str)}


def _recorded_type(kind: Any, hint: Any) -> Any:
    """The type of what is recorded under a parameter's name: `*numbers: int` is a tuple of them."""
    if kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        return hint
    if get_origin(hint) is Unpack or isinstance(hint, ParamSpecArgs | ParamSpecKwargs):
        return Any
    return tuple[hint, ...] if kind is Parameter.VAR_POSITIONAL else dict[str, hint]
