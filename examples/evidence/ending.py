"""Waiting for the end of a run, whichever it is."""

from contextlib import suppress
from typing import Any

from perdure import Run, RunFailed


async def ended(run: Run[Any]) -> None:
    with suppress(RunFailed):
        await run.result()
