"""`start`: the one way into a workflow. It returns once the run is durable."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, overload

from msgspec import Raw

from perdure.api.connect import CONNECTION
from perdure.api.launch import launch
from perdure.api.options import StartOptions
from perdure.api.relay import relay_start
from perdure.api.run import Run
from perdure.api.workflow import Workflow
from perdure.codec.arguments import encode_arguments
from perdure.engine.engine import NewRun
from perdure.errors import UsageError
from perdure.model.definition import WorkflowDefinition
from perdure.model.duration import moment_ms
from perdure.model.ids import RunId
from perdure.replay.arguments import read_arguments
from perdure.replay.body import Body
from perdure.replay.run import start_child
from perdure.replay.scope import SCOPE, Attempt

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")
NO_OPTIONS = StartOptions()
SURE = frozenset((str, int, float, bool))
"""What is of such a type comes back as it went, so it needs no trial."""


@overload
async def start(workflow: Callable[[*Ts], Coroutine[Any, Any, R]], /, *args: *Ts, options: StartOptions) -> Run[R]: ...
@overload
async def start(workflow: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...
async def start(
    workflow: Callable[..., Coroutine[Any, Any, R]], /, *args: Any, options: StartOptions | None = None, **kwargs: Any
) -> Run[R]:
    """Start a run of `workflow` with these arguments; durable when it returns.

    Arguments go by position or name; with `options` by position only. A type checker holds them against the signature.

    * In a workflow the start is recorded, and the run is a child: it knows its parent, and a cancel of the parent reaches
      it. A child that was started with an idempotency key may be somebody else's run, and one with a deployment outlives
      its parent's: a cancel doesn't follow to these. Either together with a delay is a UsageError there: sleep first.
    * In a step, a start without a key gets one from the step's id, so that the next attempt finds the same run.
    * Elsewhere, the first start in a process also starts a worker (see `configure`).

    Raises: ArgumentsInvalid (too few, too many, an unknown name, another type than the annotation's) and EncodeError before
    anything is written; UsageError, StartConflict, WorldError.
    """
    if not isinstance(workflow, Workflow):
        name = getattr(workflow, "__qualname__", repr(workflow))
        raise UsageError(f"start was given {name}, which is no workflow: decorate it with @workflow")
    definition = workflow.definition
    arguments = definition.named(args, kwargs)
    input = encode_arguments(arguments)
    _check_types(definition, arguments, input)
    scope = SCOPE.get()
    if scope is None and options is None:  # most: nothing has to be found out before
        engine = await CONNECTION.engine(work=True)
        return Run((await engine.start(NewRun(definition.name, input))).run_id, definition.returns)
    options = options or NO_OPTIONS
    if scope is None:
        run_id = await launch(await CONNECTION.engine(work=True), definition.name, input, options)
    elif isinstance(scope, Body):
        run_id = await _start_in_body(scope, definition, input, options)
    else:
        assert isinstance(scope, Attempt), scope
        if options.idempotency_key is None:
            options = replace(options, idempotency_key=scope.next_start_key())
        run_id = await launch(await CONNECTION.engine(), definition.name, input, options, scope.run_id)
    return Run(run_id, definition.returns)


def _check_types(definition: WorkflowDefinition, arguments: Mapping[str, object], input: bytes) -> None:
    """What the worker would find out is said at once, before anything is written."""
    types = definition.types
    for name, value in arguments.items():
        kind = type(value)
        if kind not in SURE or kind is not types.get(name, kind):
            break
    else:
        return
    read_arguments(definition, Raw(input))


async def _start_in_body(body: Body, workflow: WorkflowDefinition, input: bytes, options: StartOptions) -> RunId:
    """A child, in the log of its parent. One with a key may be somebody else's run, one for another deployment lives
    apart from its parent: a step starts these."""
    due_ms = None if options.delay is None else moment_ms(options.delay, body.loop.now_ms)
    key, deployment, attributes = options.idempotency_key, options.deployment, dict(options.attributes)
    if key is None and deployment is None:
        return start_child(body, workflow, input, attributes=attributes, due_ms=due_ms)
    if due_ms is not None:
        what = "a key" if deployment is None else "a deployment"
        raise UsageError(
            f"in a workflow, a start with both {what} and a delay isn't supported: sleep first, then start"
        )
    if deployment is None:  # as it was recorded before there were deployments
        return RunId(await relay_start(workflow.name, input.decode(), key, options.on_conflict, attributes))
    return RunId(await relay_start(workflow.name, input.decode(), key, options.on_conflict, attributes, deployment))
