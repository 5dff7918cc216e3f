"""Hooks in memory: each is found by its token or its run alone, and a commit that fails leaves them as they were."""

import pytest

from perdure.testing.conformance.sample import (
    append_to,
    born,
    do,
    done,
    fails,
    hook_of,
    hook_with,
    registering,
    run_id,
    send_to,
)
from perdure.world import HookClosing, HookFilter, Sent
from perdure.worlds.memory import MemoryWorld
from tests.worlds.memory.untouchable import Untouchable

pytestmark = pytest.mark.anyio


async def test_a_key_twice_in_a_run_breaks_a_rule_with_a_name() -> None:
    world = MemoryWorld()
    await born(world)
    await done(world, registering(1, 3, hook_of("0/hook#0", "s")))
    with pytest.raises(AssertionError, match=r"^L5: wrun_0*1 has the hook 0/hook#0 already$"):
        await do(world, registering(1, 4, hook_of("0/hook#0", "t")))


async def test_a_commit_that_fails_leaves_all_hooks_as_they_were() -> None:
    world = MemoryWorld()
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "s")))
    closing = append_to(1, 4, hooks=(HookClosing(key="a"),))
    await fails(world, closing, registering(1, 5, hook_of("b", "t")), registering(1, 6, hook_of("b", "r")))
    assert not (await hook_with(world, "s")).closed
    assert await world.hooks.find("t") is None
    await done(world, registering(1, 4, hook_of("b", "t")))


async def test_nobody_looks_at_the_hooks_of_other_runs() -> None:
    world = MemoryWorld()
    await born(world, 1)
    world._state.hooks[run_id(2)] = Untouchable({"a": None})
    await done(world, registering(1, 3, hook_of("a", "t"), hook_of("b", "t")))
    assert await do(world, send_to(1, "m", "a")) == Sent()
    assert (await hook_with(world, "t")).key == "a"
    await done(world, append_to(1, 5, status="failed", mail_taken=("m",)))
    with pytest.raises(RuntimeError):
        await world.hooks.list(HookFilter())
