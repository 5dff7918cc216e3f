"""An app whose runs go wrong, each in its own way. No test imports it: workers of `incident.py` run copies of it."""

import asyncio
import os
import signal
from dataclasses import dataclass

from perdure import FatalError, Retry, create_hook, define_hook, sleep, start, step, workflow


@dataclass
class Approval:
    approved: bool
    by: str


approvals = define_hook(Approval, prefix="approval")


@step
async def charge(order: str, cents: int) -> str:
    if cents > 100_000:
        raise FatalError("card declined: insufficient funds")
    return f"ch_{order}"


@step(retry=Retry(max_retries=2, delay="1ms"))
async def send_mail(to: str) -> None:
    raise ConnectionError(f"mail.internal:25 refused the connection (to {to})")


@step(retry=Retry(max_retries=50, delay="1h", jitter=0))
async def post_ledger(order: str) -> None:
    raise RuntimeError("ledger.internal answered 503: maintenance")


@step(queue="gpu")
async def render(order: str) -> str:
    return f"label of {order}"


@step
async def call_carrier(order: str) -> str:
    await asyncio.sleep(86_400)  # a client without a timeout
    return "picked up"


@step
async def resize(image: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when a process takes too much memory


@step
async def pack(order: str) -> str:
    return f"box of {order}"


@workflow
async def buy(order: str, cents: int) -> str:
    return await charge(order, cents)


@workflow
async def confirm(order: str) -> None:
    await send_mail(f"{order}@example.org")


@workflow
async def book(order: str) -> None:
    await post_ledger(order)


@workflow
async def approve(order: str) -> bool:
    async with approvals.create(order) as approval:
        return (await approval).approved


@workflow
async def label(order: str) -> str:
    return await render(order)


@workflow
async def hand_over(order: str) -> str:
    return await call_carrier(order)


@workflow(max_recoveries=2)
async def thumbnail(image: str) -> None:
    await resize(image)


@workflow
async def ship(order: str) -> str:
    box = await pack(order)
    async with create_hook(str, token=f"picked-up:{order}") as hook:
        await hook
    return box


@workflow
async def remind(order: str) -> None:
    await sleep("30d")  # thirty minutes were meant


@workflow
async def settle(order: str) -> str:
    approval = await start(approve, order)
    return "settled" if await approval.result() else "refused"
