"""Sessions: a name of the client's own for its chat, by which it finds the answer again after a page was reloaded."""

from contextlib import aclosing
from typing import Any, NamedTuple

from perdure.api.connect import CONNECTION
from perdure.api.run import Run, get_run, list_runs
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.turn import PREFIX, TURN
from perdure.engine.log import to_event
from perdure.engine.seal import open_row
from perdure.errors import RunNotFound
from perdure.model.event import RunCreated
from perdure.model.ids import RunId, is_run_id

SESSION = "chat.session"
"""The attribute that holds it: one session may have many runs, one for each message, or one after another."""
SESSION_BYTES_MAX = 256
MARK = "~"


class Answer(NamedTuple):
    """Where an answer is: a run, and the stream of it that has it, "" where it is the run's only one."""

    run: Run[Any]
    stream: str = ""

    @property
    def turn(self) -> str:
        """The turn's id; empty where the run is one turn."""
        return self.stream.removeprefix(PREFIX)

    @property
    def id(self) -> str:
        """What a client calls it by: the run's id, or `RUN~TURN`."""
        return self.run.run_id + (MARK + self.turn if self.stream else "")


class TurnStanding(NamedTuple):
    """A turn as its run's streams have it."""

    id: str
    ended: bool


async def run_of(run_or_session: str) -> Run[Any]:
    """The run with this id, or the youngest of this session. Raises: RunNotFound."""
    if is_run_id(run_or_session):
        return get_run(run_or_session)
    run = await youngest_run(run_or_session)
    if run is None:
        raise RunNotFound(run_or_session)
    return run


async def youngest_run(session: str, workflow: str | None = None) -> Run[Any] | None:
    """The last run that was started for a session; None: there is none."""
    if 0 < len(session.encode(errors="replace")) <= SESSION_BYTES_MAX:
        for info in (await list_runs(workflow=workflow, attributes={SESSION: session}, limit=1)).items:
            return get_run(info.run_id)
    return None


async def answer_of(name: str) -> Answer:
    """The answer by its own id, the one under way (else the last) of a run, or of a session's youngest run.

    Raises: RunNotFound, and for a turn that the run doesn't have too.
    """
    run_id, _, turn = name.partition(MARK)
    if turn and is_run_id(run_id):
        answer = Answer(get_run(run_id), PREFIX + turn)
        if not await has_turn(answer):
            raise RunNotFound(name)
        return answer
    run = await run_of(name)
    turns = await turns_of(run)
    under_way = [turn for turn in turns if not turn.ended] or turns[-1:]
    return Answer(run, PREFIX + under_way[0].id) if under_way else Answer(run, await first_stream(run))


async def turns_of(run: Run[Any]) -> list[TurnStanding]:
    """The turns that a run has taken, in order; of one that is a single turn, none. Raises: RunNotFound."""
    open_ = {one.namespace: not one.closed async for one in run.streams()}
    if not any(name and name.startswith(PREFIX) for name in open_):
        return []
    tail, found = (await run.stream_info()).tail_index, list[TurnStanding]()
    async with aclosing(run.read_chunks(UIMessageChunk)) as chunks:
        async for chunk in chunks:
            if chunk.value["type"] == TURN:
                id = chunk.value["data"]["id"]
                found.append(TurnStanding(id, not open_.get(PREFIX + id, True)))
            if chunk.index == tail:
                break
    return found


async def has_turn(answer: Answer) -> bool:
    """Whether the run has taken it, or was begun for it. Raises: RunNotFound."""
    if (await answer.run.stream_info(answer.stream)).tail_index >= 0:
        return True
    return await first_stream(answer.run) == answer.stream


async def first_stream(run: Run[Any]) -> str:
    """The stream of the message that the run was begun for, which it may not have taken yet. Raises: RunNotFound."""
    epilogues = (await created(run)).epilogues
    return next((one.stream for one in epilogues if one.stream.startswith(PREFIX)), "")


async def created(run: Run[Any]) -> RunCreated:
    """How the run began. Raises: RunNotFound, PayloadLocked."""
    engine, run_id = await CONNECTION.engine(), RunId(run.run_id)
    log = await engine.world.read_log(run_id, 1, limit=1)
    if log is None:
        raise RunNotFound(run_id)
    fact = to_event(open_row(run_id, log.rows[0], engine.keys)).fact
    assert isinstance(fact, RunCreated), "L1: a log begins with run_created"
    return fact
