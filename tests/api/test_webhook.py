"""Webhooks: their URLs, the requests that they give, who answers, and when; the HTTP around them is perdure.http's."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from perdure import (
    DurationInvalid,
    FatalError,
    HookNotFound,
    NotInWorkflow,
    Retry,
    Run,
    UsageError,
    Webhook,
    WebhookRequest,
    WebhookResponse,
    configure,
    create_hook,
    create_webhook,
    get_step_metadata,
    resume_hook,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from perdure.api.connect import BASE_VARIABLE
from perdure.api.webhook import Headers, find_webhook, receive
from perdure.model.webhook import Answer, WebhookTerms
from tests.api.following import cause_of, facts, status_of, types_of
from tests.api.ways import hooks_of, in_every_way, once, open_hook

pytestmark = pytest.mark.anyio

BASE = "https://shop.example"
seen: list[Any] = []


@pytest.fixture(autouse=True)
def cleaned() -> None:
    seen.clear()


class Signed:
    """A verifier, of which the log gets the name."""

    name = "signed"

    def __init__(self) -> None:
        self.secret = "guessed"


def request(body: bytes = b"", **more: Any) -> WebhookRequest:
    return WebhookRequest(**({"method": "POST", "url": f"{BASE}/hook", "body": body} | more))


async def call(token: str, body: bytes = b"", **more: Any) -> Answer:
    """What a caller of this webhook gets."""
    return await receive(*await find_webhook(token), request(body, **more))


async def webhook_of(run: Run[Any]) -> str:
    """The token of the run's webhook, once it takes requests."""
    [hook] = await hooks_of(run)
    await open_hook(hook.token)
    return hook.token


# -- URLs


@workflow
async def shows_its_url() -> str:
    async with create_webhook() as webhook:
        assert isinstance(webhook, Webhook)
        return f"{webhook.token} {webhook.url}"


@pytest.mark.parametrize(
    ("base_url", "variable", "begins"),
    [
        (BASE, None, BASE),
        (f"{BASE}/sub/", None, f"{BASE}/sub"),
        (None, "http://localhost:8000/", "http://localhost:8000"),
        (BASE, "http://localhost:8000", BASE),
    ],
)
async def test_a_url_begins_with_what_was_configured(
    monkeypatch: pytest.MonkeyPatch, base_url: str | None, variable: str | None, begins: str
) -> None:
    if variable is not None:
        monkeypatch.setenv(BASE_VARIABLE, variable)
    configure(world="memory://", base_url=base_url)
    token, url = (await (await start(shows_its_url)).result()).split()
    assert url == f"{begins}/.well-known/workflow/v1/webhook/{token}"
    assert len(token) == 32


@workflow
async def has_a_token(token: str) -> str:
    async with create_webhook(token=token, verify=Signed()) as webhook:
        return webhook.url


async def test_a_token_of_ones_own_is_quoted() -> None:
    configure(world="memory://", base_url=BASE)
    run = await start(has_a_token, "orders/ünï ?#")
    assert await run.result() == f"{BASE}/.well-known/workflow/v1/webhook/orders%2F%C3%BCn%C3%AF%20%3F%23"


async def test_without_a_base_there_is_no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE_VARIABLE, raising=False)
    error = await cause_of(await start(shows_its_url))
    assert (type(error), str(error)) == (
        UsageError,
        "a webhook's URL needs to know where this app is reached: configure(base_url=…) or PERDURE_BASE_URL",
    )


@workflow
async def needs_no_url() -> bytes:
    async with create_webhook() as webhook:
        return (await webhook).body


async def test_a_webhook_whose_url_nobody_asks_for_needs_no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE_VARIABLE, raising=False)
    run = await start(needs_no_url)
    await call(await webhook_of(run), b"hello")
    assert await run.result() == b"hello"


@pytest.mark.parametrize("base_url", ["shop.example", "ftp://shop.example", ""])
def test_a_base_that_is_no_address(base_url: str) -> None:
    with pytest.raises(UsageError) as caught:
        configure(world="memory://", base_url=base_url)
    assert str(caught.value) == f"base_url={base_url!r} is no address: it begins with http:// or https://"


# -- requests


@workflow(name="webhooks:takes")
async def takes(count: int) -> list[Any]:
    async with create_webhook() as webhook:
        taken: list[Any] = []
        async for got in webhook:
            taken.append(got.text())
            if len(taken) == count:
                break
    return taken


def test_many_requests_in_order() -> None:
    async def act() -> Any:
        run = await start(takes, 3)
        token = await webhook_of(run)
        answers = [await call(token, body) for body in (b"a", b"b", b"c")]
        assert answers == [Answer(status=202)] * 3
        return await run.result()

    in_every_way(act, takes, gives=["a", "b", "c"])


@workflow
async def looks_at_it() -> list[Any]:
    async with create_webhook() as webhook:
        got = await webhook
    assert isinstance(got, WebhookRequest)
    return [
        got.method, got.url, got.headers["content-TYPE"], sorted(got.headers), got.query, got.body, got.text(), got.json(),
        got.run_id, got.reply,
    ]  # fmt: skip


async def test_what_a_request_has() -> None:
    run = await start(looks_at_it)
    await call(
        await webhook_of(run),
        b'{"paid":true}',
        method="PUT",
        header_pairs=(("Content-Type", "application/json"), ("X-Id", "1"), ("x-id", "2")),
        query={"order": "o-1"},
    )
    assert await run.result() == [
        "PUT",
        f"{BASE}/hook",
        "application/json",
        ["content-type", "x-id"],
        {"order": "o-1"},
        b'{"paid":true}',
        '{"paid":true}',
        {"paid": True},
        run.run_id,
        "",
    ]


@step
async def reads(got: WebhookRequest) -> str:
    return f"{got.method} {got.headers['X-Id']} {got.text()}"


@workflow
async def hands_it_on() -> str:
    async with create_webhook() as webhook:
        return await reads(await webhook)


async def test_a_step_gets_it_as_it_is() -> None:
    run = await start(hands_it_on)
    await call(await webhook_of(run), b"\xff", header_pairs=(("x-id", "7"),))
    assert await run.result() == "POST 7 �"


def test_a_body_that_is_no_json() -> None:
    with pytest.raises(ValueError, match="malformed"):
        request(b"{x").json()


def test_headers_in_any_case() -> None:
    headers = Headers((("Content-Type", "text/plain"), ("ACCEPT", "a"), ("accept", "b"), ("Accept", "c")))
    assert isinstance(headers, Mapping)
    assert headers["CONTENT-type"] == "text/plain"
    assert headers.get("Accept") == "a, b, c"
    assert "content-TYPE" in headers
    assert "x-none" not in headers
    assert headers.get("x-none") is None
    assert (len(headers), list(headers)) == (2, ["content-type", "accept"])
    assert repr(headers) == "Headers({'content-type': 'text/plain', 'accept': 'a, b, c'})"


@pytest.mark.parametrize("given", [{"other": 1}, "text", 7, None])
async def test_a_payload_that_is_no_request_is_rejected(given: Any) -> None:
    """Somebody sends to a webhook's token as to a hook's."""
    run = await start(needs_no_url)
    token = await webhook_of(run)
    await resume_hook(token, given)
    await call(token, b"a request")
    assert await run.result() == b"a request"
    [rejected, taken] = await facts(run, "hook_received")
    assert rejected["rejected"].startswith("payload")
    assert "rejected" not in taken


# -- who answers


@workflow
async def answers_by_itself(kind: str) -> str:
    async with create_webhook(respond_with=RESPONSES[kind]) as webhook:
        return (await webhook).text()


RESPONSES: dict[str, Any] = {
    "nothing said": None,
    "text": WebhookResponse("thanks", status=201, headers={"X-Shop": "1"}),
    "bytes": WebhookResponse(b"\0", headers={"Content-Type": "image/x"}),
    "json": WebhookResponse({"ok": True}),
    "empty": WebhookResponse(status=204),
    "list": WebhookResponse([1, None]),
    "own type": WebhookResponse("<xml/>", headers={"content-TYPE": "application/xml"}),
}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("nothing said", Answer(status=202)),
        (
            "text",
            Answer(
                status=201, headers=(("x-shop", "1"), ("content-type", "text/plain; charset=utf-8")), body=b"thanks"
            ),
        ),
        ("bytes", Answer(headers=(("content-type", "image/x"),), body=b"\0")),
        ("json", Answer(headers=(("content-type", "application/json"),), body=b'{"ok":true}')),
        ("empty", Answer(status=204)),
        ("list", Answer(headers=(("content-type", "application/json"),), body=b"[1,null]")),
        ("own type", Answer(headers=(("content-type", "application/xml"),), body=b"<xml/>")),
    ],
)
async def test_a_webhook_that_answers_by_itself(kind: str, answer: Answer) -> None:
    run = await start(answers_by_itself, kind)
    assert await call(await webhook_of(run), b"x") == answer
    assert await run.result() == "x"


@workflow(name="webhooks:answers")
async def answers(where: str) -> str:
    async with create_webhook(respond_with="manual", timeout="20s") as webhook:
        got = await webhook
        if where == "body":
            await got.respond_with(WebhookResponse({"got": got.text()}, status=201))
        else:
            await answers_in_a_step(got)
        await goes("on")
    return got.text()


@step(name="webhooks:goes")
async def goes(what: str) -> str:
    return what


@step(name="webhooks:answers_in_a_step")
async def answers_in_a_step(got: WebhookRequest) -> None:
    await got.respond_with(WebhookResponse({"got": got.text()}, status=201))


@pytest.mark.parametrize("where", ["body", "step"])
def test_the_run_answers(where: str) -> None:
    async def act() -> Any:
        run = await start(answers, where)
        answer = await call(await webhook_of(run), b"x")
        assert [stream.namespace async for stream in run.streams()] == [], "the answer's way is nobody's stream"
        return answer.status, answer.body, await run.result()

    in_every_way(act, answers, goes, answers_in_a_step, gives=(201, b'{"got":"x"}', "x"))


@workflow(name="webhooks:answers_each")
async def answers_each(count: int) -> None:
    async with create_webhook(respond_with="manual") as webhook:
        for _ in range(count):
            got = await webhook
            await got.respond_with(WebhookResponse(f"yours was {got.text()}"))


def test_each_caller_gets_the_answer_to_its_own_request() -> None:
    async def act() -> Any:
        run = await start(answers_each, 4)
        token = await webhook_of(run)
        got = await asyncio.gather(*(call(token, str(number).encode()) for number in range(4)))
        await run.result()
        return [answer.body.decode() for answer in got]

    in_every_way(act, answers_each, gives=[f"yours was {number}" for number in range(4)])


@step(name="webhooks:answers_then_fails", retry=Retry(max_retries=2, delay=0.01, jitter=0))
async def answers_then_fails(got: WebhookRequest) -> int:
    """Every attempt answers; the caller has the first one's."""
    attempt = get_step_metadata().attempt
    await got.respond_with(WebhookResponse(f"attempt {attempt}"))
    if attempt < 3:
        raise ConnectionError("cut off")
    return attempt


@workflow(name="webhooks:answers_and_retries")
async def answers_and_retries() -> bool:
    async with create_webhook(respond_with="manual") as webhook:
        return await answers_then_fails(await webhook) >= 3


def test_a_step_that_is_tried_again_after_it_has_answered_goes_on() -> None:
    async def act() -> Any:
        run = await start(answers_and_retries)
        answer = await call(await webhook_of(run))
        return answer.body[:8], await run.result()

    in_every_way(act, answers_and_retries, answers_then_fails, gives=(b"attempt ", True))


@workflow
async def answers_twice(first: str, second: str) -> str:
    async with create_webhook(respond_with="manual") as webhook:
        got = await webhook
        for where in (first, second):
            try:
                if where == "body":
                    await got.respond_with(WebhookResponse(where))
                elif where != "nowhere":
                    await answers_once(got, where)
            except UsageError as error:
                return str(error)
    return "answered twice"


@step(max_retries=0)
async def answers_once(got: WebhookRequest, where: str) -> None:
    await got.respond_with(WebhookResponse(where))
    if where == "step twice":
        await got.respond_with(WebhookResponse("again"))


@pytest.mark.parametrize(
    ("first", "second"), [("body", "body"), ("body", "step"), ("step", "step"), ("step twice", "nowhere")]
)
async def test_a_second_answer_is_refused(first: str, second: str) -> None:
    run = await start(answers_twice, first, second)
    answer = await call(await webhook_of(run))
    assert answer.body == first.encode()
    assert await run.result() == "this request has been answered already"


@workflow
async def answers_though_it_neednt() -> None:
    async with create_webhook() as webhook:
        await (await webhook).respond_with(WebhookResponse("thanks"))


async def test_an_answer_that_nobody_waits_for() -> None:
    run = await start(answers_though_it_neednt)
    await call(await webhook_of(run))
    error = await cause_of(run)
    assert (type(error), str(error)) == (
        UsageError,
        "this webhook answers by itself: create it with respond_with='manual' to answer in the run",
    )


async def test_an_answer_from_outside() -> None:
    with pytest.raises(NotInWorkflow) as caught:
        await request(run_id="wrun_00000000000000000000000000", reply="~reply/1").respond_with(WebhookResponse())
    assert str(caught.value) == (
        "respond_with was called outside of a workflow: only the workflow that received the request, or its step, answers"
    )


# -- when nobody answers


@workflow(name="webhooks:silent")
async def silent(how: str) -> str:
    async with create_webhook(respond_with="manual", timeout="20s") as webhook:
        await webhook
        match how:
            case "sleeps":
                await sleep("10m")
            case "fails":
                raise FatalError("no")
            case _:
                pass
    return "never answered"


def test_a_caller_waits_as_long_as_the_webhook_says() -> None:
    async def act() -> Any:
        run = await start(silent, "sleeps")
        token = await webhook_of(run)
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await call(token)
        waited = asyncio.get_running_loop().time() - begun
        assert await run.status() == "running"
        return round(waited)

    in_every_way(act, silent, gives=20)


@pytest.mark.parametrize("how", ["ends", "fails"])
def test_a_caller_is_told_soon_when_the_run_ends_without_an_answer(how: str) -> None:
    async def act() -> Any:
        run = await start(silent, how)
        token = await webhook_of(run)
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError) as caught:
            await call(token)
        assert asyncio.get_running_loop().time() - begun < 2
        return str(caught.value), await run.status()

    status = {"ends": "completed", "fails": "failed"}[how]
    in_every_way(act, silent, gives=("the run ended without an answer", status))


async def test_here_it_is_told_at_once() -> None:
    run = await start(silent, "ends")
    token = await webhook_of(run)
    begun = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await call(token)
    assert asyncio.get_running_loop().time() - begun < 0.9, "it was told, and needn't look"


@workflow(name="webhooks:late")
async def late() -> str:
    """Answers after the caller has gone."""
    async with create_webhook(respond_with="manual", timeout="1s") as webhook:
        got = await webhook
        await sleep("5s")
        await got.respond_with(WebhookResponse("late"))
    return "answered"


def test_an_answer_that_comes_too_late_disturbs_nobody() -> None:
    async def act() -> Any:
        run = await start(late)
        with pytest.raises(TimeoutError):
            await call(await webhook_of(run))
        return await run.result()

    in_every_way(act, late, gives="answered")


# -- which hook it is


@workflow(name="webhooks:plain_hook")
async def plain_hook(token: str) -> Any:
    return await create_hook(token=token)


def test_a_hook_is_no_webhook() -> None:
    """No probing: it is told as for an unknown token."""

    async def act() -> Any:
        run = await start(plain_hook, "t")
        await open_hook("t")
        told = set()
        for token in ("t", "unknown"):
            with pytest.raises(HookNotFound) as caught:
                await find_webhook(token)
            told.add(str(caught.value))
        await resume_hook("t", "still waiting")
        return len(told), await run.result()

    assert once(act, plain_hook)[0] == (1, "still waiting")


@workflow(name="webhooks:expiring")
async def expiring() -> list[str]:
    async with create_webhook(expires="2s", metadata={"for": "orders"}) as webhook:
        return [got.text() async for got in webhook]


def test_an_expired_webhook_is_not_found() -> None:
    async def act() -> Any:
        run = await start(expiring)
        token = await webhook_of(run)
        found, _ = await find_webhook(token)
        await call(token, b"in time")
        await asyncio.sleep(2.1)
        for late in (find_webhook(token), receive(found, WebhookTerms(base_url=""), request())):
            with pytest.raises(HookNotFound):
                await late
        return await run.result()

    in_every_way(act, expiring, gives=["in time"])


async def test_what_people_see_of_it() -> None:
    run = await start(expiring)
    token = await webhook_of(run)
    [hook] = (await run.hooks()).items
    assert (hook.webhook, hook.metadata, hook.status) == (True, {"for": "orders"}, "waiting")
    assert (await run.info()).waiting_sentence.startswith(f"waiting for a payload for webhook {token[:8]}…, until ")
    await run.cancel()


# -- the terms are recorded


def deploy(**terms: Any) -> Any:
    @workflow(name="app:webhook")
    async def flow() -> str:
        async with create_webhook(**terms) as webhook:
            return f"{webhook.url.partition('/.')[0]} {(await webhook).text()}"

    return flow


async def test_a_change_of_the_terms_parks_nothing() -> None:
    configure(world="memory://", work=False, base_url=BASE)
    async with worker():
        run = await start(deploy(respond_with=WebhookResponse("first"), timeout="5s", verify=Signed()))
        token = await webhook_of(run)

    class Other:
        name = "other"

    other = deploy(respond_with="manual", timeout="7s", max_body=5, verify=Other())
    assert other is not None
    _, terms = await find_webhook(token)
    assert (terms.verify, terms.timeout_ms, terms.manual, terms.base_url) == ("signed", 5000, False, BASE)
    async with worker():
        assert (await call(token, b"x")).body == b"first", "as it was promised to who has the URL"
        assert await run.result() == f"{BASE} x"
    assert "run_blocked" not in await types_of(run)


async def test_what_the_terms_say() -> None:
    configure(world="memory://", base_url=BASE)
    run = await start(deploy(respond_with="manual", timeout="90s", max_body=2048, verify=Signed(), token="own"))
    await open_hook("own")
    _, terms = await find_webhook("own")
    assert terms == WebhookTerms(base_url=BASE, manual=True, verify="signed", timeout_ms=90_000, body_max=2048)
    await run.cancel(grace=0)


async def test_a_hook_that_becomes_a_webhook_parks_the_run() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(deploy_kind(webhook=False))
        await open_hook("own")
    deploy_kind(webhook=True)
    async with worker():
        await resume_hook("own", 1)
        await status_of(run, end="blocked")
    divergence = (await run.info()).divergence
    assert divergence is not None
    assert (divergence.recorded, divergence.attempted) == ("hook own", "webhook own")


def deploy_kind(*, webhook: bool) -> Any:
    @workflow(name="app:hook_or_webhook")
    async def flow() -> Any:
        return await (create_webhook(token="own", verify=Signed()) if webhook else create_hook(token="own"))

    return flow


# -- bad input


BAD: dict[str, Any] = {
    "token": lambda: create_webhook(token="guessed"),
    "max_body": lambda: create_webhook(max_body=0),
    "respond_with": lambda: create_webhook(respond_with="automatic"),  # type: ignore[arg-type]
    "timeout": lambda: create_webhook(respond_with="manual", timeout="soon"),
}


@workflow
async def asks_badly(what: str) -> None:
    BAD[what]()


@pytest.mark.parametrize(
    ("what", "kind", "sentence"),
    [
        (
            "token",
            UsageError,
            "a webhook with a token of one's own can be guessed: give verify=… too, or leave the token out",
        ),
        ("max_body", UsageError, "max_body=0 lets no request through: give at least 1 byte"),
        ("respond_with", UsageError, "respond_with='automatic' is neither a WebhookResponse nor 'manual'"),
        ("timeout", DurationInvalid, "'soon' is no duration: "),
    ],
)
async def test_a_webhook_that_cant_be(what: str, kind: type, sentence: str) -> None:
    run = await start(asks_badly, what)
    error = await cause_of(run)
    assert isinstance(error, kind)
    assert str(error).startswith(sentence)
    assert "hook_created" not in await types_of(run)


async def test_only_a_workflow_waits() -> None:
    with pytest.raises(NotInWorkflow) as caught:
        create_webhook()
    assert str(caught.value) == (
        "create_webhook was called outside of a workflow: only a workflow waits for payloads; "
        "to send one use resume_hook"
    )


@pytest.mark.parametrize("status", [0, 100, 199, 600, -1])
def test_a_status_that_is_no_answers(status: int) -> None:
    with pytest.raises(UsageError) as caught:
        WebhookResponse(status=status)
    assert str(caught.value) == f"status={status} is no answer's: give 200 to 599"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"X-Id": "1\r\nset-cookie: a"}, "x-id"),
        ({"X-Id": "\0"}, "x-id"),
        ({"X-\nId": "1"}, "x-\nid"),
        ({"": "1"}, ""),
        ({"X:Id": "1"}, "x:id"),
        ({"Ünï": "1"}, "ünï"),
    ],
)
def test_a_header_that_cant_be_sent(headers: dict[str, str], name: str) -> None:
    with pytest.raises(UsageError) as caught:
        WebhookResponse(headers=headers).recorded()
    assert str(caught.value) == f"the header {name!r} can't be sent: its name or value holds what no header may"


@pytest.mark.parametrize("body", [object(), {"a": object()}, {1: object()}])
def test_a_body_that_is_no_answers(body: Any) -> None:
    with pytest.raises(UsageError) as caught:
        WebhookResponse(body).recorded()
    assert str(caught.value).startswith("the body of a webhook's response is no JSON: ")


@workflow
async def answers_badly() -> str:
    async with create_webhook(respond_with="manual") as webhook:
        got = await webhook
        try:
            await got.respond_with(WebhookResponse(object()))
        except UsageError:
            await got.respond_with(WebhookResponse("mended"))
    return "answered"


async def test_after_an_answer_that_cant_be_another_may_follow() -> None:
    run = await start(answers_badly)
    assert (await call(await webhook_of(run))).body == b"mended"
    assert await run.result() == "answered"


async def test_the_log_holds_no_secret_of_a_verifier() -> None:
    configure(world="memory://", base_url=BASE)
    run = await start(deploy(verify=Signed(), token="own"))
    await open_hook("own")
    [created] = await facts(run, "hook_created")
    assert created["webhook"]["verify"] == "signed"
    assert "guessed" not in str(created)
    await run.cancel(grace=0)
