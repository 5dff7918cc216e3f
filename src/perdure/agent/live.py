"""A model's answer on its way to the client, chunk by chunk, while the step that asks for it runs."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any

from pydantic_ai.messages import AgentStreamEvent

from perdure import Chunk, Run, Writable, get_run, get_step_metadata
from perdure.agent.event import Events
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.part import OpenParts

PAGE = 64


async def tell(out: Writable[UIMessageChunk], events: AsyncIterable[AgentStreamEvent]) -> None:
    """Write what the model says. What comes up to the first words is committed at once, the rest with what comes within
    some 20 ms.

    An attempt that fails ends what it has begun; one that was cut off couldn't, so the next does it: it closes the parts
    that the stream has of those before it, and says that the step begins anew.
    """
    me = get_step_metadata()
    if me.attempt > 1:
        for chunk in [*(await _left_open(out, me.step_id)).closing(), UIMessageChunk(type="reset-step")]:
            await out.write(chunk)
    telling, open_, waits = Events(f"{me.step_id}.{me.attempt}"), OpenParts(), True
    try:
        async for event in events:
            chunks = await telling.chunks(event)
            for chunk in chunks:
                open_.see(chunk)
                await out.write(chunk)
            if waits and chunks:
                waits = not any(chunk["type"].endswith("-delta") for chunk in chunks)
                await out.drain()
    except Exception:
        for chunk in open_.closing():
            await out.write(chunk)
        raise


async def _left_open(out: Writable[UIMessageChunk], step_id: str) -> OpenParts:
    """What earlier attempts of this step have begun in the stream, and not ended: looked for from the tail."""
    await out.drain()
    run, size = get_run(out.run_id), PAGE
    tail = (await run.stream_info(out.namespace)).tail_index
    while True:
        first = max(0, tail + 1 - size)
        read = [chunk async for chunk in _between(run, out.namespace, first, tail)]
        if first == 0 or read[0].step_id != step_id:
            return OpenParts(chunk.value for chunk in read if chunk.step_id == step_id)
        size *= 4


async def _between(run: Run[Any], namespace: str | None, first: int, last: int) -> AsyncIterator[Chunk[UIMessageChunk]]:
    """The chunks with these indexes; a stream is followed for ever else."""
    if first > last:
        return
    async with aclosing(run.read_chunks(UIMessageChunk, namespace=namespace, start_index=first)) as chunks:
        async for chunk in chunks:
            yield chunk
            if chunk.index == last:
                return
