"""How many hooks wait in the World. No worker knows them all, and the store isn't asked in the collector's thread."""

import asyncio
import logging

from perdure.errors import WorldError
from perdure.world.hook import HookFilter
from perdure.world.world import World

EVERY_S = 15.0
PAGE = 500
COUNTED_MAX = 10_000
"""As many, or more. A world with so many pays for no more than that, every quarter of a minute."""
logger = logging.getLogger("perdure")


class HookCount:
    """`count` as of the last look; None where nobody looks, or the World is away."""

    def __init__(self) -> None:
        self.count: int | None = None

    async def watch(self, world: World) -> None:
        """Look until cancelled."""
        try:
            while True:
                try:
                    self.count = await count(world)
                except WorldError as error:
                    self.count = None
                    logger.info("the hooks could not be counted: %s", error)
                await asyncio.sleep(EVERY_S)
        finally:
            self.count = None


async def count(world: World) -> int:
    """The open hooks that haven't expired, at most `COUNTED_MAX`. Raises: WorldError."""
    counted, before = 0, None
    while counted < COUNTED_MAX:
        hooks = await world.hooks.list(HookFilter(limit=PAGE, before=before))
        counted += len(hooks)
        if len(hooks) < PAGE:
            break
        before = (hooks[-1].run_id, hooks[-1].seq)
    return counted
