"""What a client may send: sizes, times, encodings, shapes."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from perdure.http.body import LIMITS, ClientGone, Limits, check_headers, plain_json, read_body, read_json
from perdure.http.problem import Problem
from tests.http.asgi import scope_of

pytestmark = pytest.mark.anyio


class Sender:
    """Hands out parts; after the last one it is silent for ever, or has gone."""

    def __init__(self, *parts: bytes, complete: bool = True, gone: bool = False) -> None:
        self._parts, self._complete, self._gone = iter(parts), complete, gone
        self._left = len(parts)
        self.asked = 0

    async def __call__(self) -> Message:
        self.asked += 1
        part = next(self._parts, None)
        if part is not None:
            self._left -= 1
            return {"type": "http.request", "body": part, "more_body": self._left > 0 or not self._complete}
        if self._gone:
            return {"type": "http.disconnect"}
        return await asyncio.get_running_loop().create_future()


def post(**headers: str) -> dict[str, Any]:
    return scope_of("/hooks/t", method="POST", headers={name.replace("_", "-"): v for name, v in headers.items()})


async def refusal(scope: dict[str, Any], sender: Sender, limits: Limits = LIMITS, **more: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        await read_body(scope, sender, limits.body_bytes, limits=limits, **more)
    return refused.value


async def test_a_body_comes_in_parts() -> None:
    assert await read_body(post(), Sender(b"ab", b"", b"c"), 3) == b"abc"


async def test_a_declared_length_is_refused_unread() -> None:
    sender = Sender(b"x" * 11)
    problem = await refusal(post(content_length="11"), sender, Limits(body_bytes=10))
    assert (problem.status, problem.headers, sender.asked) == (413, {"connection": "close"}, 0)


async def test_an_undeclared_length_is_refused_where_it_goes_too_far() -> None:
    sender = Sender(*[b"x" * 4] * 1000)
    problem = await refusal(post(), sender, Limits(body_bytes=10))
    assert (problem.status, sender.asked) == (413, 3)


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "ten", "١"])
async def test_a_hostile_length_does_nothing_worse(length: str) -> None:
    scope = scope_of("/hooks/t", method="POST")
    scope["headers"].append((b"content-length", length.encode()))
    if length.isascii() and length.isdigit():
        assert (await refusal(scope, Sender(b"abc"))).status == 413
    else:
        assert await read_body(scope, Sender(b"abc"), 10) == b"abc"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"])
async def test_compressed_bodies_arent_read(encoding: str) -> None:
    sender = Sender(b"x")
    problem = await refusal(post(content_encoding=encoding), sender)
    assert (problem.status, problem.headers, sender.asked) == (415, {"accept-encoding": "identity"}, 0)
    assert await read_body(post(content_encoding="Identity"), Sender(b"x"), 10) == b"x"


async def test_a_silent_sender_is_given_up() -> None:
    problem = await refusal(post(), Sender(b"ab", complete=False), Limits(silence_s=0.001))
    assert (problem.status, problem.headers) == (408, {"connection": "close"})


async def test_a_sender_that_drips_is_given_up() -> None:
    """By the clock, which a second goes by on at each look: no part is late, all together are."""
    sender, seconds = Sender(*[b"x"] * 1000), iter(range(1000))
    problem = await refusal(post(), sender, Limits(silence_s=10, total_s=60), clock=lambda: next(seconds))
    assert (problem.status, sender.asked) == (408, 59)


async def test_http_2_has_no_connection_header() -> None:
    scope = post() | {"http_version": "2"}
    assert (await refusal(scope, Sender(b"ab", complete=False), Limits(silence_s=0.001))).headers == {}


async def test_a_client_that_has_gone_is_answered_nothing() -> None:
    with pytest.raises(ClientGone):
        await read_body(post(), Sender(b"ab", complete=False, gone=True), 10)


SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", ""]
"""What a browser sends to another site without asking it first."""


@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("body", [b"[1]", b""])
async def test_forms_of_other_sites_arent_read(kind: str, body: bytes) -> None:
    for origin in ("https://evil.example", "null", "http://app.example.evil.example", "http://app.example:8000"):
        sender = Sender(body)
        with pytest.raises(Problem, match="415 from another site send JSON"):
            await read_json(post(content_type=kind, origin=origin), sender)
        assert sender.asked == 0
    for own in ({}, {"origin": "http://app.example"}, {"origin": "https://app.example"}):
        assert await read_json(post(content_type=kind, **own), Sender(body)) == ([1] if body else None)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"]
)
async def test_json_of_other_sites_is_for_cors_to_let_in(kind: str) -> None:
    assert await read_json(post(content_type=kind, origin="https://partner.example"), Sender(b"[1]")) == [1]


def nested(depth: int, within: bytes = b"0") -> bytes:
    return b'[{"a":' * (depth // 2) + b"[" * (depth % 2) + within + b"]" * (depth % 2) + b"}]" * (depth // 2)


def test_what_is_as_deep_as_may_be_is_read() -> None:
    assert plain_json(nested(100)) is not None


@pytest.mark.parametrize("depth", [101, 200, 5000, 100_000])
def test_what_is_deeper_is_refused(depth: int) -> None:
    with pytest.raises(Problem, match="400 the JSON is nested more than 100 levels deep"):
        plain_json(nested(depth))


def test_too_many_keys_are_refused() -> None:
    keys = b",".join(b'"%d":{"a":0}' % number for number in range(5000))
    assert len(plain_json(b"[{" + keys + b"}]")[0]) == 5000
    with pytest.raises(Problem, match="400 the JSON has more than 10000 keys"):
        plain_json(b'[{"one":0},{' + keys + b"}]")


@pytest.mark.parametrize(
    "body", [b"{", b"nul", b"\xff", b'{"a":1} x', b"1" * 5000, b"NaN", b"'a'", b"\x00", b'"\\ud800"']
)
def test_malformed_json_is_refused(body: bytes) -> None:
    with pytest.raises(Problem, match="400 the body is no valid JSON"):
        plain_json(body)


def test_no_tag_is_read() -> None:
    assert plain_json(b'{"$":"dt","v":"2026-01-01T00:00:00Z"}') == {"$": "dt", "v": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "headers", [[(b"x-%d" % number, b"") for number in range(101)], [(b"x", b""), (b"y", b"v" * 70_000)]]
)
def test_headers_have_limits(headers: list[tuple[bytes, bytes]]) -> None:
    check_headers({"headers": headers[:-1]})
    with pytest.raises(Problem, match="431"):
        check_headers({"headers": headers})
