"""Retries in place: an ended run runs again, with the hooks and the streams that its end closed."""

from msgspec.structs import replace

from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    ONE,
    Check,
    append_to,
    beat,
    born,
    chunks_of,
    claim_all,
    done,
    hook_of,
    hook_with,
    log_of,
    record_of,
    refused,
    registering,
    run_id,
    stream_of,
    texts_of,
    writing,
)
from perdure.world import Append, HookChange, HookClosing, HookFilter, HookReopening, NewHook, Refusal, World


async def _failed(world: World, *hooks: NewHook, number: int = 1) -> int:
    """A run that had these hooks when it failed; its next seq."""
    await born(world, number)
    await done(world, registering(number, 3, *hooks))
    await done(world, append_to(number, 3 + len(hooks), status="failed"))
    return 4 + len(hooks)


def _retrying(seq: int, *hooks: HookChange, **changes: object) -> Append:
    return append_to(1, seq, **({"seize": True, "status": "running", "hooks": hooks} | changes))


async def a_retry_opens_hooks_again(world: World, clock: VirtualClock) -> None:
    seq = await _failed(world, hook_of("a", "s"), hook_of("b", "t"), hook_of("c", "r"))
    before = await hook_with(world, "s")
    clock.advance(50)
    await done(world, _retrying(seq, HookReopening(key="a"), HookReopening(key="c")))
    assert await hook_with(world, "s") == replace(before, closed=False)
    assert [hook.key for hook in await world.hooks.list(HookFilter())] == ["c", "a"]
    assert (await hook_with(world, "t")).closed
    await born(world, 2)
    taken = [hook_of(key, token) for key, token in (("a", "s"), ("b", "t"), ("c", "r"))]
    assert (await done(world, registering(2, 3, *taken))).conflicts == {0: run_id(1), 2: run_id(1)}


async def a_retry_is_refused_while_a_token_is_taken(world: World, clock: VirtualClock) -> None:
    seq = await _failed(world, hook_of("a", "s"), hook_of("b", "t"))
    await born(world, 2)
    await done(world, registering(2, 3, hook_of("a", "t", expires_at_ms=clock() + 100)))
    retry = _retrying(seq, HookReopening(key="a"), HookReopening(key="b"))
    clock.advance(99)
    outcome = await refused(world, retry, Refusal.HOOK)
    assert outcome.now_ms == 0
    assert (await record_of(world)).status == "failed"
    assert (await hook_with(world, "s")).closed
    await done(world, append_to(2, 4, hooks=(HookClosing(key="a"),)))
    await done(world, retry)
    assert (await hook_with(world, "t")).run_id == run_id(1), "open, if not the last to be registered"


async def a_retry_takes_a_token_from_an_expired_hook(world: World, clock: VirtualClock) -> None:
    seq = await _failed(world, hook_of("a", "t"))
    await born(world, 2)
    await done(world, registering(2, 3, hook_of("a", "t", expires_at_ms=clock() + 100)))
    clock.advance(100)
    await done(world, _retrying(seq, HookReopening(key="a")))
    assert [hook.run_id for hook in await world.hooks.list(HookFilter())] == [run_id(1)]
    clock.advance(-100)
    assert [hook.run_id for hook in await world.hooks.list(HookFilter())] == [run_id(1)], "the other was closed"


async def a_hook_that_has_expired_stays_closed(world: World, clock: VirtualClock) -> None:
    """It would take nothing: so it needs no token, and hinders no retry."""
    due_ms = clock() + 100
    tokens = (("a", "s", due_ms), ("b", "t", due_ms), ("c", "r", due_ms + 1))
    seq = await _failed(world, *(hook_of(key, token, expires_at_ms=expires) for key, token, expires in tokens))
    await born(world, 2)
    await done(world, registering(2, 3, hook_of("a", "t")))
    clock.advance(100)
    await done(world, _retrying(seq, *(HookReopening(key=key) for key in "abc")))
    assert [(await hook_with(world, token)).closed for token in "sr"] == [True, False]
    assert (await hook_with(world, "t")).run_id == run_id(2)


async def an_expired_hook_gave_way_for_good(world: World, clock: VirtualClock) -> None:
    """A run whose hook expired unseen took the token again: the retry opens the later one only."""
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t", expires_at_ms=clock())))
    await done(world, registering(1, 4, hook_of("b", "t")))
    await done(world, append_to(1, 5, status="failed"))
    await done(world, _retrying(6, HookReopening(key="a"), HookReopening(key="b")))
    assert [hook.key for hook in await world.hooks.list(HookFilter())] == ["b"]


async def two_cannot_open_with_one_token(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await done(world, append_to(1, 4, hooks=(HookClosing(key="a"),)))
    await done(world, registering(1, 5, hook_of("b", "t")))
    await done(world, append_to(1, 6, status="failed"))
    await refused(world, _retrying(7, HookReopening(key="a"), HookReopening(key="b")), Refusal.HOOK)
    await done(world, _retrying(7, HookReopening(key="a")))
    assert (await hook_with(world, "t")).key == "a"


async def to_open_what_is_open_or_not_there_does_nothing(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await born(world, 2)
    await done(world, registering(2, 3, hook_of("b", "s")))
    before = await world.hooks.list(HookFilter())
    await done(world, append_to(1, 4, hooks=(HookReopening(key="a"), HookReopening(key="b"))))
    assert await world.hooks.list(HookFilter()) == before


async def hooks_open_again_before_others_are_registered(world: World, clock: VirtualClock) -> None:
    seq = await _failed(world, hook_of("a", "t"))
    again = registering(1, seq, hook_of("b", "t"))
    retry = _retrying(seq, *again.hooks, HookReopening(key="a"), rows=again.rows)
    assert (await done(world, retry)).conflicts == {0: run_id(1)}
    assert (await hook_with(world, "t")).key == "a"
    assert (await log_of(world)).rows[-1].type == "hook_conflict"


async def a_taken_token_is_the_last_reason(world: World, clock: VirtualClock) -> None:
    """After EARLY: what was refused for it could have been done but for the token."""
    seq = await _failed(world, hook_of("a", "t"))
    await born(world, 2)
    await done(world, registering(2, 3, hook_of("a", "t")))
    retry = _retrying(seq, HookReopening(key="a"))
    await refused(world, replace(retry, due_ms=clock() + 1), Refusal.EARLY)
    await refused(world, replace(retry, seq=9), Refusal.PLACE)
    await refused(world, replace(retry, epoch=9), Refusal.FENCED)
    await refused(world, replace(retry, status="cancelled"), Refusal.ENDED)
    await refused(world, retry, Refusal.HOOK)


async def a_retry_opens_the_streams_that_the_end_closed(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, writing(2, 0, chunks_of(2, "open", b"x"), status="failed"))
    chunks = (chunks_of(1, "open", b"a"), chunks_of(1, "closed", b"b", close=True))
    await done(world, writing(1, 0, *chunks, seq=3))
    last = (chunks_of(1, "open", b"c"), chunks_of(1, "closed at last", b"d", close=True))
    await done(world, writing(1, 1, *last, seq=3, status="failed"))
    names = ("open", "closed", "closed at last", "never written")
    assert [(await stream_of(world, 1, name)).record.closed for name in names] == [True, True, True, True]
    await done(world, _retrying(3))
    assert [(await stream_of(world, 1, name)).record.closed for name in names] == [False, True, True, False]
    assert (await stream_of(world, 2, "open")).record.closed
    await beat(world)
    [claimed] = await claim_all(world, ONE)
    more = [chunks_of(1, name, b"e") for name in names]
    outcome = await done(world, writing(1, 2, *more, seq=4, epoch=claimed.epoch))
    assert outcome.refused == (1, 2)
    assert await texts_of(world, 1, "open") == [b"a", b"c", b"e"]
    await done(world, append_to(1, 4, epoch=claimed.epoch, status="failed"))
    assert (await stream_of(world, 1, "open")).record.closed


async def a_retry_can_write_at_once(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, writing(1, 0, chunks_of(1, "", b"a"), seq=3, status="failed"))
    outcome = await done(world, _retrying(3, chunks=(chunks_of(1, "", b"b"),), writes=1))
    assert outcome.refused == ()
    assert await texts_of(world) == [b"a", b"b"]


CHECKS: tuple[Check, ...] = (
    a_retry_opens_hooks_again,
    a_retry_is_refused_while_a_token_is_taken,
    a_retry_takes_a_token_from_an_expired_hook,
    a_hook_that_has_expired_stays_closed,
    an_expired_hook_gave_way_for_good,
    two_cannot_open_with_one_token,
    to_open_what_is_open_or_not_there_does_nothing,
    hooks_open_again_before_others_are_registered,
    a_taken_token_is_the_last_reason,
    a_retry_opens_the_streams_that_the_end_closed,
    a_retry_can_write_at_once,
)
