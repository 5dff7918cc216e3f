"""A webhook's request in the hands of a sync step."""

import asyncio
from typing import Any

import pytest

import perdure
from perdure import sync
from perdure.api.webhook import find_webhook, receive
from perdure.model.webhook import Answer
from perdure.sync import UsageError, WebhookRequest, WebhookResponse, configure, start, step, workflow
from tests.sync.program import wait_until

REQUEST = perdure.WebhookRequest(
    method="POST",
    url="https://app.example/hook?a=1",
    header_pairs=(("Content-Type", "application/json"),),
    query={"a": "1"},
    body=b'{"cents":995}',
)


@step(max_retries=0)
def answers(request: WebhookRequest) -> list[Any]:
    request.respond_with(WebhookResponse({"taken": request.json()["cents"]}, status=201))
    try:
        request.respond_with(WebhookResponse())
    except UsageError as error:
        return [type(request).__module__, str(error)]
    return []


@workflow
async def takes_a_request() -> list[Any]:
    async with perdure.create_webhook(respond_with="manual", metadata=1) as webhook:
        return await answers(WebhookRequest(await webhook))


@workflow
async def hands_over_what_it_got() -> list[Any]:
    async with perdure.create_webhook(respond_with="manual") as webhook:
        return await answers(await webhook)  # type: ignore[arg-type]


@pytest.mark.parametrize("flow", [takes_a_request, hands_over_what_it_got])
def test_a_sync_step_answers(flow: perdure.Workflow[[], Any]) -> None:
    sync.close()
    configure(world="memory://", base_url="https://app.example")
    run = start(flow)
    wait_until(lambda: any(hook.status == "waiting" for hook in run.hooks()))
    [hook] = run.hooks()

    async def call() -> Answer:
        return await receive(*await find_webhook(hook.token), REQUEST)

    answer = sync.race(call())
    assert (answer.status, answer.body) == (201, b'{"taken":995}')
    assert run.result() == ["perdure.sync.webhook", "this request has been answered already"]


def test_it_shows_what_the_other_shows() -> None:
    request = WebhookRequest(REQUEST)
    assert (request.method, request.url, request.query) == (REQUEST.method, REQUEST.url, REQUEST.query)
    assert (request.body, request.text(), request.json()) == (b'{"cents":995}', '{"cents":995}', {"cents": 995})
    assert request.headers["content-type"] == "application/json"
    assert repr(request) == repr(REQUEST)
    assert request.as_async is REQUEST


def test_one_that_answers_by_itself() -> None:
    with pytest.raises(UsageError, match="this webhook answers by itself"):
        WebhookRequest(REQUEST).respond_with(WebhookResponse())


def test_outside_of_its_run() -> None:
    with pytest.raises(perdure.NotInWorkflow):
        WebhookRequest(perdure.WebhookRequest(method="GET", url="/", run_id="wrun_x", reply="~reply/x")).respond_with(
            WebhookResponse()
        )
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
