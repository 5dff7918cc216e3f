"""Tools of an agent: steps, workflows (inlined: they may sleep, wait and start children), or plain functions, each call of
which becomes a step."""

import inspect
from collections.abc import Callable
from typing import Any, cast, get_type_hints

from pydantic_ai import RunContext, Tool, ToolFailed
from pydantic_ai.exceptions import ApprovalRequired

from perdure import RemoteError, Step, UsageError, Workflow
from perdure.agent.turn import TURN

METADATA = "perdure"
"""The key in a tool's metadata: False where a call isn't made a step, as it is one, or is the body's own."""
ToolFunction = Step[..., Any] | Workflow[..., Any] | Callable[..., Any]
NeedsApproval = bool | Callable[..., bool]


def tool(
    function: ToolFunction,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    needs_approval: NeedsApproval = False,
    retries: int | None = None,
) -> Tool[Any]:
    """A tool from a step, a workflow or a plain function.

    `name` and `description` are its own where none are given, as the schema is. `needs_approval`: True, or what says so of
    the call's arguments, by their names. `retries`: how often the model may mend a call whose arguments don't fit.

    Raises: UsageError.
    """
    called, durable = cast(Callable[..., Any], function), isinstance(function, Step | Workflow)
    plain: Callable[..., Any] = getattr(function, "fn", function) if durable else called
    if not inspect.isfunction(plain) and not inspect.ismethod(plain):
        raise UsageError(f"{plain!r} is no tool: give a step, a workflow or a function")
    if durable or callable(needs_approval):
        called = _guarded(called, plain, needs_approval, durable=durable)
    return Tool(
        called,
        name=name or plain.__name__,
        description=description,
        requires_approval=needs_approval is True,
        max_retries=retries,
        metadata={METADATA: False} if durable else None,
    )


def as_tool(given: Tool[Any] | ToolFunction) -> Tool[Any]:
    """Raises: UsageError."""
    return cast(Tool[Any], given) if isinstance(given, Tool) else tool(given)


def failed(error: BaseException) -> ToolFailed:
    """How the model, and the client, hear of a tool that raised: by the name that the exception's class has where it was."""
    if isinstance(error, RemoteError):
        return ToolFailed(f"{error.type_name.rpartition(':')[2]}: {error.message}")
    return ToolFailed(f"{type(error).__name__}: {error}")


def _guarded(
    function: Callable[..., Any], plain: Callable[..., Any], needs_approval: NeedsApproval, *, durable: bool
) -> Callable[..., Any]:
    """The function with its own signature, that asks for approval first, and tells the model of what it raises: a step's
    retries are used up by then."""
    parameters = list(inspect.signature(plain).parameters.values())
    hints = get_type_hints(plain, include_extras=True)
    takes_context = bool(parameters) and _is_context(hints.get(parameters[0].name))

    async def call(context: RunContext[Any], /, **arguments: Any) -> Any:
        if callable(needs_approval) and not context.tool_call_approved and needs_approval(**arguments):
            raise ApprovalRequired
        if not durable:
            made = function(context, **arguments) if takes_context else function(**arguments)
            return await made if inspect.isawaitable(made) else made
        turn = TURN.get()
        try:
            return await (function(**arguments) if turn is None else turn.place.make(lambda: function(**arguments)))
        except Exception as error:
            raise failed(error) from error

    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_ONLY, annotation=RunContext[Any])
    own = [parameter.replace(annotation=hints.get(parameter.name, Any)) for parameter in parameters[takes_context:]]
    described: Any = call
    described.__signature__ = inspect.Signature([context, *own], return_annotation=hints.get("return", Any))
    described.__annotations__ = {"context": RunContext[Any], **hints}
    described.__doc__, described.__name__, described.__module__ = plain.__doc__, plain.__name__, plain.__module__
    return call


def _is_context(hint: Any) -> bool:
    return (getattr(hint, "__origin__", None) or hint) is RunContext
