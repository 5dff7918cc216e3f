"""The page, and the chat behind it. Anybody may chat, and the shop's people decide; who that is a real app's session says."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from examples.support_assistant import shop
from examples.support_assistant.workflows import support
from perdure.chat.approval import APPROVALS
from perdure.http import Action, Target, wrap

HERE = Path(__file__).parent


def authorize(request: Request, action: Action, target: Target) -> bool | None:
    user = request.headers.get("x-user")
    if user is None:
        return None
    if action == "hook:resume" and target.id.startswith(f"{APPROVALS.prefix}:"):
        return user in shop.STAFF
    return True


api = FastAPI(title="Support")
api.add_middleware(wrap, chat=support, authorize=authorize)


@api.get("/")
async def page() -> Response:
    return FileResponse(HERE / "page.html")


@api.get("/page.js")
async def script() -> Response:
    return FileResponse(HERE / "page.js", media_type="text/javascript")
