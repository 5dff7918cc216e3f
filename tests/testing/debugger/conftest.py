"""Recordings of runs, and what a person sees who types commands at the prompt."""

from collections.abc import Awaitable, Callable
from io import StringIO
from typing import Any

import pytest

from perdure.engine.log import read_log, to_events
from perdure.engine.registry import REGISTRY
from perdure.model.ids import RunId
from perdure.replay.trial import outside_of_tasks
from perdure.testing import Lab
from perdure.testing.debugger.prompt import Prompt
from perdure.testing.debugger.recording import Recording
from tests.testing.debugger.trips import Code, today

Record = Callable[..., Awaitable[Recording]]
Session = Callable[..., Awaitable[str]]


@pytest.fixture
def record(lab: Lab) -> Record:
    """`await record(run)`: of a run as it stands; with a function, as code that is today's for its workflow."""

    async def recorded(run: Any, code: Code | None = None) -> Recording:
        await lab.rest()
        log = await read_log(lab.bench.world, RunId(run.run_id))
        registry = REGISTRY if code is None else today(log.run.workflow, code)
        return Recording(log.run.run_id, to_events(log), registry)

    return recorded


@pytest.fixture
def session() -> Session:
    """`await session(recording, until, "back", …)`: what is written, prompts among it."""

    async def typed(recording: Recording, until: int | None, *commands: str) -> str:
        output = StringIO()
        prompt = Prompt(recording, stdin=StringIO("".join(f"{line}\n" for line in commands)), stdout=output)
        await outside_of_tasks(lambda: prompt.explore(until))
        return output.getvalue()

    return typed
