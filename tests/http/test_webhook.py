"""Webhooks over HTTP: terms, answers, signatures, and the 404 that tells nothing."""

import hashlib
import hmac
from base64 import b64encode
from typing import Any

import httpx
import pytest

from perdure import HookNotFound, Run, WorldUnavailable, configure, start
from perdure.api.connect import CONNECTION
from perdure.http import wrap
from perdure.http.ending import ending
from perdure.http.verify import VERIFIERS, GitHub, StandardWebhooks
from tests.api.following import facts, until
from tests.http.asgi import Exchange, client, scope_of
from tests.http.flows import Answer, Terms, called, hooked, listen, url_of

pytestmark = pytest.mark.anyio
APP = wrap(None)
GITHUB = GitHub("hush", "older", name="http-test-github")
STANDARD = StandardWebhooks(b"hush", name="http-test-standard")
WELL_KNOWN = "/.well-known/workflow/v1/webhook/"


async def call(url: str, content: bytes = b"abc", method: str = "POST", **headers: str) -> httpx.Response:
    fields = {"content-type": "text/x", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with client(APP) as http:
        return await http.request(method, url, content=content, headers=fields)


async def made(**terms: Any) -> tuple[Run[Any], str]:
    run = await start(called, Terms(**terms))
    return run, await url_of(run)


async def received(run: Run[Any]) -> int:
    return len(await facts(run, "hook_received"))


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"])
async def test_a_request_arrives_whole(method: str) -> None:
    run, url = await made()
    answer = await call(url + "?a=1&a=2&b=%C3%A4", method=method)
    assert (answer.status_code, answer.content) == (202, b"")
    assert await run.result() == {
        "method": method,
        "url": f"https://app.example{url}?a=1&a=2&b=%C3%A4",
        "query": {"a": "2", "b": "ä"},
        "body": "abc",
        "kind": "text/x",
    }


async def test_a_static_answer() -> None:
    headers = {"x-who": "ä☃", "content-length": "99", "transfer-encoding": "chunked", "connection": "upgrade"}
    _, url = await made(mode="static", answer=Answer(201, "made", headers))
    answer = await call(url)
    assert (answer.status_code, answer.text) == (201, "made")
    assert answer.headers.raw == [
        (b"content-length", b"4"),
        (b"x-who", "ä☃".encode()),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body(status: int) -> None:
    _, url = await made(mode="static", answer=Answer(status, "never shown"))
    answer = await call(url)
    assert (answer.status_code, answer.content, "content-length" in answer.headers) == (status, b"", False)


async def test_an_answer_by_the_run() -> None:
    run, url = await made(mode="manual", answer=Answer(418, "by the run", {"x-tea": "green"}))
    answer = await call(url)
    assert (answer.status_code, answer.text, answer.headers["x-tea"]) == (418, "by the run", "green")
    await run.result()


async def test_an_answer_that_doesnt_come() -> None:
    run, url = await made(mode="silent", timeout="1ms")
    answer = await call(url)
    assert (answer.status_code, answer.headers["content-type"]) == (504, "application/problem+json")
    assert await received(run) == 1


async def test_a_server_that_goes_down_doesnt_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.http.webhook.LINGER_S", 0.001)
    run, url = await made(mode="silent")
    waiting = Exchange(APP, scope_of(url, method="POST", headers={"content-type": "x"}))
    await until(lambda: received(run))
    ending().set()
    assert (await waiting.end()).status == 504


async def test_a_run_that_ends_without_an_answer() -> None:
    run, url = await made(mode="silent")
    waiting = Exchange(APP, scope_of(url, method="POST", headers={"content-type": "x"}))
    await until(lambda: received(run))
    await run.cancel(grace=0)
    assert (await waiting.end()).status == 504


async def test_what_is_no_webhook_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    await hooked(await start(listen, "a-hook"))
    done, url = await made()
    await call(url)
    await done.result()
    answers = [
        await call(WELL_KNOWN + "unknown"),
        await call(WELL_KNOWN + "a-hook"),
        await call(url),
        await call(WELL_KNOWN + "unknown", b"x" * 3_000_000),
        await call(WELL_KNOWN + "unknown", content_encoding="gzip"),
    ]
    assert {(answer.status_code, answer.content, str(answer.headers)) for answer in answers} == {
        (404, b"", str(httpx.Headers({"content-length": "0"})))
    }


async def test_one_that_is_disposed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any) -> Any:
        raise HookNotFound("t")

    _, url = await made()
    monkeypatch.setattr("perdure.http.webhook.receive", refuse)
    assert (await call(url)).status_code == 404


async def test_a_body_has_the_webhooks_own_limit() -> None:
    run, url = await made(max_body=3)
    assert (await call(url, b"abcd")).status_code == 413
    assert await received(run) == 0
    assert (await call(url, b"abc")).status_code == 202


async def test_what_cant_be_recorded_is_too_large() -> None:
    run, url = await made(max_body=30_000_000)
    assert (await call(url, b"\xff" * 14_000_000)).status_code == 413
    assert await received(run) == 0


async def test_a_compressed_body_isnt_read() -> None:
    _, url = await made()
    assert (await call(url, content_encoding="gzip")).status_code == 415


def signed(body: bytes, key: str) -> str:
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


async def test_only_the_signed_gets_in(caplog: pytest.LogCaptureFixture) -> None:
    run, url = await made(verifier=GITHUB.name)
    for signature in ("", "sha256=00", signed(b"abc", "other"), signed(b"abd", "hush")):
        answer = await call(url, x_hub_signature_256=signature)
        assert (answer.status_code, answer.json()["detail"]) == (401, "the signature is missing, wrong or too old")
    assert (await call(url)).status_code == 401
    assert await received(run) == 0
    assert "was refused by the verifier 'http-test-github'" in caplog.text
    assert (await call(url, x_hub_signature_256=signed(b"abc", "older"))).status_code == 202


async def test_the_stores_clock_tells_how_old_a_signature_is() -> None:
    run, url = await made(verifier=STANDARD.name)
    now_s = (await CONNECTION.engine()).world.now_ms() // 1000
    for at_s, status in ((now_s - 301, 401), (now_s + 301, 401), (now_s - 290, 202)):
        digest = hmac.new(b"hush", f"msg_1.{at_s}.abc".encode(), hashlib.sha256).digest()
        signature = "v1," + b64encode(digest).decode()
        answer = await call(url, webhook_id="msg_1", webhook_timestamp=str(at_s), webhook_signature=signature)
        assert answer.status_code == status
    assert await received(run) == 1


async def test_a_verifier_that_isnt_here(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    run, url = await made(verifier=GITHUB.name)
    monkeypatch.delitem(VERIFIERS, GITHUB.name)
    answer = await call(url, x_hub_signature_256=signed(b"abc", "hush"))
    assert (answer.status_code, await received(run)) == (503, 0)
    assert "'http-test-github', which this process doesn't have" in caplog.text


async def test_guesses_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.http.rate.MISSES_MAX", 2)
    app = wrap(None)
    async with client(app) as http:
        statuses = [(await http.post(WELL_KNOWN + "guess")).status_code for _ in range(3)]
    assert statuses == [404, 404, 429]


async def test_a_world_that_is_away_is_a_503(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def away(_: str) -> Any:
        raise WorldUnavailable("host secret")

    monkeypatch.setattr("perdure.http.webhook.find_webhook", away)
    answer = await call(WELL_KNOWN + "t")
    assert (answer.status_code, "secret" in answer.text) == (503, False)
    assert "ANY /.well-known/workflow/v1/webhook/{} went wrong" in caplog.text


async def test_without_a_base_the_request_tells_the_url() -> None:
    configure(world="memory://")
    run, url = await made()
    await call(url + "?a=1")
    assert (await run.result())["url"] == f"http://app.example{url}?a=1"
