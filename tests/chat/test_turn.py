"""One turn of a chat that is one run: what its stream tells, however it ends."""

import asyncio
from typing import Any

import pytest

from perdure import FatalError, Run, get_run, get_writable, sleep, start, workflow
from perdure.chat.chunk import UIMessageChunk, flaw
from perdure.chat.ending import FAILED
from perdure.chat.message import UIMessage
from perdure.chat.turn import PREFIX, ChatTurn, turn_misfit
from tests.api.ways import in_every_way, once


def message(id: str, text: str = "hi") -> UIMessage:
    return {"id": id, "role": "user", "parts": [{"type": "text", "text": text}]}


async def told(run_id: str, id: str) -> list[UIMessageChunk]:
    """A turn's stream, to its end; no client may stumble over any of it."""
    chunks = [chunk async for chunk in get_run(run_id).readable(UIMessageChunk, namespace=PREFIX + id)]
    assert not [flaw(chunk) for chunk in chunks if flaw(chunk)]
    return chunks


def kinds(chunks: list[UIMessageChunk]) -> list[str]:
    return [chunk["type"] for chunk in chunks]


@workflow(name="turn:one")
async def one(how: str) -> list[Any]:
    """One turn, which goes as it is told; the run goes on."""
    turn = ChatTurn(message("m"))
    await turn.take()

    async def work() -> str:
        await turn.writable.write({"type": "start", "messageId": "a"})
        match how:
            case "stop":
                turn.stop()
                await asyncio.sleep(5)
            case "fail":
                raise FatalError("a secret")
            case "wait":
                await sleep("9h")
            case _:
                return how
        return "never"

    if how == "stop before":
        turn.stop()
    given = await turn.answer(work)
    turn.stop()
    await get_writable(UIMessageChunk).write({"type": "data-after", "data": None})
    return [given]


FIRST = {"type": "data-user-message", "id": "m", "data": message("m"), "transient": True}
START = {"type": "start", "messageId": "a"}
ABORT = [{"type": "abort", "reason": "stopped"}, {"type": "finish", "finishReason": "other"}]
ERROR = [{"type": "error", "errorText": FAILED}, {"type": "finish", "finishReason": "error"}]


@pytest.mark.parametrize(
    ("how", "chunks", "given"),
    [
        ("go", [START, {"type": "finish"}], "go"),
        ("fail", [START, *ERROR], None),
        ("stop", [START, *ABORT], None),
        ("stop before", ABORT, None),
    ],
)
def test_a_turn_ends_and_its_run_goes_on(how: str, chunks: list[Any], given: Any) -> None:
    async def act() -> list[Any]:
        run = await start(one, how)
        contents = [chunk async for chunk in run.readable(UIMessageChunk)]
        return [await told(run.run_id, "m"), await run.result(), contents]

    contents = [{"type": "data-turn", "data": {"id": "m"}}, {"type": "data-after", "data": None}]
    in_every_way(act, one, gives=[[FIRST, *chunks], [given], contents])


@pytest.mark.parametrize("grace", [None, 0])
def test_the_end_of_the_run_is_the_end_of_the_turn(grace: int | None) -> None:
    async def act() -> list[str]:
        run = await start(one, "wait")
        async for chunk in run.readable(namespace=PREFIX + "m"):
            if chunk["type"] == "start":
                break
        await run.cancel(grace=grace)
        return [*kinds(await told(run.run_id, "m")), await run.status()]

    assert once(act, one)[0] == ["data-user-message", "start", "abort", "finish", "cancelled"]


def test_what_failed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> Any:
        run: Run[Any] = await start(one, "fail")
        return await run.result()

    once(act, one)
    [record] = [record for record in caplog.records if "turn m of a chat failed" in record.getMessage()]
    assert record.exc_info is not None and str(record.exc_info[1]) == "a secret"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (message("m"), None),
        (message("x" * 64), None),
        ({**message("m"), "role": "assistant"}, ".role"),
        (message(""), ".id"),
        (message("x" * 65), ".id"),
        (message("a/b"), ".id"),
        (message("ü"), ".id"),
        ({"role": "user", "parts": []}, ".id"),
        ({"id": "m", "role": "user", "parts": []}, ".parts"),
    ],
)
def test_what_can_begin_a_turn(given: UIMessage, wrong: str | None) -> None:
    found = turn_misfit(given)
    assert (found and found[0]) == wrong
