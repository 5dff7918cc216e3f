"""Workflows for tests with several processes; `main` is a worker in a process of its own."""

import asyncio
import os
import sys

from perdure import close, configure, create_hook, get_step_metadata, get_writable, sleep, step, worker, workflow

STUCK = "PERDURE_TEST_STUCK"
"""Set in a process whose steps don't come back."""


@step
async def say(word: str) -> str:
    async with get_writable(str, namespace="said") as out:
        await out.write(word)
    return word


@step
async def hang(word: str) -> str:
    if os.environ.get(STUCK):
        print("stuck", flush=True)
        await asyncio.Event().wait()
    return f"{word} by somebody"


@workflow
async def of_everything(name: str) -> list[str]:
    said = await say(name)
    await sleep("10ms")
    async with create_hook(str, token=f"token-{name}") as hook:
        answer = await hook
    return [said, answer, await hang(answer)]


@step
async def one_more(number: int) -> int:
    return number + 1


@workflow
async def counts(to: int) -> int:
    number = 0
    while number < to:
        number = await one_more(number)
    return number


@step(queue="gpu")
async def far(word: str) -> str:
    """Where the queue is served."""
    async with get_writable(str, namespace="said") as out:
        await out.write(f"{word} in attempt {get_step_metadata().attempt}")
    return await hang.fn(word)


@workflow
async def sends(word: str) -> str:
    return await far(word)


async def main(url: str, *queues: str) -> None:
    """Until it is killed."""
    configure(world=url, work=False)
    try:
        async with worker(queues=queues or None):
            print("ready", flush=True)
            await asyncio.Event().wait()
    finally:
        await close()


def run() -> None:
    asyncio.run(main(*sys.argv[1:]))
