"""The privacy desk: a person asks and proves who she is, a lawyer releases. Who may is checked here."""

from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response

from examples.compliance.workflows import Answer, PrivacyRequest, Release, Verified, fulfil, releases, verifications
from perdure import HookNotFound, StartOptions, find_run, get_run, start
from perdure.http import stream_response, wrap

LAWYERS = ("lena", "luis")

api = FastAPI(title="Privacy requests")
api.add_middleware(wrap)


def current_user(x_user: Annotated[str, Header()]) -> str:
    """Whoever a real app's session says."""
    return x_user


User = Annotated[str, Depends(current_user)]


@api.post("/requests", status_code=202)
async def ask(request: PrivacyRequest) -> dict[str, str]:
    key = f"privacy:{request.request_id}"
    run = await start(fulfil, request, options=StartOptions(idempotency_key=key))
    return {"runId": run.run_id, "status": await run.status()}


@api.get("/requests/{request_id}")
async def look(request_id: str) -> dict[str, object]:
    run = await find_run(f"privacy:{request_id}")
    if run is None:
        raise HTTPException(404, "there is no such request")
    info = (await get_run(run.run_id, Answer).info()).as_json()
    return {name: info[name] for name in ("runId", "status", "result", "waitingSentence")}


@api.get("/requests/{request_id}/stream")  # reconnect: ?startIndex=N
async def follow(request_id: str, request: Request) -> Response:
    run = await find_run(f"privacy:{request_id}")
    if run is None:
        raise HTTPException(404, "there is no such request")
    return stream_response(run, request)


@api.post("/requests/{request_id}/verified", status_code=202)
async def verify(request_id: str, user: User) -> None:
    """Called by the page behind the link in the mail, once its session says who is there."""
    try:
        hook = await verifications.get(request_id)
        if user != hook.metadata["person"]:
            raise HTTPException(403, "not the person whom this request is about")
        await verifications.resume(request_id, Verified(by=user))
    except HookNotFound:
        raise HTTPException(404, "nobody waits for this to be verified") from None


@api.post("/requests/{request_id}/release", status_code=202)
async def release(request_id: str, approved: bool, user: User, reason: str = "") -> None:
    if user not in LAWYERS:
        raise HTTPException(403, "not a lawyer")
    try:
        await releases.resume(request_id, Release(approved, by=user, reason=reason))
    except HookNotFound:
        raise HTTPException(404, "nothing is to be released for this request") from None
