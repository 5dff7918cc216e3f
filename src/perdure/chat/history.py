"""What was said in a session: read from its runs, which keep it, so that there is no second place for it.

A run of many turns has its messages in its streams; one for each message has in its input what the client knew. They are
kept for as long as their runs are.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from perdure.api.connect import CONNECTION
from perdure.api.metadata import get_step_metadata
from perdure.api.run import Run, get_run, list_runs
from perdure.api.step import step
from perdure.chat.assembly import Assembly
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.message import UIMessage
from perdure.chat.session import SESSION, Answer, created, first_stream, turns_of
from perdure.chat.turn import PREFIX, USER_MESSAGE
from perdure.codec.value import decode
from perdure.errors import RunNotFound
from perdure.model.ids import RunId, is_run_id
from perdure.model.status import ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message, and the run that has it. `cut_off`: an answer that was stopped, or failed."""

    run_id: str
    message: UIMessage
    cut_off: bool = False


@dataclass(slots=True, kw_only=True)
class ChatHistory:
    """What a page needs that is loaded again. `messages` end with the question whose answer is under way, if one is:
    then `resume` is the answer's id, whose stream gives it from its beginning. `queued` are those that wait behind it."""

    messages: list[StoredMessage] = field(default_factory=list[StoredMessage])
    resume: str | None = None
    queued: list[StoredMessage] = field(default_factory=list[StoredMessage])

    def as_json(self) -> dict[str, Any]:
        """As the route has it: without the runs."""
        return {
            "messages": [stored.message for stored in self.messages],
            "resume": self.resume,
            "queued": [stored.message for stored in self.queued],
        }


async def chat_history(run_or_session: str) -> ChatHistory:
    """What was said in a session, by all of its runs that are kept; or by one run. Raises: RunNotFound, WorldError."""
    if is_run_id(run_or_session):
        return await _history([get_run(run_or_session)])
    runs = await _runs(run_or_session)
    if not runs:
        raise RunNotFound(run_or_session)
    return await _history(runs)


@step(name="perdure:chat.history")
async def earlier_messages() -> list[UIMessage]:
    """What was said in this run's session before it; answers that were cut off are left out."""
    me = get_step_metadata().run_id
    session = (await get_run(me).info()).attributes.get(SESSION)
    if session is None:
        return []
    runs = [run for run in await _runs(session) if run.run_id < me]
    return [stored.message for stored in (await _history(runs)).messages if not stored.cut_off]


async def _runs(session: str) -> list[Run[Any]]:
    """The oldest first."""
    return [get_run(info.run_id) async for info in list_runs(attributes={SESSION: session})][::-1]


async def _history(runs: list[Run[Any]]) -> ChatHistory:
    history = ChatHistory()
    for run in runs:
        input = decode((await created(run)).input, Any, "input")
        if "message" in input:
            await _add_turns(history, run, input["message"])
        else:
            await _add_run(history, run, input.get("messages", []))
    return history


async def _add_turns(history: ChatHistory, run: Run[Any], first: UIMessage) -> None:
    turns = [turn async for turn in _turns(run, first)]
    history.resume, history.queued = None, []
    for answer, question, assembly in turns:
        asked = StoredMessage(run_id=run.run_id, message=question)
        if history.resume is not None:
            history.queued.append(asked)
            continue
        history.messages.append(asked)
        if assembly is None:
            history.resume = answer.id
        elif assembly.message is not None:
            history.messages.append(_stored(run, assembly))


async def _turns(run: Run[Any], first: UIMessage) -> AsyncIterator[tuple[Answer, UIMessage, Assembly | None]]:
    """Where a turn is, its question, and its answer; None: it is to come."""
    taken = await turns_of(run)
    for turn in taken:
        answer = Answer(run, PREFIX + turn.id)
        chunks = await _chunks(answer)
        question: UIMessage = next(chunk["data"] for chunk in chunks if chunk["type"] == USER_MESSAGE)
        yield answer, question, Assembly(chunks) if turn.ended else None
    if not taken:
        ended = await run.status() in ENDED
        answer = Answer(run, await first_stream(run))
        yield answer, first, Assembly(await _chunks(answer)) if ended else None


async def _add_run(history: ChatHistory, run: Run[Any], given: list[UIMessage]) -> None:
    """Where the client owns the history, what it sent has all that was before."""
    history.messages = [StoredMessage(run_id=run.run_id, message=message) for message in given]
    history.resume, history.queued = None, []
    if not (await run.stream_info()).closed:
        history.resume = run.run_id
        return
    before = given[-1] if given and given[-1].get("role") == "assistant" else None
    assembly = Assembly(await _chunks(Answer(run)), before)
    if assembly.message is not None:
        if before is not None:
            history.messages.pop()
        history.messages.append(_stored(run, assembly))


def _stored(run: Run[Any], assembly: Assembly) -> StoredMessage:
    assert assembly.message is not None
    return StoredMessage(run_id=run.run_id, message=assembly.message, cut_off=assembly.cut_off)


async def _chunks(answer: Answer) -> list[UIMessageChunk]:
    """Those that there are."""
    readers, run_id = (await CONNECTION.engine()).readers, RunId(answer.run.run_id)
    length = (await readers.record(run_id, answer.stream)).length
    return [decode(one.data, Any, "chunk") for one in await readers.between(run_id, answer.stream, 0, length)]
