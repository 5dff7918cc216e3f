"""What every World must pass, ours and others'. It checks each sentence of the port's docstrings (`perdure.world`).

A check is an async function that takes an open, empty World and the clock that the World was given:

    @pytest.mark.anyio
    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_world(check: Check, tmp_path: Path) -> None:
        clock = VirtualClock()
        world = MyWorld(tmp_path, clock=clock)
        await world.open()
        try:
            await check(world, clock)
        finally:
            await world.close()

Beside it, `compare(left, right, clock, seed)` has two Worlds do the same random things, and fails where they differ:
give it `MemoryWorld(clock=clock)` and yours, with as many seeds as you have time for.

`pytest.register_assert_rewrite("perdure.testing.conformance")` in a conftest.py makes failures speak.
"""

from perdure.testing.conformance import (
    append,
    claim,
    end,
    hook,
    lease,
    letter,
    mail,
    pin,
    query,
    release,
    retention,
    retry,
    seize,
    start,
    stream,
    text,
    transaction,
)
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.differential import compare
from perdure.testing.conformance.sample import Check

CHECKS: tuple[Check, ...] = (
    *start.CHECKS,
    *append.CHECKS,
    *end.CHECKS,
    *release.CHECKS,
    *seize.CHECKS,
    *letter.CHECKS,
    *mail.CHECKS,
    *hook.CHECKS,
    *stream.CHECKS,
    *retry.CHECKS,
    *retention.CHECKS,
    *lease.CHECKS,
    *claim.CHECKS,
    *pin.CHECKS,
    *query.CHECKS,
    *text.CHECKS,
    *transaction.CHECKS,
)

__all__ = ["CHECKS", "Check", "VirtualClock", "compare"]
