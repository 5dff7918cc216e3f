"""Hooks: who has a token, until when, and who is told that it is taken."""

from msgspec.structs import replace

from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    ENDS,
    ONE,
    TWO,
    Check,
    append_to,
    beat,
    born,
    claim_all,
    done,
    fails,
    hook_of,
    hook_with,
    log_of,
    record_of,
    refused,
    registering,
    row,
    run_id,
    start_of,
)
from perdure.world import Appended, HookClosing, HookFilter, HookRecord, Refusal, World


async def a_hook_is_registered_with_its_row(world: World, clock: VirtualClock) -> None:
    await born(world)
    clock.advance(7)
    rows = (row("step_created"), row("hook_created", key="h", payload=b"asked"))
    hook = hook_of("h", "t", row=1, webhook=True, expires_at_ms=clock() + 50)
    assert (await done(world, append_to(1, 3, rows=rows, hooks=(hook,)))).conflicts == {}
    assert await hook_with(world, "t") == HookRecord(
        run_id=run_id(1),
        key="h",
        token_hash="t",
        seq=4,
        webhook=True,
        expires_at_ms=clock() + 50,
        closed=False,
        created_at_ms=clock(),
    )
    kept = (await log_of(world)).rows[3]
    assert (kept.type, kept.key, kept.payload, kept.decided) == ("hook_created", "h", b"asked", None)
    assert (found := await world.hooks.find("t")) is not None and found.row == kept
    assert await world.hooks.find("T") is None


async def a_hook_is_as_old_as_its_row(world: World, clock: VirtualClock) -> None:
    await born(world)
    clock.advance(-60_000)
    outcome = await done(world, registering(1, 3, hook_of()))
    hook = await hook_with(world)
    assert (hook.created_at_ms, hook.webhook, hook.expires_at_ms) == (outcome.at_ms, False, None)


async def a_taken_token_makes_a_conflict(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, registering(1, 3, hook_of("a", "t")))
    outcome = await done(world, registering(2, 3, hook_of("b", "t")))
    assert outcome.conflicts == {0: run_id(1)}
    told = (await log_of(world, 2)).rows[2]
    assert (told.type, told.key, told.payload, told.decided) == ("hook_conflict", "b", b"t", run_id(1))
    assert (await hook_with(world, "t")).run_id == run_id(1)
    assert len(await world.hooks.list(HookFilter())) == 1
    await done(world, append_to(2, 4, hooks=(HookClosing(key="b"),)))
    assert not (await hook_with(world, "t")).closed


async def conflicts_are_told_by_their_rows(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, registering(1, 3, hook_of("a", "s"), hook_of("b", "t")))
    rows = tuple(row("hook_created" if key else "step_created", key=key) for key in ("", "a", "b", "", "c", "d"))
    hooks = (
        hook_of("a", "s", row=1),
        hook_of("b", "free", row=2),
        hook_of("c", "t", row=4),
        hook_of("d", "free too", row=5),
    )
    outcome = await done(world, append_to(2, 3, rows=rows, hooks=hooks))
    assert outcome.conflicts == {1: run_id(1), 4: run_id(1)}
    types = [event.type.removeprefix("hook_") for event in (await log_of(world, 2)).rows[2:]]
    assert types == ["step_created", "conflict", "created", "step_created", "conflict", "created"]
    assert [event.decided for event in (await log_of(world, 2)).rows[3:5]] == [run_id(1), None]
    assert ((await hook_with(world, "free")).seq, (await hook_with(world, "free too")).seq) == (5, 8)


async def a_run_conflicts_with_its_own_hook(world: World, clock: VirtualClock) -> None:
    await born(world)
    outcome = await done(world, registering(1, 3, hook_of("a", "t"), hook_of("b", "t")))
    assert outcome.conflicts == {1: run_id(1)}
    assert (await done(world, registering(1, 5, hook_of("c", "t")))).conflicts == {0: run_id(1)}
    assert (await hook_with(world, "t")).key == "a"


async def registrations_of_one_commit_see_each_other(world: World, clock: VirtualClock) -> None:
    for number in (1, 2, 3):
        await born(world, number)
    outcomes = await world.commit(
        [
            registering(1, 3, hook_of("a", "t")),
            registering(2, 3, hook_of("a", "t")),
            append_to(1, 4, hooks=(HookClosing(key="a"),)),
            registering(3, 3, hook_of("a", "t")),
        ]
    )
    told = [outcome.conflicts for outcome in outcomes if isinstance(outcome, Appended)]
    assert told == [{}, {0: run_id(1)}, {}, {}]
    assert (await hook_with(world, "t")).run_id == run_id(3)


async def a_token_that_was_given_back_can_be_taken(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await done(world, append_to(1, 4, rows=(), hooks=(HookClosing(key="a"),)))
    assert (await hook_with(world, "t")).closed
    assert await world.hooks.list(HookFilter()) == ()
    assert (await done(world, registering(2, 3, hook_of("a", "t")))).conflicts == {}
    assert (await hook_with(world, "t")).run_id == run_id(2)
    assert (await done(world, registering(1, 4, hook_of("b", "t")))).conflicts == {0: run_id(2)}


async def changes_are_done_in_order(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await done(world, registering(2, 3, hook_of("a", "s")))
    again = registering(1, 4, hook_of("b", "t"))
    outcome = await done(world, replace(again, hooks=(HookClosing(key="a"), *again.hooks)))
    assert (outcome.conflicts, (await hook_with(world, "t")).key) == ({}, "b")
    too_early = registering(2, 4, hook_of("b", "s"))
    outcome = await done(world, replace(too_early, hooks=(*too_early.hooks, HookClosing(key="a"))))
    assert outcome.conflicts == {0: run_id(2)}
    assert (await hook_with(world, "s")).closed


async def closing_twice_or_what_is_not_there_does_nothing(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await done(world, append_to(2, 3, hooks=(HookClosing(key="a"), HookClosing(key="none"))))
    assert not (await hook_with(world, "t")).closed
    await done(world, append_to(1, 4, hooks=(HookClosing(key="a"), HookClosing(key="a"))))
    await done(world, registering(2, 4, hook_of("b", "t")))
    await done(world, append_to(1, 5, hooks=(HookClosing(key="a"),)))
    assert not (await hook_with(world, "t")).closed


async def a_key_is_registered_once(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await fails(world, registering(1, 4, hook_of("a", "s")))
    await done(world, append_to(1, 4, hooks=(HookClosing(key="a"),)))
    await fails(world, registering(1, 5, hook_of("a", "t")))


async def the_last_that_had_a_token_is_found(world: World, clock: VirtualClock) -> None:
    """The last to be registered, whatever the clock said."""
    for number in (1, 2, 3):
        await born(world, number)
    await done(world, append_to(2, 3))
    for number, seq in ((3, 3), (2, 4), (1, 3)):
        await done(world, registering(number, seq, hook_of("a", "t")))
        assert (await hook_with(world, "t")).run_id == run_id(number)
        await done(world, append_to(number, seq + 1, hooks=(HookClosing(key="a"),)))
        found = await hook_with(world, "t")
        assert (found.run_id, found.closed) == (run_id(number), True)
        clock.advance(-1000)


async def a_hook_expires_by_the_stores_clock(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await done(world, registering(1, 3, hook_of("a", "t", expires_at_ms=clock() + 100)))
    hook = await hook_with(world, "t")
    clock.advance(99)
    assert await world.hooks.list(HookFilter()) == (hook,)
    clock.advance(1)
    assert await world.hooks.list(HookFilter()) == ()
    assert await hook_with(world, "t") == hook, "expired, but nobody has closed it"
    clock.advance(-1)
    assert await world.hooks.list(HookFilter()) == (hook,)


async def an_expired_hook_gives_way(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, registering(1, 3, hook_of("a", "t", expires_at_ms=clock() + 100)))
    clock.advance(99)
    assert (await done(world, registering(2, 3, hook_of("a", "t")))).conflicts == {0: run_id(1)}
    clock.advance(1)
    assert (await done(world, registering(2, 4, hook_of("b", "t")))).conflicts == {}
    await done(world, append_to(1, 4, hooks=(HookClosing(key="a"),)))
    await done(world, append_to(1, 5, status="completed"))
    found = await hook_with(world, "t")
    assert (found.run_id, found.key, found.closed) == (run_id(2), "b", False)


async def an_expired_hook_gives_way_to_its_own_run(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t", expires_at_ms=clock())))
    assert (await done(world, registering(1, 4, hook_of("b", "t")))).conflicts == {}
    assert [hook.key for hook in await world.hooks.list(HookFilter())] == ["b"]
    clock.advance(-1)
    assert [hook.key for hook in await world.hooks.list(HookFilter())] == ["b"], "it was closed for the other"


async def an_end_closes_the_hooks_of_its_run(world: World, clock: VirtualClock) -> None:
    for number, status in enumerate(ENDS, 1):
        await born(world, number)
        await born(world, number + 10)
        await done(world, registering(number, 3, hook_of("a", f"{number}a"), hook_of("b", f"{number}b")))
        await done(world, registering(number + 10, 3, hook_of("a", f"{number}c")))
        await done(world, append_to(number, 5, status=status))
        closed = [(await hook_with(world, f"{number}{letter}")).closed for letter in "abc"]
        assert closed == [True, True, False]
        assert (await done(world, registering(number + 10, 4, hook_of("b", f"{number}a")))).conflicts == {}
    await done(world, append_to(11, 5, seize=True, status="cancelled"))
    assert (await hook_with(world, "1c")).closed


async def a_hook_of_the_append_that_ends_is_closed(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t"), status="completed"))
    assert (await hook_with(world, "t")).closed


async def hooks_outlive_all_but_the_end(world: World, clock: VirtualClock) -> None:
    """A run that is put away, claimed by another, seized or blocked keeps its hooks."""
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await done(world, append_to(1, 4, release=True, wake_at_ms=clock()))
    assert not (await hook_with(world, "t")).closed
    await claim_all(world, TWO)
    await done(world, append_to(1, 5, epoch=2, seize=True))
    await beat(world, ONE)
    [claimed] = await claim_all(world, ONE)
    await done(world, append_to(1, 6, epoch=claimed.epoch, status="blocked"))
    assert not (await hook_with(world, "t")).closed
    await done(world, append_to(1, 7, epoch=claimed.epoch, seize=True, status="running"))
    assert not (await hook_with(world, "t")).closed


async def a_refused_append_changes_no_hook(world: World, clock: VirtualClock) -> None:
    """`refused` compares the open hooks before and after."""
    await born(world, 1)
    await done(world, registering(1, 3, hook_of("a", "t", expires_at_ms=clock() + 10)))
    hooks = (HookClosing(key="a"), hook_of("b", "s"))
    await refused(world, append_to(1, 9, hooks=hooks), Refusal.PLACE)
    await refused(world, append_to(1, 4, hooks=hooks, due_ms=clock() + 1), Refusal.EARLY)
    await refused(world, append_to(1, 4, hooks=hooks, owner=TWO), Refusal.FENCED)
    await fails(world, registering(1, 4, hook_of("b", "s")), registering(1, 5, hook_of("b", "r")))
    assert await world.hooks.find("s") is None
    assert (await record_of(world)).length == 3


async def hooks_are_listed_newest_first(world: World, clock: VirtualClock) -> None:
    for number in (2, 1, 3):
        await born(world, number)
        hooks = [hook_of(f"{key}", f"{number}{key}") for key in "cab"]
        await done(world, registering(number, 3, *hooks))
    await done(world, append_to(2, 6, hooks=(HookClosing(key="a"),)))
    await world.commit([start_of(4)])
    seen: list[str] = []
    before = None
    for size in (2, 2, 2, 2, 0):
        page = await world.hooks.list(HookFilter(limit=2, before=before))
        assert len(page) == size
        seen += [hook.token_hash for hook in page]
        before = (page[-1].run_id, page[-1].seq) if page else None
    assert seen == ["3b", "3a", "3c", "2b", "2c", "1b", "1a", "1c"]
    assert [hook.token_hash for hook in await world.hooks.list(HookFilter())] == seen
    assert await world.hooks.list(HookFilter(limit=0)) == ()


CHECKS: tuple[Check, ...] = (
    a_hook_is_registered_with_its_row,
    a_hook_is_as_old_as_its_row,
    a_taken_token_makes_a_conflict,
    conflicts_are_told_by_their_rows,
    a_run_conflicts_with_its_own_hook,
    registrations_of_one_commit_see_each_other,
    a_token_that_was_given_back_can_be_taken,
    changes_are_done_in_order,
    closing_twice_or_what_is_not_there_does_nothing,
    a_key_is_registered_once,
    the_last_that_had_a_token_is_found,
    a_hook_expires_by_the_stores_clock,
    an_expired_hook_gives_way,
    an_expired_hook_gives_way_to_its_own_run,
    an_end_closes_the_hooks_of_its_run,
    a_hook_of_the_append_that_ends_is_closed,
    hooks_outlive_all_but_the_end,
    a_refused_append_changes_no_hook,
    hooks_are_listed_newest_first,
)
