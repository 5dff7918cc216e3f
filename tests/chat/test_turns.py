"""Turns come through the hook, wait in order, and are taken once each; they end when nobody says anything any more."""

import asyncio
from typing import Any

import pytest

from perdure import HookNotFound, Run, get_writable, resume_hook, sleep, start, step, workflow
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.message import UIMessage
from perdure.chat.turn import PREFIX, WORDS, ChatTurn, Word
from perdure.chat.turns import Turns
from tests.api.ways import in_every_way, once
from tests.chat.test_turn import kinds, message, told


@step(name="turns:say")
async def say(run_id: str, turn: str, text: str) -> None:
    out = get_writable(UIMessageChunk, namespace=PREFIX + turn)
    for word in text.split():
        await out.write({"type": "text-delta", "id": "1", "delta": word})


@workflow(name="turns:talking")
async def talking(message: UIMessage, idle: str) -> list[str]:
    """Says what it is told; "wait" is slow."""
    said: list[str] = []

    async def answer(turn: ChatTurn) -> str:
        text = turn.message["parts"][0]["text"]
        await turn.writable.write({"type": "text-start", "id": "1"})
        await say(turn.writable.run_id, turn.id, text)
        if text == "wait":
            await sleep("1h")
        return text

    async with Turns(message, idle=idle) as turns:
        async for turn in turns:
            said.append(f"{turn.id} {await turn.answer(lambda turn=turn: answer(turn))}")
    return said


async def word(run: Run[Any], *words: Word) -> None:
    for number, one in enumerate(words):
        while True:
            try:
                await WORDS.resume(run.run_id, one, idempotency_key=f"{number} {one.kind} {one.turn}")
                break
            except HookNotFound:
                await asyncio.sleep(0.01)


def said(id: str, text: str = "hi") -> Word:
    return Word("message", id, message(id, text))


async def begun(run: Run[Any], id: str) -> None:
    async for chunk in run.readable(namespace=PREFIX + id):
        if chunk["type"] == "text-start":
            return


def test_turns_in_order() -> None:
    """Some come while the agent works; one of them twice."""

    async def act() -> list[Any]:
        run = await start(talking, message("a", "one two"), "1h")
        await word(run, said("b"), said("c"), Word("end"))
        streams = [kinds(await told(run.run_id, id)) for id in ("a", "b", "c")]
        index = [chunk["data"]["id"] async for chunk in run.readable()]
        return [await run.result(), index, [[kind[0], kind[-1], kind.count("finish")] for kind in streams]]

    whole = ["data-user-message", "finish", 1]
    in_every_way(act, talking, say, gives=[["a one two", "b hi", "c hi"], ["a", "b", "c"], [whole] * 3])


def test_the_end_comes_when_nobody_says_anything() -> None:
    async def act() -> list[str]:
        run = await start(talking, message("a"), "20ms")
        return await run.result()

    in_every_way(act, talking, say, gives=["a hi"])


def test_a_message_twice_is_one_turn() -> None:
    async def act() -> list[str]:
        run = await start(talking, message("a"), "1h")
        await word(run, said("a"), said("b"), said("b"), Word("end"))
        return await run.result()

    assert once(act, talking, say)[0] == ["a hi", "b hi"]


def test_one_is_stopped_under_way_and_one_before() -> None:
    async def act() -> list[Any]:
        run = await start(talking, message("a", "wait"), "1h")
        await begun(run, "a")
        stops = Word("stop", "b"), Word("stop", "nobody"), Word("stop", "a")
        await word(run, said("b"), said("c"), *stops, Word("end"))
        ends = [kinds(await told(run.run_id, id))[-2:] for id in ("a", "b", "c")]
        return [await run.result(), ends]

    ends = [["abort", "finish"], ["abort", "finish"], ["text-delta", "finish"]]
    in_every_way(act, talking, say, gives=[["a None", "b None", "c hi"], ends])


NO_WORDS: list[Any] = [
    Word("message", "x"),
    Word("message", "x", {"id": "x", "role": "user"}),
    Word("message", "x", {**message("x"), "role": "assistant"}),
    Word("message", "x", message("no/id")),
]


@pytest.mark.parametrize("sent", NO_WORDS)
def test_who_posts_to_the_bare_hook_may_say_anything(sent: Word) -> None:
    async def act() -> list[str]:
        run = await start(talking, message("a"), "1h")
        await word(run, sent, said("b"), Word("end"))
        return await run.result()

    assert once(act, talking, say)[0] == ["a hi", "b hi"]


def test_nobody_hears_what_comes_after_the_end() -> None:
    async def act() -> str:
        run = await start(talking, message("a"), "20ms")
        await run.result()
        with pytest.raises(HookNotFound):
            await resume_hook(WORDS.token(run.run_id), said("b"))
        return "refused"

    assert once(act, talking, say)[0] == "refused"
