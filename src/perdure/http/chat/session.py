"""A chat that is one run, from outside: a message begins it, or reaches it by its hook; so do a stop and the end."""

import asyncio
from contextlib import aclosing
from typing import Any

from perdure.api.connect import CONNECTION
from perdure.api.launch import launch
from perdure.api.options import StartOptions
from perdure.api.run import Run, get_run
from perdure.chat.ending import epilogue
from perdure.chat.message import UIMessage
from perdure.chat.session import SESSION, Answer, has_turn, youngest_run
from perdure.chat.turn import PREFIX, WORDS, Word, turn_misfit
from perdure.codec.value import decode
from perdure.errors import HookNotFound, StartConflict
from perdure.http.authorization import Target
from perdure.http.call import Call
from perdure.http.chat.message import Sent
from perdure.http.problem import Problem
from perdure.http.run import input_of
from perdure.model.definition import WorkflowDefinition
from perdure.model.ids import RunId
from perdure.model.status import ENDED

MESSAGE, SESSION_PARAMETER = "message", "session"
PATIENCE_S = 20.0
LOOK_AGAIN_S = 0.02


async def send_turn(definition: WorkflowDefinition, sent: Sent, call: Call) -> Answer:
    """Where the answer to the last message is, once the session's run has taken it, or one was begun for it.

    The same message again has the same answer. Raises: Problem (401, 403, 409, 422, 503), PayloadConflict.
    """
    message, session = _last(sent)
    if session is None:
        raise Problem(
            422,
            "session: a chat of many turns needs its name in the body",
            kind="messages-invalid",
            path=SESSION_PARAMETER,
        )
    await CONNECTION.engine(work=True)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                run = await youngest_run(session, definition.name)
                if run is not None:
                    await call.check("hook:resume", Target("hook", WORDS.token(run.run_id)))
                answer = await _given_to(run, message) or await _begun(definition, session, message, run)
                if answer is not None:
                    return answer
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        raise _busy() from None


async def reach(run: Run[Any], word: Word) -> bool:
    """Whether the run hears it: one that has ended doesn't, one that has just begun is waited for. Raises: Problem (503)."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await WORDS.resume(run.run_id, word, idempotency_key=f"{word.kind} {word.turn}")
                    return True
                except HookNotFound:
                    if await run.status() in ENDED:
                        return False
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        raise _busy() from None


def _last(sent: Sent) -> tuple[UIMessage, str | None]:
    """Raises: Problem (422)."""
    message, place = sent.messages[-1], f"messages[{len(sent.messages) - 1}]"
    wrong = turn_misfit(message)
    if wrong is not None:
        raise Problem(422, f"{place}{wrong[0]}: {wrong[1]}", kind="messages-invalid", path=f"{place}{wrong[0]}")
    return message, sent.session


async def _given_to(run: Run[Any] | None, message: UIMessage) -> Answer | None:
    """Where a run has taken it, now or before. None: there is none, it ended before, or hasn't begun to listen."""
    if run is None:
        return None
    answer = Answer(run, PREFIX + message["id"])
    if await has_turn(answer):
        await _compare(answer, message)
        return answer
    try:
        await WORDS.resume(run.run_id, Word("message", answer.turn, message), idempotency_key=f"message {answer.turn}")
    except HookNotFound:
        return None
    readers = (await CONNECTION.engine()).readers
    async with aclosing(readers.pages(RunId(run.run_id), answer.stream, 0)) as pages:
        return None if await anext(pages, None) is None else answer


async def _compare(answer: Answer, message: UIMessage) -> None:
    """Raises: Problem (409)."""
    for chunk in await (await CONNECTION.engine()).readers.between(RunId(answer.run.run_id), answer.stream, 0, 1):
        if decode(chunk.data, Any, "chunk").get("data") != message:
            raise Problem(409, "this message's id was sent with other content", kind="payload-conflict")


async def _begun(
    definition: WorkflowDefinition, session: str, message: UIMessage, after: Run[Any] | None
) -> Answer | None:
    """A new run for it. None: the last is alive, or another message was first."""
    if after is not None and await after.status() not in ENDED:
        return None
    input = input_of(definition, {MESSAGE: message, SESSION_PARAMETER: session})
    key = f"perdure-chat:{session}:{after.run_id if after is not None else ''}"
    options = StartOptions(idempotency_key=key, attributes={SESSION: session})
    answer = PREFIX + message["id"]
    try:
        run_id = await launch(await CONNECTION.engine(), definition.name, input, options, epilogues=(epilogue(answer),))
    except StartConflict:
        return None
    return Answer(get_run(run_id), answer)


def _busy() -> Problem:
    return Problem(
        503, "the chat doesn't take the message now: send it again", kind="chat-busy", headers={"retry-after": "1"}
    )
