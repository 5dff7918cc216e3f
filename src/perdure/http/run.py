"""Runs over HTTP: start one, look at it, ask it to end."""

from typing import Any, cast
from urllib.parse import quote

from starlette.responses import Response

from perdure.api.connect import CONNECTION
from perdure.api.launch import launch
from perdure.api.options import StartOptions
from perdure.api.records import RunInfo
from perdure.api.run import get_run
from perdure.codec.arguments import decode_arguments, encode_arguments
from perdure.engine.registry import REGISTRY
from perdure.errors import DecodeError, WorkflowNotRegistered
from perdure.http.answer import answered
from perdure.http.authorization import Target
from perdure.http.body import read_json
from perdure.http.call import Call
from perdure.http.problem import LOCKED, Problem
from perdure.model.definition import WorkflowDefinition

SHOWN = (
    "runId", "workflow", "status", "createdAt", "startedAt", "completedAt", "durationMs", "attributes", "parentId", "reason",
)  # fmt: skip


async def start_run(call: Call) -> Response:
    """202, with the run's id and status, once the run is durable."""
    definition = workflow_named(call.parameter)
    await call.check("run:start", Target("workflow", definition.name if definition else call.parameter))
    if definition is None:
        raise WorkflowNotRegistered(call.parameter)
    input = input_of(definition, await read_json(call.scope, call.receive))
    options = StartOptions(idempotency_key=call.idempotency_key)
    engine = await CONNECTION.engine(work=True)
    run_id = await launch(engine, definition.name, input, options)
    answer = {"runId": run_id, "status": await get_run(run_id).status()}
    return answered(answer, 202, location=f"{quote(call.prefix)}/runs/{run_id}")


async def show_run(call: Call) -> Response:
    """200, with where the run stands."""
    await call.check("run:read", Target("run", call.parameter))
    info = await get_run(call.parameter).info()
    if info.locked:
        raise Problem(503, LOCKED, kind="payload-locked")
    return answered(shown(info))


async def cancel_run(call: Call) -> Response:
    """202; `accepted` false: the run had ended before."""
    await call.check("run:cancel", Target("run", call.parameter))
    run = get_run(call.parameter)
    asked = await read_json(call.scope, call.receive)
    accepted = await run.cancel(**cancel_options({} if asked is None else asked))
    return answered({"runId": run.run_id, "accepted": accepted}, 202)


def workflow_named(name: str) -> WorkflowDefinition | None:
    """The workflow of this process that is called so, by its whole name or an end of it that only one has.

    An end begins after a `:` or a `.`: `fulfil` and `orders:fulfil` are ends of `app.orders:fulfil`.
    """
    if name in REGISTRY.served:
        return REGISTRY.workflow(name)
    ends = [known for known in REGISTRY.workflow_names() if known.endswith((f":{name}", f".{name}"))]
    return REGISTRY.workflow(ends[0]) if name and len(ends) == 1 else None


def input_of(definition: WorkflowDefinition, body: Any) -> bytes:
    """The input of a run, the same as `start` makes of the same arguments. Raises: Problem (422), ArgumentsInvalid."""
    if not isinstance(body, dict | None):
        raise Problem(422, 'the arguments are an object by name, such as {"name": "Ann"}', kind="arguments-invalid")
    given = cast(dict[str, Any], body or {})
    try:
        arguments = decode_arguments(encode_arguments(given), definition.types)
        input = encode_arguments(definition.bound(arguments).arguments)
        decode_arguments(input, definition.types)
    except DecodeError as error:
        raise Problem(422, f"{error.path}: {error.reason}", kind="arguments-invalid", path=error.path) from None
    return input


def shown(info: RunInfo) -> dict[str, Any]:
    """What a client sees of a run: no token of a hook, no line of the code, no traceback."""
    whole = info.as_json()
    view = {name: whole[name] for name in SHOWN}
    if info.status == "blocked":
        view["reason"] = "it waits for its code, or for an operator"
    view["waitingFor"] = [_waiting(reason) for reason in whole["waitingFor"]]
    if info.status == "completed":
        view["result"] = whole["result"]
    if whole["error"] is not None:
        view["error"] = {**whole["error"], "traceback": None}
    return view


def _waiting(reason: dict[str, Any]) -> dict[str, Any]:
    masked = {"hook": "a payload", "code": "its code, or an operator"}
    return {**reason, "detail": masked.get(reason["kind"], reason["detail"])}


def cancel_options(asked: Any) -> dict[str, Any]:
    """Raises: Problem (422), UsageError."""
    if not isinstance(asked, dict) or not asked.keys() <= {"reason", "grace"}:
        raise Problem(422, 'a cancel takes an object with "reason" and "grace", or nothing', kind="value-invalid")
    options = cast(dict[str, Any], asked)
    for name, types in (("reason", str | None), ("grace", str | int | float | None)):
        if not isinstance(options.get(name), types) or isinstance(options.get(name), bool):
            raise Problem(422, f"{name} is of the wrong type", kind="value-invalid", path=name)
    return options
