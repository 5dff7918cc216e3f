"""The page: the files in `static`, as they are, with headers that let it load nothing from elsewhere and run no inline
script. They hold nothing of any run, so they are open to all; what they ask for isn't."""

import mimetypes
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response

from perdure.http.authorization import TOKEN, cookie_name
from perdure.http.call import Call
from perdure.http.inspector.session import may
from perdure.http.problem import Problem

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": CSP,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


def files() -> list[Path]:
    """All that there are, relative to the folder."""
    return sorted(path.relative_to(STATIC) for path in STATIC.rglob("*") if path.is_file())


async def to_page(call: Call) -> Response:
    """What is relative in the page is so from the folder's path."""
    query = call.request.url.query
    return Response(status_code=307, headers={"location": f"inspector/{query and '?'}{query}"})


async def show_page(call: Call) -> Response:
    """The page. Where the query has a token that passes, first a cookie, so that it stands in no history."""
    token = call.request.query_params.get(TOKEN)
    if token is not None and await may(call, "inspect"):
        answer = Response(status_code=303, headers={**HEADERS, "location": "./", "cache-control": "no-store"})
        answer.set_cookie(cookie_name(call.request), token, path="/", httponly=True, samesite="strict")
        return answer
    return _sent(call, STATIC / INDEX)


def show_file(path: Path) -> Callable[[Call], Awaitable[Response]]:
    """The handler for one of `files`."""

    async def answer(call: Call) -> Response:
        return _sent(call, STATIC / path)

    return answer


def _sent(call: Call, path: Path) -> Response:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise Problem(404, "the page isn't here: this perdure was installed without it") from None
    tag = f'"{sha256(data).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag}
    if tag in [each.strip().removeprefix("W/") for each in call.request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(data, headers={**headers, "content-type": kind})
