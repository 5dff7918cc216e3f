"""What can be looked at: each route of the API that reads, as the inspector's read model has it."""

from typing import Any, get_args

from starlette.responses import Response

from perdure.api.connect import CONNECTION
from perdure.api.records import StepStatus
from perdure.engine.engine import Engine
from perdure.http.answer import answered
from perdure.http.authorization import Target
from perdure.http.call import Call
from perdure.http.inspector.query import LIMIT_MAX, NUMBER_MAX, asked_of, choices_of, flag_of, number_of, wanted_of
from perdure.http.inspector.session import WORLD, may_act
from perdure.inspector.chunk import list_chunks
from perdure.inspector.event import list_events
from perdure.inspector.fork import list_forks
from perdure.inspector.hook import list_hooks
from perdure.inspector.log import Wanted as Lines
from perdure.inspector.log import list_logs
from perdure.inspector.redaction import masked
from perdure.inspector.reference import run_named
from perdure.inspector.run import show_run
from perdure.inspector.runs import list_children, list_runs
from perdure.inspector.span import read_timeline
from perdure.inspector.step import find_step
from perdure.inspector.steps import list_steps
from perdure.inspector.stream import list_streams
from perdure.inspector.wait import list_waits
from perdure.inspector.worker import list_workers
from perdure.inspector.workflow import list_workflows
from perdure.model.log import LEVELS
from perdure.model.status import Status

CHUNKS = 100


async def runs(call: Call) -> Response:
    engine = await _engine_for(call, WORLD)
    wanted, status = wanted_of(call.request), choices_of(call.request, "status", get_args(Status))
    return answered((await list_runs(engine, wanted, status, asked_of(call.request))).as_json())


async def steps(call: Call) -> Response:
    engine = await _engine_for(call, WORLD)
    wanted, status = wanted_of(call.request), choices_of(call.request, "status", get_args(StepStatus))
    return answered((await list_steps(engine, None, wanted, status, asked_of(call.request))).as_json())


async def step(call: Call) -> Response:
    """One step with its data and attempts; `run` says where it is looked for."""
    run = call.request.query_params.get("run")
    engine = await _engine_for(call, WORLD if run is None else Target("run", run))
    found = await find_step(engine, call.parameter, run, with_data=True)
    if (
        run is not None and found.info.run_id != run
    ):  # it was called by a beginning, or by its step's own run in a queue
        await call.check("inspect", Target("run", found.info.run_id))
    return answered(found.as_json())


async def hooks(call: Call) -> Response:
    engine = await _engine_for(call, WORLD)
    return await told(call, (await list_hooks(engine, None, asked_of(call.request))).as_json())


async def workers(call: Call) -> Response:
    engine = await _engine_for(call, WORLD)
    return answered((await list_workers(engine, asked_of(call.request, LIMIT_MAX))).as_json())


async def workflows(call: Call) -> Response:
    engine = await _engine_for(call, WORLD)
    return answered((await list_workflows(engine, asked_of(call.request, 100))).as_json())


async def run(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return await told(call, (await show_run(engine, run_id, with_data=flag_of(call.request, "withData"))).as_json())


async def run_timeline(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return await told(call, (await read_timeline(engine, run_id)).as_json())


async def run_steps(call: Call) -> Response:
    engine, run_id = await run_of(call)
    status = choices_of(call.request, "status", get_args(StepStatus))
    page = await list_steps(engine, run_id, wanted_of(call.request), status, asked_of(call.request, 100))
    return answered(page.as_json())


async def run_events(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return await told(call, (await list_events(engine, run_id, asked_of(call.request, 200))).as_json())


async def run_hooks(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return await told(call, (await list_hooks(engine, run_id, asked_of(call.request, 100))).as_json())


async def run_waits(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return answered((await list_waits(engine, run_id, asked_of(call.request, 100))).as_json())


async def run_streams(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return answered((await list_streams(engine, run_id, asked_of(call.request, 100))).as_json())


async def run_children(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return answered((await list_children(engine, run_id, asked_of(call.request))).as_json())


async def run_forks(call: Call) -> Response:
    engine, run_id = await run_of(call)
    return answered((await list_forks(engine, run_id, asked_of(call.request))).as_json())


async def run_chunks(call: Call) -> Response:
    engine, run_id = await run_of(call)
    start = number_of(call.request, "startIndex", 0, -NUMBER_MAX, NUMBER_MAX)
    limit = number_of(call.request, "limit", CHUNKS, 1, LIMIT_MAX)
    namespace = call.request.query_params.get("namespace") or None
    return answered((await list_chunks(engine, run_id, namespace, start, limit)).as_json())


async def told(call: Call, value: dict[str, Any]) -> Response:
    """The answer where there may be tokens of hooks in it: they are for those who may act."""
    return answered(value if await may_act(call) else masked(value))


async def run_logs(call: Call) -> Response:
    """What its steps logged; of one step, and from a level on, where the query says so."""
    engine, run_id = await run_of(call)
    levels = choices_of(call.request, "level", tuple(LEVELS))
    lines = Lines(call.request.query_params.get("step"), min((LEVELS[level] for level in levels), default=0))
    return answered((await list_logs(engine, run_id, lines, asked_of(call.request, 200))).as_json())


async def run_of(call: Call) -> tuple[Engine, str]:
    """The run that the path names, by its id or a beginning of it, for who may look at it.

    Raises: Problem (401, 403), RunNotFound, UsageError, WorldError.
    """
    engine = await _engine_for(call, Target("run", call.parameter))
    run_id = await run_named(engine, call.parameter)
    if run_id != call.parameter:
        await call.check("inspect", Target("run", run_id))
    return engine, run_id


async def _engine_for(call: Call, target: Target) -> Engine:
    """For who may look at this. Raises: Problem (401, 403), WorldError."""
    await call.check("inspect", target)
    return await CONNECTION.engine()
