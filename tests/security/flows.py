"""Workflows through which a secret goes wherever a user can put one, but for names, attributes and keys."""

import asyncio
from datetime import timedelta

from perdure import (
    FatalError,
    Retry,
    WebhookResponse,
    create_hook,
    create_webhook,
    get_step_metadata,
    get_writable,
    heartbeat,
    sleep,
    start,
    step,
    workflow,
)

SECRET = "canary-4242-4242"
LARGE = f"{SECRET} " * 500
TOKEN = f"canary:{SECRET}"


@step(retry=Retry(delay=timedelta(0), jitter=0))
async def handle(canary: str) -> str:
    """Fails once, after it has said how far it is; the second attempt finds that."""
    meta = get_step_metadata()
    if meta.attempt == 1:
        await heartbeat({"at": canary})
        async with get_writable(namespace="steps") as out:
            await out.write(canary)
            await out.write(canary * 200)
        raise ConnectionError(canary)
    assert meta.progress == {"at": canary}
    return canary


@step
async def refuse(canary: str) -> None:
    raise FatalError(f"no such card: {canary}")


@workflow(name="secret:child")
async def child(canary: str) -> str:
    raise ValueError(canary)


@workflow(name="secret:parent")
async def parent(canary: str, large: str) -> str:
    await get_writable().write({"said": canary})
    assert await handle(canary) == canary
    try:
        await refuse(canary)
    except FatalError as error:
        assert canary in str(error)
    try:
        await (await start(child, canary)).result()
    except Exception as error:
        assert canary in str(error.__cause__)
    breaks = asyncio.create_task(_break(canary))  # nobody retrieves what it raises
    del breaks
    webhook = create_webhook(respond_with=WebhookResponse(canary), metadata=canary)
    async with create_hook(str, token=TOKEN, metadata={"for": canary}) as hook:
        said = await hook
    await webhook.dispose()
    return f"{large} {said}"


async def _break(canary: str) -> None:
    await sleep(0)
    raise ValueError(canary)


@workflow(name="secret:waiting")
async def waiting(canary: str) -> str:
    async with create_hook(str, token=f"later:{canary}", metadata=canary) as hook:
        return await hook
