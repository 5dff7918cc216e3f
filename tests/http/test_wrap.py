"""`wrap`: around apps, as a middleware, and alone."""

import subprocess
import sys
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from perdure import StartOptions, UsageError, WorldUnavailable, get_run, start
from perdure.http import loopback, stream_response, wrap
from tests.http.asgi import Exchange, client, get, scope_of, serving
from tests.http.flows import anybody, greet, hooked, narrate

pytestmark = pytest.mark.anyio
MANAGED = [
    ("POST", "/workflows/http.flows:greet/runs"),
    ("GET", "/runs/wrun_1"),
    ("POST", "/runs/wrun_1/cancel"),
    ("GET", "/runs/wrun_1/stream"),
    ("POST", "/hooks/t"),
]


async def echo(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {request.url.path} {(await request.body()).decode()}")


def starlette() -> Starlette:
    methods = ["GET", "POST", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", echo, methods=methods)])


async def test_as_a_middleware_it_answers_its_own_and_passes_the_rest() -> None:
    app = starlette()
    app.add_middleware(wrap, authorize=anybody, routes=("runs", "streams"), prefix="/p")
    async with serving(app), client(app) as http:
        answer = await http.post("/p/workflows/http.flows:greet/runs", json={"name": "Ann"})
        assert answer.status_code == 202
        assert await get_run(answer.json()["runId"]).result() == "hello Ann"
        assert (await http.get("/runs/wrun_1")).text == "GET /runs/wrun_1 "
        assert (await http.post("/p/hooks/t", content="x")).text == "POST /p/hooks/t x"
        assert (await http.delete("/p/runs")).text == "DELETE /p/runs "


async def test_perdures_exact_paths_win() -> None:
    async with client(wrap(starlette(), routes=("health",))) as http:
        assert (await http.get("/health")).json()["status"] == "ok"
        refused = await http.post("/health")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
        assert (await http.get("/healthy")).text == "GET /healthy "


async def test_a_mounted_app_with_routes_of_its_own() -> None:
    """The life cycle is the outer one's: a mounted app never gets its own."""

    async def begin(request: Request) -> Response:
        run = await start(greet, "Ann", options=StartOptions(idempotency_key="k"))
        return PlainTextResponse(str(await run.result()), 202)

    app = wrap(Starlette(routes=[Mount("/inner", routes=[Route("/begin", begin, methods=["POST"])])]))
    async with serving(app), client(app) as http:
        assert (await http.post("/inner/begin")).text == "hello Ann"


async def test_under_a_mount_paths_are_its_own() -> None:
    inner = wrap(None, routes=("runs", "health"), authorize=anybody)
    app = Starlette(routes=[Mount("/inner", inner), Mount("/of/{tenant}", inner)])
    async with client(app) as http:
        assert (await http.get("/inner/health")).status_code == 200
        answer = await http.post("/inner/workflows/http.flows:greet/runs", json={"name": "Ann"})
        assert answer.headers["location"] == f"/inner/runs/{answer.json()['runId']}"
        answer = await http.post("/of/%0d%0aset-cookie:%20a/workflows/http.flows:greet/runs", json={"name": "Ann"})
        assert answer.headers["location"] == f"/of/%0D%0Aset-cookie%3A%20a/runs/{answer.json()['runId']}"


@pytest.mark.parametrize(("method", "path"), MANAGED)
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1"])
async def test_management_is_closed_until_it_is_opened(method: str, path: str, address: str) -> None:
    names = ("runs", "streams", "hooks")
    async with client(wrap(None, routes=names), address=address) as http:
        answer = await http.request(method, path, json={})
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    async with client(wrap(None), address=address) as http:
        assert (await http.request(method, path, json={})).status_code == 404
    async with client(wrap(None, routes=names, authorize=anybody), address=address) as http:
        assert (await http.request(method, path, json={})).status_code in (202, 404, 422)


@pytest.mark.parametrize(("method", "path"), MANAGED)
@pytest.mark.parametrize(
    "error", [KeyError("SECRET"), UsageError("SECRET"), HTTPException(200), SystemError("SECRET"), "yes"]
)
async def test_an_authorize_that_fails_lets_nobody_in(
    method: str, path: str, error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def authorize(*_: Any) -> Any:
        if isinstance(error, str):
            return error
        raise error

    async with client(wrap(None, routes=("runs", "streams", "hooks"), authorize=authorize)) as http:
        answer = await http.request(method, path, json={"name": "Ann"})
    assert (answer.status_code, answer.json()["detail"]) == (500, "the error has been logged")
    assert "SECRET" not in answer.text
    [record] = caplog.records
    assert record.getMessage().endswith("went wrong")
    assert "wrun_1" not in record.getMessage()


async def test_alone_it_is_a_whole_app() -> None:
    app = wrap(None, routes=("runs", "health"), authorize=loopback)
    async with serving(app), client(app, host="127.0.0.1:8000") as http:
        assert (await http.get("/health")).status_code == 200
        answer = await http.post("/workflows/http.flows:greet/runs", json={"name": "Ann"})
        assert answer.status_code == 202
        nothing = await http.get("/elsewhere")
        assert (nothing.status_code, nothing.json()["detail"]) == (404, "nothing is served under this path")
        page = await http.post("/runs/wrun_1/cancel", headers={"origin": "https://evil.example"})
        assert page.status_code == 403


async def test_websockets_are_the_apps() -> None:
    async def accept(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4000)

    for app, said in (
        (Starlette(routes=[WebSocketRoute("/w", accept)]), "websocket.accept"),
        (None, "websocket.close"),
    ):
        sent: list[str] = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any, sent: list[str] = sent) -> None:
            sent.append(message["type"])

        await wrap(app)(scope_of("/w") | {"type": "websocket", "subprotocols": []}, receive, send)
        assert sent[0] == said


async def test_head_is_get_without_a_body() -> None:
    async with client(wrap(None, routes=("health",))) as http:
        answer = await http.head("/health")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


async def test_many_headers_are_refused() -> None:
    async with client(wrap(starlette(), routes=("health",))) as http:
        many = {f"x-{number}": "" for number in range(200)}
        assert (await http.get("/health", headers=many)).status_code == 431
        assert (await http.get("/mine", headers=many)).status_code == 200


async def test_a_client_that_hangs_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    scope = scope_of("/hooks/t", method="POST", headers={"content-type": "application/json"})
    exchange = Exchange(wrap(None, routes=("hooks",), authorize=anybody), scope, [b"{", b""])
    exchange._parts.pop()
    await exchange.hang_up()
    assert (exchange.status, caplog.records) == (0, [])


async def test_the_worlds_troubles_stay_here(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def away(*_: Any) -> Any:
        raise WorldUnavailable("host secret")

    monkeypatch.setattr("perdure.http.run.launch", away)
    async with client(wrap(None, routes=("runs",), authorize=anybody)) as http:
        answer = await http.post("/workflows/http.flows:greet/runs", json={"name": "Ann"})
    assert (answer.status_code, "secret" in answer.text) == (503, False)
    assert "host secret" in caplog.text


async def test_with_fastapi() -> None:
    api = FastAPI()
    api.add_middleware(wrap, routes=("health",))

    @api.post("/greetings", status_code=202)
    async def ask(name: str) -> dict[str, str]:
        run = await start(greet, name)
        return {"runId": run.run_id, "status": await run.status()}

    @api.get("/greetings/{run_id}/stream")
    async def follow(run_id: str, request: Request) -> Response:
        return stream_response(get_run(run_id), request)

    async with serving(api), client(api) as http:
        run_id = (await http.post("/greetings?name=Ann")).json()["runId"]
        assert await get_run(run_id).result() == "hello Ann"
        stream = await http.get(f"/greetings/{run_id}/stream")
        assert (stream.status_code, stream.headers["x-workflow-run-id"]) == (200, run_id)
        assert (await http.get(f"/greetings/{run_id}/stream?startIndex=9")).status_code == 400
        assert (await http.get("/health")).status_code == 200


async def test_a_stream_through_middlewares() -> None:
    async def follow(request: Request) -> Response:
        return stream_response(get_run(request.path_params["run_id"]), request)

    app = Starlette(routes=[Route("/mine/{run_id}", follow)])
    app.add_middleware(wrap)
    run = await start(narrate, "t")
    answer = get(app, f"/mine/{run.run_id}")
    await hooked(run)
    await answer.begun()
    await answer.hang_up()
    assert answer.status == 200


def test_a_chat_is_a_workflow_that_takes_messages() -> None:
    with pytest.raises(UsageError, match=r"chat=.*greet can't answer a chat: it takes messages: list\[UIMessage\]"):
        wrap(None, chat=greet)


def test_the_routes_of_a_chat_need_one() -> None:
    with pytest.raises(UsageError, match=r"routes=\('chat', …\) needs chat=…, the workflow that answers"):
        wrap(None, routes=("chat",))


@pytest.mark.parametrize("name", ["everything"])
def test_unknown_routes_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}'?: there are webhook, runs, hooks, streams, chat, health, inspector"):
        wrap(None, routes=("webhook", name))


def test_perdure_doesnt_load_it() -> None:
    code = (
        "import perdure, sys; print([name for name in sys.modules if name.startswith(('perdure.http', 'starlette'))])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
