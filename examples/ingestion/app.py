"""The page, routes that start an ingestion and follow it, and the chat behind the questions.

An EventSource reconnects by itself, and says with Last-Event-ID what it has; after a reload the page asks from the
beginning, for the run whose id is in its address.
"""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from examples.ingestion.workflows import ask, ingest
from perdure import get_run, start
from perdure.http import loopback, stream_response, wrap

HERE = Path(__file__).parent
DOCUMENTS = HERE.parents[1] / "docs"

api = FastAPI(title="Ingestion")
api.add_middleware(wrap, chat=ask, authorize=loopback)


@api.get("/")
async def page() -> Response:
    return FileResponse(HERE / "page.html")


@api.get("/page.js")
async def script() -> Response:
    return FileResponse(HERE / "page.js")


@api.post("/ingestions", status_code=202)
async def begin() -> dict[str, str]:
    run = await start(ingest, str(DOCUMENTS))
    return {"runId": run.run_id, "status": await run.status()}


@api.get("/ingestions/{run_id}")
async def look(run_id: str) -> dict[str, object]:
    info = (await get_run(run_id).info()).as_json()
    return {name: info[name] for name in ("runId", "status", "result", "waitingSentence")}


@api.get("/ingestions/{run_id}/stream")
async def follow(run_id: str, request: Request) -> Response:
    return stream_response(get_run(run_id), request)
