"""Who may do what: the answer of `authorize`, and nothing else, opens a route."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from perdure import DecodeError, HookNotFound, RunNotFound, UsageError, WorldUnavailable
from perdure.http.authorization import AuthorizeFailed, Target, check, cookie_name, loopback, with_token
from perdure.http.problem import Problem
from tests.http.asgi import scope_of

pytestmark = pytest.mark.anyio
TARGET = Target("run", "wrun_1")


def asked(**headers: str) -> Request:
    return Request(scope_of("/runs/wrun_1", headers=headers))


async def refused(authorize: Any) -> int:
    with pytest.raises(Problem) as refusal:
        await check(authorize, asked(), "run:read", TARGET)
    assert ("www-authenticate" in refusal.value.headers) == (refusal.value.status == 401)
    return refusal.value.status


def sync_and_async(answer: object) -> list[Callable[..., Any]]:
    async def later(*_: Any) -> Any:
        return answer

    return [lambda *_: answer, later]


async def test_it_is_asked_with_request_action_and_target() -> None:
    seen: list[Any] = []

    def authorize(request: Request, action: str, target: Target) -> bool:
        seen.append((request.headers["x-user"], action, target.kind, target.id))
        return True

    await check(authorize, asked(**{"x-user": "ann"}), "run:read", TARGET)
    assert seen == [("ann", "run:read", "run", "wrun_1")]


@pytest.mark.parametrize(("answer", "status"), [(False, 403), (None, 401)])
async def test_a_no_is_a_status(answer: bool | None, status: int) -> None:
    assert [await refused(authorize) for authorize in sync_and_async(answer)] == [status, status]


async def test_true_passes() -> None:
    for authorize in sync_and_async(True):
        await check(authorize, asked(), "run:read", TARGET)


async def test_nobody_to_ask_is_a_no() -> None:
    assert await refused(None) == 403


@pytest.mark.parametrize("answer", [1, "yes", object(), {"user": "ann"}, 0, ""])
async def test_any_other_answer_is_no_pass(answer: object) -> None:
    for authorize in sync_and_async(answer):
        with pytest.raises(AuthorizeFailed, match=f"authorize gave a {type(answer).__name__}: return True"):
            await check(authorize, asked(), "run:read", TARGET)


@pytest.mark.parametrize("error", [KeyError("session"), UsageError("x"), Problem(200), DecodeError("a", "b")])
async def test_an_exception_is_no_pass(error: Exception) -> None:
    def authorize(*_: Any) -> bool:
        raise error

    with pytest.raises(AuthorizeFailed, match=f"authorize raised {type(error).__name__}") as failed:
        await check(authorize, asked(), "run:read", TARGET)
    assert failed.value.__cause__ is error


@pytest.mark.parametrize("error", [HookNotFound("t"), RunNotFound("wrun_1"), WorldUnavailable("away")])
async def test_what_it_doesnt_find_isnt_there(error: Exception) -> None:
    async def authorize(*_: Any) -> bool:
        raise error

    with pytest.raises(type(error)):
        await check(authorize, asked(), "run:read", TARGET)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"host": "127.0.0.1:8000"}, True),
        ({"host": "localhost:8000"}, True),
        ({"host": "[::1]:8000"}, True),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, True),
        ({"host": "localhost:8000", "origin": "http://evil.example"}, False),
        ({"host": "localhost:8000", "origin": "http://localhost:9000"}, False),
        ({"host": "localhost:8000", "origin": "null"}, False),
        ({"host": "evil.example"}, False),
        ({"host": "127.0.0.1.evil.example"}, False),
        ({"host": "localhost@evil.example"}, False),
        ({"host": "10.0.0.1"}, False),
        ({"host": "[::1"}, False),
        ({"host": ""}, False),
    ],
)
def test_loopback_lets_in_whom_no_foreign_page_has_sent(headers: dict[str, str], allowed: bool) -> None:
    assert loopback(asked(**headers), "run:start", Target("workflow", "app:f")) is allowed


LOCAL = "127.0.0.1:4321"


@pytest.mark.parametrize(
    ("path", "headers", "verdict"),
    [
        ("/x", {"authorization": "Bearer s3cret"}, True),
        ("/x", {"authorization": "bearer s3cret"}, True),
        ("/x?token=s3cret", {}, True),
        ("/x", {"cookie": "a=b; perdure_4321=s3cret"}, True),
        ("/x?token=no", {"cookie": "perdure_4321=s3cret"}, True),
        ("/x", {}, None),
        ("/x", {"authorization": "Bearer no"}, None),
        ("/x", {"authorization": "Basic s3cret"}, None),
        ("/x", {"authorization": "Bearer"}, None),
        ("/x", {"authorization": "Bearer s3cr\xe9t"}, None),
        ("/x?token=", {}, None),
        ("/x", {"cookie": "perdure_4322=s3cret"}, None),
        ("/x", {"cookie": "perdure=s3cret"}, None),
        ("/x?token=s3cret", {"host": "evil.example"}, False),
        ("/x?token=s3cret", {"origin": "http://evil.example"}, False),
        ("/x?token=s3cret", {"origin": "http://127.0.0.1:9999"}, False),
    ],
)
def test_a_token_opens_what_loopback_would(path: str, headers: dict[str, str], verdict: bool | None) -> None:
    request = Request(scope_of(path, headers={"host": LOCAL, **headers}))
    assert with_token("s3cret")(request, "inspect", Target("world", "")) is verdict


@pytest.mark.parametrize(
    ("host", "name"), [(LOCAL, "perdure_4321"), ("localhost", "perdure"), ("[::1]:1", "perdure_1")]
)
def test_each_port_has_a_cookie_of_its_own(host: str, name: str) -> None:
    assert cookie_name(asked(host=host)) == name
