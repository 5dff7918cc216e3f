"""The page, and the chat behind it. Who may chat and decide is nobody's question here: a real app asks its session."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from examples.support_assistant.workflows import support
from perdure.http import Action, Target, wrap

HERE = Path(__file__).parent


def authorize(request: Request, action: Action, target: Target) -> bool:
    return True


api = FastAPI(title="Support")
api.add_middleware(wrap, chat=support, authorize=authorize)


@api.get("/")
async def page() -> Response:
    return FileResponse(HERE / "page.html")


@api.get("/page.js")
async def script() -> Response:
    return FileResponse(HERE / "page.js", media_type="text/javascript")
