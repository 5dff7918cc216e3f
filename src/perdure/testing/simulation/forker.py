"""A forker: forks a run, and its forks, from any of their steps, and sees them end."""

import asyncio
from dataclasses import dataclass
from functools import partial
from random import Random

from perdure.engine.engine import Engine
from perdure.engine.fork import Change, fork
from perdure.errors import UsageError, WorkflowNotRegistered
from perdure.model.event import Event, StepCreated
from perdure.model.ids import RunId, StepId, step_id
from perdure.testing.simulation.sender import Insist
from perdure.world import Log

EVERY_S = (0.1, 1.5)
ELSEWHERE_S = 0.02
EDITED = "edited"
"""What a step comes to in a fork that says so."""


@dataclass
class Forked:
    """A fork that a client asked for, from the step with this `key`, or (`edited`) from behind what that came to.

    `seen`: the log that it is of, as it was read before. `asked`: how often somebody was asked to make it: each time there
    may be one, though only one is heard of. `run_id`: of that one; `refused`: why there is none.
    """

    seen: Log
    key: str
    edited: bool
    asked: int = 0
    run_id: RunId | None = None
    refused: str = ""


class Forker:
    """One client's, who insists with `insist`."""

    def __init__(self, insist: Insist, random: Random, forks: list[Forked]) -> None:
        self._insist, self._random, self._forks = insist, random, forks

    async def live(self, run_id: RunId) -> None:
        """Fork a few times, and wait until all have ended."""
        for _ in range(self._random.randrange(1, 4)):
            await asyncio.sleep(self._random.uniform(*EVERY_S))
            await self._fork(self._random.choice([run_id, *self._made()]))
        for made in self._made():
            await self._insist(partial(Engine.end, run_id=made))

    def _made(self) -> list[RunId]:
        return [forked.run_id for forked in self._forks if forked.run_id is not None]

    async def _fork(self, of: RunId) -> None:
        log, events = await self._insist(lambda engine: engine.log(of))
        calls: list[Event] = [event for event in events if isinstance(event.fact, StepCreated)]
        if not calls:
            return
        key = self._random.choice(calls).key
        forked = Forked(seen=log, key=key, edited=self._random.random() < 0.3)
        self._forks.append(forked)
        while forked.run_id is None and not forked.refused:
            try:
                forked.run_id = await self._insist(partial(_forked, forked=forked, step=step_id(of, key)))
            except WorkflowNotRegistered:  # there is a process without code
                await asyncio.sleep(ELSEWHERE_S)
            except UsageError as error:
                forked.refused = str(error)


async def _forked(engine: Engine, forked: Forked, step: StepId) -> RunId:
    run = forked.seen.run
    engine.registry.workflow(run.workflow)
    forked.asked += 1
    if forked.edited:
        return await fork(engine, run.run_id, None, Change(outputs={step: EDITED}))
    return await fork(engine, run.run_id, step, Change())
