"""What was said in a session, read from the runs that keep it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure import Run, RunNotFound, StartOptions, close, configure, get_writable, sleep, start, workflow
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.ending import ending
from perdure.chat.history import StoredMessage, chat_history, earlier_messages
from perdure.chat.message import UIMessage
from perdure.chat.session import SESSION
from perdure.chat.turn import ChatTurn, Word
from perdure.chat.turns import Turns
from tests.api.following import until
from tests.chat.test_assembly import text
from tests.chat.test_turn import message
from tests.chat.test_turns import word

pytestmark = pytest.mark.anyio
MINE = StartOptions(attributes={SESSION: "mine"})


@pytest.fixture(autouse=True)
async def fresh_world(anyio_backend: str) -> AsyncIterator[None]:
    configure(world="memory://")
    yield
    await close()


def answer_to(id: str, said: str = "yes") -> UIMessage:
    return {"id": f"to-{id}", "role": "assistant", "parts": [{"type": "text", "text": said, "state": "done"}]}


@workflow(name="history:talking")
async def talking(message: UIMessage, session: str) -> list[str]:
    """Says yes, and gives what was said before it."""

    async def answer(turn: ChatTurn) -> None:
        await turn.writable.write({"type": "start", "messageId": f"to-{turn.id}"})
        await turn.writable.write_from(text("yes"))
        if turn.message["parts"][0]["text"] == "wait":
            await sleep("9h")

    async with Turns(message, idle="1h") as turns:
        earlier = await earlier_messages()
        async for turn in turns:
            await turn.answer(lambda turn=turn: answer(turn))
    return [message["id"] for message in earlier]


@workflow(name="history:answering")
async def answering(messages: list[UIMessage]) -> None:
    out = get_writable(UIMessageChunk)
    await out.write_at_end(**ending()._asdict())
    await out.write(
        {"type": "start", "messageId": messages[-1]["id"] if messages[-1]["role"] == "assistant" else "to-it"}
    )
    await out.write_from(text("yes"))
    if messages[-1]["parts"][0]["text"] == "wait":
        await sleep("9h")


async def ended(*said: str) -> Run[list[str]]:
    run = await start(talking, message(said[0]), "mine", options=MINE)
    await word(run, *(Word("message", id, message(id)) for id in said[1:]), Word("end"))
    await run.result()
    return run


def stored(run: Run[Any], *messages: UIMessage) -> list[StoredMessage]:
    return [StoredMessage(run_id=run.run_id, message=one) for one in messages]


async def test_runs_of_many_turns_one_after_another() -> None:
    first, second = await ended("a", "b"), await ended("c")
    history = await chat_history("mine")
    said = [message("a"), answer_to("a"), message("b"), answer_to("b")]
    more = [message("c"), answer_to("c")]
    assert history.messages == [*stored(first, *said), *stored(second, *more)]
    assert (history.resume, history.queued) == (None, [])
    assert (await chat_history(second.run_id)).messages == stored(second, *more)
    assert await second.result() == ["a", "to-a", "b", "to-b"], "the next run knows"
    assert history.as_json() == {"messages": [*said, *more], "resume": None, "queued": []}


async def test_an_answer_under_way_and_those_behind_it() -> None:
    run = await start(talking, message("a"), "mine", options=MINE)
    await word(run, *(Word("message", id, message(id, text)) for id, text in (("b", "wait"), ("c", "x"), ("d", "y"))))

    async def all_taken() -> bool:
        return len((await chat_history("mine")).queued) == 2

    await until(all_taken)
    history = await chat_history("mine")
    assert [one.message["id"] for one in history.messages] == ["a", "to-a", "b"]
    assert history.resume == f"{run.run_id}~b"
    assert history.queued == stored(run, message("c", "x"), message("d", "y"))
    await word(run, Word("stop", "b"), Word("end"))
    await run.result()
    history = await chat_history("mine")
    assert [one.message["id"] for one in history.messages if one.cut_off] == ["to-b"]
    assert await (await ended("e")).result() == ["a", "to-a", "b", "c", "to-c", "d", "to-d"], "but for what was cut off"


async def test_a_run_that_nobody_has_begun() -> None:
    configure(world="memory://", work=False)
    run = await start(talking, message("a"), "mine", options=MINE)
    history = await chat_history("mine")
    assert history.messages == stored(run, message("a"))


async def test_a_client_that_owns_the_history() -> None:
    """What it sent last is what was said, whatever it sent before."""
    await (await start(answering, [message("a")], options=MINE)).result()
    given = [message("x"), {"id": "y", "role": "assistant", "parts": []}, message("z", "wait")]
    run = await start(answering, given, options=MINE)
    history = await chat_history("mine")
    assert (history.messages, history.resume) == (stored(run, *given), run.run_id)
    await until(run.wake_up)
    await run.result()
    history = await chat_history("mine")
    assert history.messages == stored(run, *given, {**answer_to("it")})
    assert history.resume is None


async def test_a_client_that_owns_the_history_has_its_answer_gone_on_with() -> None:
    half = {"id": "y", "role": "assistant", "parts": [{"type": "text", "text": "half", "state": "done"}]}
    run = await start(answering, [message("x"), half], options=MINE)
    await run.result()
    whole = {**half, "parts": [*half["parts"], *answer_to("it")["parts"]]}
    assert (await chat_history("mine")).messages == stored(run, message("x"), whole)


@pytest.mark.parametrize("name", ["nobody's", "", "wrun_01HF7YAT00YPRPA8JAB2VS3WER"])
async def test_a_session_that_there_is_not(name: str) -> None:
    with pytest.raises(RunNotFound):
        await chat_history(name)


async def test_a_run_without_a_session_knows_of_nothing() -> None:
    run = await start(talking, message("a"), "mine")
    await word(run, Word("end"))
    assert await run.result() == []
