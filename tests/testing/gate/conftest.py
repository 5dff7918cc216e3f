"""Logs of the workflow: of a run that waits, and of one that has ended; each through a file and back."""

from collections.abc import Awaitable, Callable

import pytest

from perdure import start
from perdure.engine.log import read_log
from perdure.model.ids import RunId
from perdure.testing import Lab
from perdure.testing.gate.history import history_file, read_history
from perdure.world import Log
from tests.testing.gate.orders import fulfil


@pytest.fixture
def recorded(lab: Lab) -> Callable[[str], Awaitable[Log]]:
    """`await recorded("waiting" or "ended")`."""

    async def record(stage: str) -> Log:
        run = await start(fulfil, "o-1")
        await lab.wait_for_sleep(run)
        if stage == "ended":
            await lab.advance("1h")
            assert await run.result() == "shipped o-1"
        log = await read_log(lab.bench.world, RunId(run.run_id))
        return read_history(history_file(log, None), "a.jsonl")

    return record
