"""The incident desk: alerts come in, people take them and decide. Who may is checked against the hook's metadata."""

from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response

from examples.incident.workflows import Acknowledged, Alert, Remedy, Report, acknowledgements, remedies, respond
from perdure import HookNotFound, StartOptions, get_run, start
from perdure.http import stream_response, wrap

api = FastAPI(title="Incidents")
api.add_middleware(wrap)


def current_user(x_user: Annotated[str, Header()]) -> str:
    """Whoever a real app's session says."""
    return x_user


User = Annotated[str, Depends(current_user)]


@api.post("/alerts", status_code=202)
async def alarm(alert: Alert) -> dict[str, str]:
    """Monitoring fires again and again: one alert is one run."""
    run = await start(respond, alert, options=StartOptions(idempotency_key=f"alert:{alert.alert_id}"))
    return {"runId": run.run_id, "status": await run.status()}


@api.get("/incidents/{run_id}")
async def look(run_id: str) -> dict[str, object]:
    info = (await get_run(run_id, Report).info()).as_json()
    return {name: info[name] for name in ("runId", "status", "result", "waitingSentence")}


@api.get("/incidents/{run_id}/stream")  # reconnect: ?startIndex=N
async def follow(run_id: str, request: Request) -> Response:
    return stream_response(get_run(run_id), request)


@api.post("/alerts/{alert_id}/acknowledge", status_code=202)
async def acknowledge(alert_id: str, user: User) -> dict[str, str]:
    try:
        hook = await acknowledgements.get(alert_id)
    except HookNotFound:
        raise HTTPException(404, "nobody is being paged for this alert") from None
    if user not in hook.metadata["rota"]:
        raise HTTPException(403, "not on the rota")
    await acknowledgements.resume(alert_id, Acknowledged(by=user))
    return {"runId": hook.run_id}


@api.post("/alerts/{alert_id}/remedy", status_code=202)
async def decide(alert_id: str, restart: bool, user: User) -> dict[str, str]:
    try:
        hook = await remedies.get(alert_id)
    except HookNotFound:
        raise HTTPException(404, "nothing is to be decided for this alert") from None
    if user != hook.metadata["owner"]:
        raise HTTPException(403, f"{hook.metadata['owner']} has this incident")
    await remedies.resume(alert_id, Remedy("restart" if restart else "leave it", by=user))
    return {"runId": hook.run_id}
