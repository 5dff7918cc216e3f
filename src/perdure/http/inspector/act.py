"""What can be done to runs: to one, to many at once, and to hooks. Each run and hook is asked about by itself."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.responses import Response

from perdure.api.connect import CONNECTION
from perdure.api.hook import resume_hook
from perdure.api.run import Run, get_run
from perdure.errors import PerdureError
from perdure.http.answer import answered
from perdure.http.authorization import Target
from perdure.http.body import of_this_site, read_json
from perdure.http.call import Call
from perdure.http.hook import refuse_webhooks
from perdure.http.inspector.session import actor_of
from perdure.http.problem import Problem, problem_of
from perdure.inspector.reference import run_named
from perdure.model.duration import Duration

MANY = 1000
Body = dict[str, Any]
Act = Callable[[Run[Any], Body, str], Awaitable[Body]]


async def cancel(run: Run[Any], body: Body, by: str) -> Body:
    return {"accepted": await run.cancel(body.get("reason"), _grace(body), by=by)}


async def retry(run: Run[Any], body: Body, by: str) -> Body:
    await run.retry(by=by)
    return {}


async def rerun(run: Run[Any], body: Body, by: str) -> Body:
    return {"runId": (await run.rerun(by=by)).run_id}


async def wake(run: Run[Any], body: Body, by: str) -> Body:
    return {"woken": await run.wake_up(by=by)}


ACTS: dict[str, tuple[Act, dict[str, type | tuple[type, ...]]]] = {
    "cancel": (cancel, {"reason": str, "now": bool, "grace": (str, int, float)}),
    "retry": (retry, {}),
    "rerun": (rerun, {}),
    "wake": (wake, {}),
}
"""By the end of their paths: what is done, and the fields that say how."""


def on_one(name: str) -> Callable[[Call], Awaitable[Response]]:
    """The handler that does it to the run in the path: 200, with its id (`rerun`: the new one's) and what came of it."""
    act, fields = ACTS[name]

    async def answer(call: Call) -> Response:
        refuse_foreign(call)
        await call.check("act", Target("run", call.parameter))
        body = _checked(await read_json(call.scope, call.receive), fields)
        return answered(await _done(act, call, call.parameter, body))

    return answer


def on_many(name: str) -> Callable[[Call], Awaitable[Response]]:
    """The handler that does it to the runs in the body: 200, with what came of each, errors too."""
    act, fields = ACTS[name]

    async def answer(call: Call) -> Response:
        refuse_foreign(call)
        body = _checked(await read_json(call.scope, call.receive), {**fields, "runIds": list})
        items = [await _tried(act, call, run, body) for run in dict.fromkeys(_run_ids(body))]
        return answered({"items": items})

    return answer


async def resume(call: Call) -> Response:
    """202 once the payload is accepted; 422 where it doesn't fit a type that is known here."""
    refuse_foreign(call)
    token = call.parameter
    await call.check("act", Target("hook", token))
    body = _checked(await read_json(call.scope, call.receive), {"payload": object})
    await refuse_webhooks(token)
    hook = await resume_hook(token, body.get("payload"), by=actor_of(call.request))
    return answered({"runId": hook.run_id, "hookId": hook.hook_id}, 202)


def refuse_foreign(call: Call) -> None:
    """Raises: Problem (403, 415) for what a page of another site may have sent with this one's cookies."""
    headers = call.request.headers
    if not of_this_site(headers):
        raise Problem(403, "from another site nobody acts here", kind="forbidden")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "send JSON, with the header content-type: application/json")


async def _tried(act: Act, call: Call, run: str, body: Body) -> Body:
    try:
        await call.check("act", Target("run", run))
        done = await _done(act, call, run, body)
    except (Problem, PerdureError) as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return {"runId": run, "ok": False, "error": problem.document()}
    return {"runId": run, "ok": True, **({"newRunId": done["runId"]} if done["runId"] != run else {})}


async def _done(act: Act, call: Call, run: str, body: Body) -> Body:
    run_id = await run_named(await CONNECTION.engine(), run)
    if run_id != run:
        await call.check("act", Target("run", run_id))
    return {"runId": run_id, **await act(get_run(run_id), body, actor_of(call.request))}


def _checked(body: Any, fields: dict[str, Any]) -> Body:
    """Raises: Problem (422)."""
    if not isinstance(body, dict | None):
        raise _misfit("the body is an object, or there is none")
    checked = cast(Body, body or {})
    for name, value in checked.items():
        if name not in fields:
            raise _misfit(f"there is no field {name!r}" + (f": there are {', '.join(fields)}" if fields else ""), name)
        if value is not None and not _is(value, fields[name]):
            raise _misfit(f"{name} is of the wrong type", name)
    return checked


def _is(value: Any, types: Any) -> bool:
    return isinstance(value, types) and (types in (bool, object) or not isinstance(value, bool))


def _run_ids(body: Body) -> list[str]:
    """Raises: Problem (422)."""
    run_ids: list[Any] = body.get("runIds") or []
    if not 0 < len(run_ids) <= MANY or not all(isinstance(each, str) for each in run_ids):
        raise _misfit(f"runIds are 1 to {MANY} ids of runs", "runIds")
    return run_ids


def _grace(body: Body) -> Duration | None:
    """Raises: Problem (422)."""
    if not body.get("now"):
        return body.get("grace")
    if body.get("grace") is not None:
        raise _misfit("now is a grace of 0: leave grace out", "grace")
    return 0


def _misfit(detail: str, path: str | None = None) -> Problem:
    return Problem(422, detail, kind="value-invalid", path=path)
