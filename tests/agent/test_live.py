"""A model's answer while its step runs: what an attempt that was cut off has left open, found in the stream."""

import pytest

from perdure import Retry, get_step_metadata, get_writable, start, step, workflow
from perdure.agent import UIMessageChunk
from perdure.agent.live import PAGE, tell
from perdure.chat.chunk import UIMessageChunk as Chunk
from tests.agent.test_agent import chunks_of
from tests.api.ways import once

TEXT: Chunk = {"type": "text-start", "id": "old"}


@step(name="live:cut-off", retry=Retry(max_retries=1, delay=0.01))
async def cut_off(deltas: int) -> None:
    """Its first attempt leaves a text in the middle, as a killed process does."""
    out = get_writable(UIMessageChunk)

    async def nothing():
        return
        yield

    if get_step_metadata().attempt == 1:
        for chunk in (TEXT, *[{"type": "text-delta", "id": "old", "delta": "x"}] * deltas):
            await out.write(chunk)
        raise ConnectionError("cut off")
    await tell(out, nothing())


@workflow(name="live:flow")
async def flow(before: int, deltas: int) -> None:
    out = get_writable(UIMessageChunk)
    for _ in range(before):
        await out.write({"type": "data-x", "data": 1, "transient": True})
    await cut_off(deltas)


@pytest.mark.parametrize("before", [0, 1, PAGE])
@pytest.mark.parametrize("deltas", [0, 1, PAGE, 5 * PAGE])
def test_the_next_attempt_ends_what_the_last_began(before: int, deltas: int) -> None:
    async def act() -> list[Chunk]:
        return await chunks_of(await start(flow, before, deltas))

    chunks = once(act, flow, cut_off)[0]
    assert len(chunks) == before + 1 + deltas + 2
    assert chunks[-2:] == [{"type": "text-end", "id": "old"}, {"type": "reset-step"}]
