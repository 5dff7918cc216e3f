"""What a client may send: limits on size, time, headers and shape; and plain JSON, which is never read as tagged payload."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from perdure.http.problem import Problem


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes are those of a body; a webhook has its own. `silence_s`: between two parts of it; `total_s`: for all of it."""

    body_bytes: int = 1024 * 1024
    depth: int = 100
    keys: int = 10_000
    headers: int = 100
    header_bytes: int = 64 * 1024
    silence_s: float = 10.0
    total_s: float = 60.0


LIMITS = Limits()


class ClientGone(Exception):
    """The client has hung up before it had sent everything: nobody is there to be answered."""


def check_headers(scope: Scope, limits: Limits = LIMITS) -> None:
    """Raises: Problem (431)."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > limits.headers or sum(len(name) + len(value) for name, value in headers) > limits.header_bytes:
        raise Problem(431, f"at most {limits.headers} header fields of {limits.header_bytes} bytes in all are read")


async def read_body(
    scope: Scope,
    receive: Receive,
    bytes_max: int,
    *,
    limits: Limits = LIMITS,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """All of the body. Raises: Problem (408, 413, 415), ClientGone."""
    headers = Headers(scope=scope)
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise Problem(415, "compressed bodies aren't read: send it as it is", headers={"accept-encoding": "identity"})
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > bytes_max:
        raise _too_large(scope, bytes_max)
    body, until = bytearray(), clock() + limits.total_s
    while True:
        message = await _next_part(scope, receive, min(limits.silence_s, until - clock()))
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise _too_large(scope, bytes_max)
        if not message.get("more_body", False):
            return bytes(body)


async def _next_part(scope: Scope, receive: Receive, patience_s: float) -> Any:
    try:
        if patience_s <= 0:
            raise TimeoutError
        async with asyncio.timeout(patience_s):
            return await receive()
    except TimeoutError:
        raise Problem(408, "the body came too slowly", headers=_closing(scope)) from None


def _too_large(scope: Scope, bytes_max: int) -> Problem:
    return Problem(413, f"the body is larger than {bytes_max} bytes", headers=_closing(scope))


def _closing(scope: Scope) -> dict[str, str]:
    """What is left of the body isn't read, so the connection can't go on; HTTP/2 has streams for that, and no header."""
    return {"connection": "close"} if str(scope.get("http_version", "1.1")).startswith("1") else {}


async def read_json(scope: Scope, receive: Receive, *, limits: Limits = LIMITS) -> Any:
    """The body as plain JSON; None where there is no body. Raises: Problem (400, 408, 413, 415), ClientGone."""
    _refuse_foreign_forms(Headers(scope=scope))
    body = await read_body(scope, receive, limits.body_bytes, limits=limits)
    return plain_json(body, limits) if body else None


def _refuse_foreign_forms(headers: Headers) -> None:
    """What a browser sends for a page of another site without asking this one first, cookies and all, is never JSON."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json and not of_this_site(headers):
        raise Problem(415, "from another site send JSON, with the header content-type: application/json")


def of_this_site(headers: Headers) -> bool:
    """Whether no page of another site has sent this, as far as its browser says."""
    origin, host = headers.get("origin"), headers.get("host", "")
    return origin is None or origin in (f"http://{host}", f"https://{host}")


def plain_json(body: bytes, limits: Limits = LIMITS) -> Any:
    """Raises: Problem (400)."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep(limits) from None
    except ValueError as error:
        raise Problem(400, f"the body is no valid JSON: {error}", kind="json-invalid") from None
    _check_shape(value, limits)
    return value


def _check_shape(value: Any, limits: Limits) -> None:
    keys, depth, level = 0, 0, [value]
    while level:
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                held = cast(dict[str, Any], item)
                keys += len(held)
                deeper.extend(held.values())
            elif isinstance(item, list):
                deeper.extend(cast(list[Any], item))
        depth += any(isinstance(item, dict | list) for item in level)
        if keys > limits.keys:
            raise Problem(400, f"the JSON has more than {limits.keys} keys", kind="json-invalid")
        if depth > limits.depth:
            raise _too_deep(limits)
        level = deeper


def _too_deep(limits: Limits) -> Problem:
    return Problem(400, f"the JSON is nested more than {limits.depth} levels deep", kind="json-invalid")
