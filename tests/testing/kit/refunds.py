"""Workflows for the lab: a refund that waits for a manager, and some that do one thing."""

import asyncio
from dataclasses import dataclass

from perdure import (
    FatalError,
    create_hook,
    define_hook,
    get_step_metadata,
    now,
    race,
    sleep,
    start,
    step,
    timeout,
    workflow,
)


@dataclass
class Approval:
    approved: bool
    by: str = ""


@dataclass
class Refund:
    outcome: str
    refund_id: str = ""


approvals = define_hook(Approval, prefix="lab-approval")
PAID: list[str] = []
"""Idempotency keys that the provider has seen."""


@step(name="lab:ask_manager")
async def ask_manager(order: str, token: str) -> None: ...


@step(name="lab:refund_payment", max_retries=2, timeout="30s")
async def refund_payment(order: str, cents: int = 100) -> str:
    key = get_step_metadata().step_id
    if key not in PAID:
        PAID.append(key)
    return f"re-{order}"


@step(name="lab:threaded")
def threaded(text: str) -> str:
    return text.upper()


@workflow(name="lab:refund")
async def refund(order: str) -> Refund:
    async with approvals.create(order, metadata={"order": order}) as approval:
        await ask_manager(order, approval.token)
        decision = await race(approval, sleep("24h", result=Approval(False)))
    if not decision.approved:
        return Refund("refused")
    return Refund("refunded", await refund_payment(order))


@workflow(name="lab:nap")
async def nap(duration: str) -> str:
    await sleep(duration)
    return "woken"


@workflow(name="lab:pay")
async def pay(order: str) -> str:
    return await refund_payment(order)


@workflow(name="lab:shout")
async def shout(text: str) -> str:
    return await threaded(text)


@workflow(name="lab:limited")
async def limited() -> str:
    try:
        async with timeout("14d"):
            await asyncio.Event().wait()
    except TimeoutError:
        return f"given up on {now():%d}"
    return "never"


@workflow(name="lab:collect")
async def collect(count: int) -> list[str]:
    taken: list[str] = []
    async with create_hook(str, token="lab-collect") as hook:
        async for word in hook:
            taken.append(word)
            if len(taken) == count:
                break
    return taken


@workflow(name="lab:family")
async def family(order: str) -> list[str]:
    runs = [await start(pay, f"{order}-{number}") for number in range(2)]
    return [await run.result() for run in runs]


@step(name="lab:refuse")
async def refuse() -> None:
    raise FatalError("no such order")


@workflow(name="lab:fails")
async def fails() -> None:
    await sleep("1m")
    await refuse()
