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
async def handle(secret: str) -> str:
    """Fails once, after it has said how far it is; the second attempt finds that."""
    meta = get_step_metadata()
    if meta.attempt == 1:
        await heartbeat({"at": secret})
        async with get_writable(namespace="steps") as out:
            await out.write(secret)
            await out.write(secret * 200)
        raise ConnectionError(secret)
    assert meta.progress == {"at": secret}
    return secret


@step
async def refuse(secret: str) -> None:
    raise FatalError(f"no such card: {secret}")


@workflow(name="secret:child")
async def child(secret: str) -> str:
    raise ValueError(secret)


@workflow(name="secret:parent")
async def parent(secret: str, large: str) -> str:
    await get_writable().write({"said": secret})
    assert await handle(secret) == secret
    try:
        await refuse(secret)
    except FatalError as error:
        assert secret in str(error)
    try:
        await (await start(child, secret)).result()
    except Exception as error:
        assert secret in str(error.__cause__)
    breaks = asyncio.create_task(_break(secret))  # nobody retrieves what it raises
    del breaks
    webhook = create_webhook(respond_with=WebhookResponse(secret), metadata=secret)
    async with create_hook(str, token=TOKEN, metadata={"for": secret}) as hook:
        said = await hook
    await webhook.dispose()
    return f"{large} {said}"


async def _break(secret: str) -> None:
    await sleep(0)
    raise ValueError(secret)


@workflow(name="secret:waiting")
async def waiting(secret: str) -> str:
    async with create_hook(str, token=f"later:{secret}", metadata=secret) as hook:
        return await hook
