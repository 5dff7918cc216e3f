"""S6: what takes the rules of forks out."""

import asyncio
from typing import Any

from perdure.core.fork import Prefix
from perdure.engine import fork as forking
from perdure.engine.engine import Engine
from perdure.errors import WorldUnavailable
from perdure.model.ids import RunId
from perdure.replay import chance
from perdure.world.operation import Operation
from tests.faults.rules.patching import Patching, patch, several


def forgetful() -> Patching:
    """S6: a fork doesn't take over outcomes that came after the cut."""
    strict = forking.prefix_of

    def prefix_of(*given: Any) -> Prefix:
        prefix = strict(*given)
        return prefix._replace(events=[event for event in prefix.events if event.seq < prefix.origin.seq])

    return patch.object(forking, "prefix_of", prefix_of)


def in_two_commits() -> Patching:
    """S6: a fork is started, and then gets its past."""
    strict = forking._commit

    async def commit(engine: Engine, operations: tuple[Operation, ...]) -> None:
        for operation in operations:
            await strict(engine, (operation,))

    return patch.object(forking, "_commit", commit)


def begun_anew() -> Patching:
    """S6: after a lost answer another fork is begun."""
    strict = forking._start

    async def start(*given: Any) -> RunId:
        while True:
            try:
                return await strict(*given)
            except WorldUnavailable:
                await asyncio.sleep(0.05)

    async def commit(engine: Engine, operations: tuple[Operation, ...]) -> None:
        await engine.world.commit(operations)

    return several(patch.object(forking, "_start", start), patch.object(forking, "_commit", commit))


def chance_of_its_own() -> Patching:
    """S6: a fork's chance is its own from the beginning."""
    return patch.object(chance, "source_of", lambda run_id, _origin, _turn: run_id)
