"""The JSON API of an inspector elsewhere: one that `perdure web` or `perdure serve` serves, or an app that has it mounted."""

import os
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, cast
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit

import msgspec

from perdure.cli.escape import visible
from perdure.cli.failure import InspectorRefused, InspectorUnusable
from perdure.errors import UsageError

TOKEN = "PERDURE_TOKEN"
"""The token of the inspector that `--url` names, where that URL has none."""
PATIENCE_S = 30.0
BODY_MAX = 256 * 1024 * 1024
ASK = "is `perdure web` running there?"
NONE = "what answers there is none: give the URL that `perdure web` wrote"
NO_TOKEN = "it lets in who has its token: give the whole URL that `perdure web` wrote, or PERDURE_TOKEN"
OTHER_TOKEN = "it has another token than the one given: `perdure web` makes a new one at each start"

Query = Sequence[tuple[str, str]]


class Client:
    """`server`: where it is, as `http://host:port/prefix`, without the token; `token`: that of the URL, else of
    PERDURE_TOKEN, or None."""

    def __init__(self, url: str, patience_s: float = PATIENCE_S) -> None:
        """`url`: the page's, with anything that it may have behind it, or the server's; `patience_s`: so long nothing may
        come from it. Raises: UsageError."""
        self._patience_s = patience_s
        parts = _split(url)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._prefix = quote(_prefix(parts.path), safe="/%")
        self.server = f"{parts.scheme}://{parts.netloc}{self._prefix}"
        self.token = next(iter(parse_qs(parts.query).get("token", ())), None) or os.environ.get(TOKEN) or None
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise UsageError("the token can't be one: it has characters that no token has")

    def get(self, path: Sequence[str], query: Query = ()) -> dict[str, Any]:
        """The JSON object at this path of the API. Raises: InspectorUnusable, InspectorRefused."""
        parts = "/".join(quote(part, safe="", errors="replace") for part in path)
        target = f"{self._prefix}/api/v1/{parts}" + (f"?{urlencode(query, errors='replace')}" if query else "")
        status, kind, body = self._asked(target)
        told = _object(body)
        if status == 200 and told is not None:
            return told
        if kind != "application/problem+json" or told is None:
            raise InspectorUnusable(self.server, NONE)
        raise self._refusal(status, visible(str(told.get("detail", ""))))

    def _asked(self, target: str) -> tuple[int, str, bytes]:
        """Status, type and body of the answer. No redirect is followed: the token is for this server."""
        connection = (HTTPSConnection if self._secure else HTTPConnection)(
            self._host, self._port, timeout=self._patience_s
        )
        headers = {"accept": "application/json"}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        try:
            connection.request("GET", target, headers=headers)
            answer: HTTPResponse = connection.getresponse()
            body = answer.read(BODY_MAX + 1)
        except TimeoutError:
            raise InspectorUnusable(self.server, f"no answer within {self._patience_s:g} s") from None
        except OSError as error:
            raise InspectorUnusable(self.server, f"{(error.strerror or str(error)).lower()}; {ASK}") from None
        except (HTTPException, UnicodeError):
            raise InspectorUnusable(self.server, NONE) from None
        finally:
            connection.close()
        if len(body) > BODY_MAX:
            raise InspectorUnusable(self.server, "its answer is too large: ask for less, with --limit")
        return answer.status, answer.headers.get_content_type(), body

    def _refusal(self, status: int, detail: str) -> InspectorRefused:
        if status == 401:
            detail = NO_TOKEN if self.token is None else OTHER_TOKEN
        return InspectorRefused(self.server, status, detail or f"status {status}")


def _split(url: str) -> SplitResult:
    """Raises: UsageError."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise UsageError(
        "--url is the URL of an inspector, as `perdure web` writes it: http://127.0.0.1:4321/inspector/?token=…"
    )


def _prefix(path: str) -> str:
    """What the inspector's own paths come behind."""
    return path.rstrip("/").removesuffix("/inspector").removesuffix("/api/v1").rstrip("/")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return cast(dict[str, Any], told) if isinstance(told, dict) else None
