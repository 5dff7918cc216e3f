"""From what a client calls its chat to the run: by its id, or by the session's name."""

from collections.abc import AsyncIterator

import pytest

from perdure import RunNotFound, StartOptions, close, configure, start, workflow
from perdure.chat.session import SESSION, run_of

pytestmark = pytest.mark.anyio


@workflow(name="session:flow")
async def flow(number: int) -> int:
    return number


@pytest.fixture(autouse=True)
async def fresh_world(anyio_backend: str) -> AsyncIterator[None]:
    configure(world="memory://")
    yield
    await close()


async def test_the_youngest_run_of_the_session() -> None:
    for number, session in enumerate(("mine", "mine", "yours")):
        run = await start(flow, number, options=StartOptions(attributes={SESSION: session}))
        await run.result()
    assert await (await run_of("mine")).result() == 1
    assert await (await run_of("yours")).result() == 2
    assert (await run_of(run.run_id)).run_id == run.run_id


@pytest.mark.parametrize("name", ["nobody's", "", "x" * 300, "ü" * 200])
async def test_a_session_that_there_is_not(name: str) -> None:
    with pytest.raises(RunNotFound):
        await run_of(name)


async def test_an_id_is_not_looked_up() -> None:
    assert (await run_of("wrun_01HF7YAT00YPRPA8JAB2VS3WER")).run_id.endswith("WER")
