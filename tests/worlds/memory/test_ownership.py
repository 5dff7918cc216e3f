import pytest

from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import ONE, TWO, beat, born, claim_all, do, letter_to, run_id, sent, start_of
from perdure.worlds.memory import MemoryWorld


@pytest.mark.anyio
async def test_the_dead_and_mail_come_before_what_is_due() -> None:
    """Since when they wait isn't known, so they count as waiting for ever; then ids decide."""
    clock = VirtualClock()
    world = MemoryWorld(clock=clock)
    await do(world, start_of(1, wake_at_ms=5))
    await do(world, start_of(2, wake_at_ms=clock() + 10**9))
    await sent(world, letter_to(2))
    await born(world, 3)
    await world.retire(ONE, died=True)
    await beat(world, TWO)
    assert [claimed.run_id for claimed in await claim_all(world)] == [run_id(2), run_id(3), run_id(1)]
