"""Workflows that the tests reach over HTTP."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.requests import Request

from perdure import (
    FatalError,
    Run,
    WebhookResponse,
    create_hook,
    create_webhook,
    define_hook,
    get_writable,
    sleep,
    step,
    workflow,
)
from perdure.api.webhook import ROUTE
from perdure.http import Action, Target
from perdure.http.verify import VERIFIERS
from tests.api.following import until


@dataclass
class Order:
    order_id: str
    lines: list[int] = field(default_factory=list[int])
    due: datetime | None = None


@dataclass
class Answer:
    status: int = 200
    body: str = "thanks"
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Approval:
    approved: bool
    by: str = ""


approvals = define_hook(Approval, prefix="http-approval")


@workflow
async def greet(name: str, times: int = 1) -> str:
    return " ".join([f"hello {name}"] * times)


@workflow
async def place(order: Order, note: Any = None) -> dict[str, Any]:
    return {"id": order.order_id, "due": order.due, "note": note}


@step(max_retries=0)
async def burst() -> None:
    raise FatalError("the secret of the house")


@workflow
async def fail() -> None:
    await burst()


@workflow
async def doze() -> str:
    await sleep("1h")
    return "awake"


@workflow
async def ask(document: str) -> str:
    async with approvals.create(document, metadata={"document": document}) as approval:
        decision = await approval
    return f"{decision.approved} by {decision.by}"


@workflow
async def listen(token: str, expires: str | None = None) -> list[Any]:
    """Payloads until one is None."""
    got: list[Any] = []
    async with create_hook(token=token, expires=expires) as hook:
        async for payload in hook:
            if payload is None:
                break
            got.append(payload)
    return got


@workflow
async def narrate(token: str) -> None:
    """Writes each payload to its stream; at None it ends, which closes the stream."""
    out = get_writable()
    async with create_hook(token=token) as hook:
        async for payload in hook:
            if payload is None:
                return
            await out.write(payload)


@workflow
async def recite(count: int, namespace: str | None = None) -> None:
    await recited(count, namespace)


@step
async def recited(count: int, namespace: str | None) -> None:
    async with get_writable(namespace=namespace) as out:
        for number in range(count):
            await out.write({"n": number})


@dataclass
class Terms:
    """How the webhook of `called` is made. `mode`: 202, a static answer, one by the run, or none that comes."""

    mode: str = "accepted"
    verifier: str | None = None
    max_body: int = 1000
    timeout: str = "30s"
    answer: Answer = field(default_factory=Answer)


@workflow
async def called(terms: Terms) -> dict[str, Any]:
    """What a webhook receives; its token is the first chunk of the run's stream."""
    response = WebhookResponse(terms.answer.body, terms.answer.status, terms.answer.headers)
    async with create_webhook(
        respond_with="manual" if terms.mode in ("manual", "silent") else response if terms.mode == "static" else None,
        verify=VERIFIERS[terms.verifier] if terms.verifier else None,
        max_body=terms.max_body,
        timeout=terms.timeout,
    ) as webhook:
        await get_writable().write(webhook.token)
        request = await webhook
        if terms.mode == "manual":
            await request.respond_with(response)
        elif terms.mode == "silent":
            await sleep("1h")
    return {
        "method": request.method,
        "url": request.url,
        "query": request.query,
        "body": request.text(),
        "kind": request.headers["Content-Type"],
    }


async def url_of(run: Run[Any]) -> str:
    """The path of the webhook's, once it is registered."""
    async for token in run.readable(str):
        return ROUTE + token
    raise AssertionError("no webhook was made")


async def hooked(run: Run[Any]) -> str:
    """The token of the run's hook, once it takes payloads."""

    async def waits() -> bool:
        return any(hook.status == "waiting" for hook in (await run.hooks()).items)

    await until(waits)
    return next(hook.token for hook in (await run.hooks()).items if hook.status == "waiting")


async def written(run: Run[Any], count: int, namespace: str | None = None) -> None:
    """Wait until the stream has so many chunks."""

    async def has() -> bool:
        return (await run.stream_info(namespace)).tail_index + 1 >= count

    await until(has)


def anybody(request: Request, action: Action, target: Target) -> bool:
    return True
