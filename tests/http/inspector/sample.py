"""A small shop for the page to show: runs in every state, each waiting for something else, with streams of each kind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from perdure import (
    FatalError,
    Retry,
    RetryableError,
    Run,
    StartOptions,
    Workflow,
    close,
    configure,
    create_hook,
    define_hook,
    get_step_metadata,
    get_writable,
    race,
    set_attributes,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from tests.api.following import status_of, waiting_for

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&lt;'\u202e\x00"
"""A text that would act, if anything took it for markup."""


@dataclass
class Shop:
    """What lies outside: the pace of the steps, in which a test doesn't wait, and the bank."""

    pace: float = 0.0
    bank_is_open: bool = False

    async def work(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.pace)


SHOP = Shop()
logger = logging.getLogger("shop.orders")
logger.setLevel(logging.INFO)
logger.addHandler(logging.NullHandler())  # or its warnings go to standard error


class CardDeclined(FatalError):
    """The bank says no, and will say so again."""


class ProviderError(Exception):
    """Somebody else's server has a bad moment."""


@dataclass
class Line:
    sku: str
    count: int


@dataclass
class Order:
    order_id: str
    lines: list[Line] = field(default_factory=list[Line])
    card: str = "4242"
    note: str = ""


@dataclass
class Approval:
    approved: bool
    by: str = "nobody"


approvals = define_hook(Approval, prefix="refund")


@step(name="shop.orders:reserve")
async def reserve(order: Order) -> dict[str, Any]:
    await SHOP.work(0.4)
    return {"reserved": sum(line.count for line in order.lines), "warehouse": "north"}


@step(name="shop.orders:charge_card", retry=Retry(max_retries=3, delay="50ms", jitter=0))
async def charge_card(card: str, cents: int, authorization: str) -> dict[str, Any]:
    await SHOP.work(0.5)
    if card == "declined" and not SHOP.bank_is_open:
        raise CardDeclined("the issuer refused card ending 0341: insufficient_funds")
    logger.info("charging %s: %d cents", card, cents)
    if card == "flaky" and get_step_metadata().attempt < 3:
        logger.warning("the gateway is in trouble: %s", HOSTILE)
        raise ProviderError("503 from the card gateway")
    return {"charge_id": "ch_8812", "cents": cents}


@step(name="shop.orders:pick")
async def pick(sku: str, count: int) -> str:
    await SHOP.work(0.3)
    return f"{count} × {sku}"


@step(name="shop.orders:ship")
async def ship(order_id: str) -> dict[str, str]:
    await SHOP.work(0.4)
    return {"carrier": "DHL", "tracking": f"JD-{order_id}"}


@workflow(name="shop.orders:pick_and_pack")
async def pick_and_pack(lines: list[Line]) -> list[str]:
    return list(await asyncio.gather(*[pick(line.sku, line.count) for line in lines]))


@workflow(name="shop.orders:fulfil")
async def fulfil(order: Order) -> dict[str, Any]:
    await reserve(order)
    charge = await charge_card(order.card, 12_950, authorization="Bearer 71af")
    packed = await start(pick_and_pack, order.lines)
    await sleep(f"{round(600 * SHOP.pace) + 1}ms")
    parcels = await packed.result()
    shipped = await ship(order.order_id)
    return {"charge": charge, "parcels": parcels, **shipped}


@step(name="support.refund:ask_manager")
async def ask_manager(order_id: str) -> None:
    await SHOP.work(0.3)


@workflow(name="support.refund:refund")
async def refund(order_id: str, amount: float, reason: str) -> str:
    told = {"order": order_id, "amount": amount, "reason": reason}
    async with approvals.create(order_id, metadata=told) as approval:
        await ask_manager(order_id)
        decision = await race(approval, sleep("3d", result=Approval(approved=False)))
    return f"approved by {decision.by}" if decision.approved else "refused"


@step(name="billing.invoice:send")
async def send_invoice(customer: str) -> str:
    await SHOP.work(0.5)
    return f"invoice to {customer}"


@workflow(name="billing.invoice:collect")
async def collect(customer: str) -> str:
    await send_invoice(customer)
    await sleep("14d")
    return "paid"


@step(name="billing.ledger:post", retry=Retry(max_retries=9))
async def post_to_ledger(period: str) -> None:
    await SHOP.work(0.4)
    raise RetryableError("429 from the ledger: too many requests", retry_after="10m")


@workflow(name="billing.ledger:close_month")
async def close_month(period: str) -> None:
    await post_to_ledger(period)


def chat() -> list[dict[str, Any]]:
    """What a model says, as the AI SDK's chunks."""
    thought = "They ask for the third quarter. The ledger has it: I should look there before I answer."
    answer = (
        "Revenue in the third quarter was 1,204,000 EUR, 12 % more than a year before. Most of it came from the "
        "northern region.\n\nShall I send this to the board?"
    )
    return [
        {"type": "start", "messageId": "msg_1"},
        {"type": "reasoning-start", "id": "r1"},
        *({"type": "reasoning-delta", "id": "r1", "delta": f"{word} "} for word in thought.split(" ")),
        {"type": "reasoning-end", "id": "r1"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "search_ledger"},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "search_ledger", "input": {"quarter": "Q3"}},
        {"type": "tool-output-available", "toolCallId": "c1", "output": {"revenue": 1204000, "currency": "EUR"}},
        {"type": "text-start", "id": "t1"},
        *({"type": "text-delta", "id": "t1", "delta": f"{word} "} for word in answer.split(" ")),
        {"type": "text-end", "id": "t1"},
        {"type": "source-url", "sourceId": "s1", "url": "https://ledger.example/q3", "title": "Ledger, third quarter"},
        {"type": "finish"},
    ]


@step(name="agents.research:think")
async def think(question: str) -> int:
    async with get_writable() as stream:
        for chunk in chat():
            await stream.write(chunk)
            await SHOP.work(0.01)
    return len(chat())


@workflow(name="agents.research:answer")
async def answer(question: str) -> str:
    await think(question)
    async with create_hook(bool, token="send-to-the-board", metadata={"question": question}) as send:
        return "sent" if await send else "kept"


@step(name="ingest.docs:read")
async def read(document: str) -> str:
    await SHOP.work(0.2)
    return f"{document} has been read, and says what it says.\n"


@workflow(name="ingest.docs:index_library")
async def index_library(documents: list[str]) -> int:
    stream = get_writable(str)
    notes = get_writable(namespace="notes")
    for document in documents:
        await stream.write(await read(document))
        await notes.write({"document": document, "words": 8})
    async with create_hook(str, token="more-to-index", metadata="Each payload is a text to index.") as more:
        async for text in more:
            if text == "done":
                break
            await stream.write(text)
    return len(documents)


@step(name="ingest.docs:count_words")
async def count_words(words: int) -> None:
    async with get_writable(dict[str, int]) as counts:
        for n in range(words):
            await counts.write({"word": n})


@workflow(name="ingest.docs:count")
async def count(words: int) -> None:
    await count_words(words)


@workflow(name="shop.import:catalogue")
async def import_catalogue(name: str) -> str:
    await set_attributes(source=HOSTILE[:40])
    raise FatalError(HOSTILE)


@step(name="shop.stock:reserve")
async def reserve_stock(sku: str, count: int) -> None:
    await SHOP.work(0.3)


@step(name="shop.stock:reserve_in_warehouse")
async def reserve_in_warehouse(sku: str, count: int, warehouse: str) -> None:
    await SHOP.work(0.3)


def restock_of(deployment: str) -> Workflow[[str], str]:
    """The workflow as this deployment has it: the later one asks for another step."""

    @workflow(name="shop.stock:restock")
    async def restock(sku: str) -> str:
        if deployment == "before":
            await reserve_stock(sku, 40)
        else:
            await reserve_in_warehouse(sku, 40, warehouse="north")
        await sleep("1h")
        return "stocked"

    return restock


LINES = [Line("K-12", 2), Line("B-7", 1)]


LONG = 2_600
"""So many chunks are more than the page keeps."""
ENDS = {
    "completed": "completed",
    "failed": "failed",
    "hostile": "failed",
    "cancelled": "cancelled",
    "long": "completed",
}


@asynccontextmanager
async def at_work(url: str, deployment: str = "2026-11-26") -> AsyncIterator[None]:
    configure(world=url, work=False, deployment=deployment, capture_logs="INFO")
    try:
        async with worker():
            yield
    finally:
        await close()


def attributed(**attributes: str) -> StartOptions:
    return StartOptions(attributes=attributes, deployment="any")


async def fill(url: str) -> dict[str, str]:
    """Runs in every state; the ids by what is special about each."""
    SHOP.bank_is_open = False
    async with at_work(url, "2026-11-19"):
        blocked = await start(restock_of("before"), "K-12", options=attributed(tenant="acme"))
        await waiting_for(blocked, "sleep")
    restock_of("after")
    async with at_work(url):
        await blocked.wake_up()
        await status_of(blocked, end="blocked")
        runs = await started()
    return {name: run.run_id for name, run in {"blocked": blocked, **runs}.items()}


async def started() -> dict[str, Run[Any]]:
    """Of each kind one, as far as it comes."""
    runs: dict[str, Run[Any]] = {
        "hostile": await start(import_catalogue, HOSTILE, options=attributed(tenant="initech")),
        "completed": await start(
            fulfil, Order("A-1041", LINES, "flaky", HOSTILE), options=attributed(tenant="globex", order="A-1041")
        ),
        "failed": await start(
            fulfil, Order("A-1042", LINES, "declined"), options=attributed(tenant="acme", order="A-1042")
        ),
        "cancelled": await start(collect, "Initech", options=attributed(tenant="initech")),
        "sleeping": await start(collect, "Globex", options=attributed(tenant="globex")),
        "retrying": await start(close_month, "2026-10", options=attributed(tenant="acme")),
        "chat": await start(answer, "How was the third quarter?", options=attributed(tenant="acme")),
        "text": await start(index_library, ["a.pdf", "b.pdf", "c.pdf"], options=attributed(tenant="globex")),
        "long": await start(count, LONG, options=attributed(tenant="globex")),
        "hook": await start(
            refund, "A-1040", 129.5, "arrived broken", options=attributed(tenant="acme", order="A-1040")
        ),
    }
    for name, kind in {"sleeping": "sleep", "cancelled": "sleep", "retrying": "retry"}.items():
        await waiting_for(runs[name], kind)
    for name in ("chat", "text", "hook"):
        await waiting_for(runs[name], "hook")
    await runs["cancelled"].cancel("the customer has paid")
    for name, end in ENDS.items():
        await status_of(runs[name], end=end)
    runs["forked"] = await runs["failed"].fork(outputs={"shop.orders:charge_card": {"charge_id": "ch_8813"}})
    await status_of(runs["forked"], end="completed")
    return runs
