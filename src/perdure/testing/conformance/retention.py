"""Runs that are no longer kept: which go, what goes with them, and what stays."""

from perdure.model.ids import RunId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    ENDS,
    FLOW,
    ONE,
    Check,
    append_to,
    born,
    chunks_of,
    claim_all,
    do,
    done,
    everything,
    hook_of,
    hook_with,
    letter_to,
    record_of,
    refused,
    registering,
    run_id,
    send_to,
    start_of,
    stream_of,
    texts_of,
    writing,
)
from perdure.world import HookReopening, Refusal, Refused, RunFilter, Send, Started, World

DAY_MS = 24 * 3_600_000


async def _ended(world: World, number: int = 1, **changes: object) -> None:
    await born(world, number, **changes)
    await done(world, append_to(number, 3, status="completed"))


async def _kept(world: World) -> list[RunId]:
    return [run.run_id for run in (await world.list_runs(RunFilter(limit=1000))).runs][::-1]


async def runs_go_so_long_after_their_end(world: World, clock: VirtualClock) -> None:
    for number, status in enumerate(ENDS, 1):
        await born(world, number)
        await done(world, append_to(number, 3, status=status))
    clock.advance(DAY_MS - 1)
    assert (await world.retention.prune(DAY_MS, 100), len(await _kept(world))) == (0, 3)
    clock.advance(1)
    assert (await world.retention.prune(DAY_MS, 100), await _kept(world)) == (3, [])
    assert await world.retention.prune(DAY_MS, 100) == 0


async def who_has_not_ended_stays(world: World, clock: VirtualClock) -> None:
    """Owned, asleep, waiting for mail, pending, blocked: however long ago they were started."""
    for number in (1, 2, 3, 4):
        await born(world, number)
    await done(world, append_to(2, 3, release=True, wake_at_ms=clock() + 1))
    await done(world, append_to(3, 3, release=True))
    await done(world, append_to(4, 3, status="blocked"))
    await do(world, start_of(5))
    before = await everything(world)
    clock.advance(1000 * DAY_MS)
    assert await world.retention.prune(0, 100) == 0
    assert await everything(world) == before


async def the_first_to_end_go_first(world: World, clock: VirtualClock) -> None:
    for number in (3, 1, 4, 2):
        await _ended(world, number)
        clock.advance(10)
    await _ended(world, 6)
    await _ended(world, 5)  # at the same time: ids decide
    assert (await world.retention.prune(0, 3), await _kept(world)) == (3, [run_id(2), run_id(5), run_id(6)])
    assert (await world.retention.prune(0, 0), await _kept(world)) == (0, [run_id(2), run_id(5), run_id(6)])
    assert (await world.retention.prune(0, 2), await _kept(world)) == (2, [run_id(6)])
    assert (await world.retention.prune(0, 2), await _kept(world)) == (1, [])


async def all_that_hangs_on_it_goes(world: World, clock: VirtualClock) -> None:
    """As if it had never been, and of another run nothing."""
    await born(world, 2)
    await done(world, registering(2, 3, hook_of(token_hash="other")))
    await done(world, writing(2, 0, chunks_of(2, "", b"x", b"y"), seq=4))
    assert not isinstance(await do(world, send_to(2, "m2")), Refused)
    before = await everything(world)
    await born(world, 1, idempotency_key="key", attributes={"a": "b"})
    await done(world, registering(1, 3, hook_of()))
    await done(world, writing(1, 0, chunks_of(1, "", b"1"), chunks_of(1, "log", b"2", b"3"), seq=4))
    await do(world, Send(letter=letter_to(1, "m1")))
    await done(world, append_to(1, 4, mail_taken=("m1",), status="failed"))
    assert (await hook_with(world)).closed
    assert await world.retention.prune(0, 100) == 1
    assert await everything(world) == before
    assert (await world.read_run(run_id(1)), await world.read_log(run_id(1))) == (None, None)
    assert (await world.find_run("key"), await world.hooks.find("hash")) == (None, None)
    assert (await world.streams.read(run_id(1), "", 0, 1), await world.streams.list(run_id(1))) == (None, ())
    assert not await world.has_mail(run_id(1), letter_to(1, "m1").mail_id)
    for send in (send_to(1, "m1"), Send(letter=letter_to(1, "m3"))):
        assert await do(world, send) == Refused(refusal=Refusal.UNKNOWN)
    await refused(world, append_to(1, 5, status="running", seize=True), Refusal.UNKNOWN)
    outcome = await done(world, writing(2, 1, chunks_of(1, "", b"late"), seq=4))
    assert outcome.refused == (0,)


async def its_names_are_free_again(world: World, clock: VirtualClock) -> None:
    """Key, id, token and streams: who comes next begins anew."""
    await born(world, 1, idempotency_key="key")
    await done(world, registering(1, 3, hook_of()))
    await done(world, writing(1, 0, chunks_of(1, "", b"old", b"older"), seq=4))
    await done(world, append_to(1, 4, status="completed"))
    assert await world.retention.prune(0, 100) == 1
    outcome = await do(world, start_of(2, idempotency_key="key"))
    assert isinstance(outcome, Started)
    assert (outcome.run_id, outcome.created) == (run_id(2), True)
    await born(world, 1)
    await done(world, registering(1, 3, hook_of()))
    await done(world, writing(1, 0, chunks_of(1, "", b"new"), seq=4))
    hook = await hook_with(world)
    assert (hook.run_id, hook.closed) == (run_id(1), False)
    assert await texts_of(world) == [b"new"]


async def a_token_goes_to_who_had_it_before(world: World, clock: VirtualClock) -> None:
    """The hooks that another run had, or has, under the token are found as ever."""
    for number in (1, 2, 3):
        await born(world, number)
        await done(world, registering(number, 3, hook_of()))
        if number < 3:
            await done(world, append_to(number, 4, status="completed"))
        clock.advance(1)
    await do(world, start_of(4, parent_id=run_id(3)))
    assert await world.retention.prune(1, 1) == 1
    assert (await hook_with(world)).run_id == run_id(3)
    await done(world, append_to(3, 4, status="completed"))
    assert (await hook_with(world)).run_id == run_id(3)
    assert await world.retention.prune(0, 1) == 1
    assert (await hook_with(world)).run_id == run_id(3)
    assert await world.retention.prune(0, 1) == 1
    assert await world.hooks.find("hash") is None


async def a_retried_run_is_kept(world: World, clock: VirtualClock) -> None:
    """It hasn't ended any more, and its next end counts."""
    await born(world)
    await done(world, registering(1, 3, hook_of()))
    await done(world, append_to(1, 4, status="failed"))
    clock.advance(DAY_MS)
    again = (HookReopening(key="0/hook#0"),)
    await done(world, append_to(1, 5, status="running", seize=True, hooks=again, wake_at_ms=clock()))
    assert await world.retention.prune(DAY_MS, 100) == 0
    [claimed] = await claim_all(world, ONE)
    await done(world, append_to(1, 6, epoch=claimed.epoch, status="completed"))
    clock.advance(DAY_MS - 1)
    assert await world.retention.prune(DAY_MS, 100) == 0
    assert (await record_of(world)).status == "completed"
    clock.advance(1)
    assert await world.retention.prune(DAY_MS, 100) == 1


async def a_run_is_kept_as_long_as_its_parent(world: World, clock: VirtualClock) -> None:
    """Parents go before their children, whatever ended first; who outlives a parent goes when it is time."""
    await born(world, 1)
    await _ended(world, 2, parent_id=run_id(1), root_id=run_id(1))
    await _ended(world, 3, parent_id=run_id(2), root_id=run_id(1))
    await born(world, 4, parent_id=run_id(1), root_id=run_id(1))
    await _ended(world, 5, parent_id=run_id(9))
    clock.advance(DAY_MS)
    assert (await world.retention.prune(DAY_MS, 100), await _kept(world)) == (1, [run_id(n) for n in (1, 2, 3, 4)])
    await done(world, append_to(1, 3, status="completed"))
    assert await world.retention.prune(DAY_MS, 100) == 0
    clock.advance(DAY_MS)
    left = [[run_id(2), run_id(3), run_id(4)], [run_id(3), run_id(4)], [run_id(4)], [run_id(4)]]
    for runs in left:
        await world.retention.prune(DAY_MS, 100)
        assert await _kept(world) == runs
    assert (await record_of(world, 4)).parent_id == run_id(1)
    await born(world, 6, workflow=FLOW)
    await done(world, append_to(4, 3, status="completed"))
    assert (await world.retention.prune(0, 100), await _kept(world)) == (1, [run_id(6)])


async def other_streams_stay(world: World, clock: VirtualClock) -> None:
    """Also those of runs between the removed ones."""
    for number in (1, 2, 3):
        await born(world, number)
        await done(world, writing(number, 0, chunks_of(number, "", b"a", b"b")))
    for number in (1, 3):
        await done(world, append_to(number, 3, status="completed"))
    assert await world.retention.prune(0, 100) == 2
    assert (await stream_of(world, 2)).record.length == 2
    await done(world, writing(2, 1, chunks_of(2, "", b"c"), chunks_of(2, "new", b"d")))
    assert (await texts_of(world, 2), await texts_of(world, 2, "new")) == ([b"a", b"b", b"c"], [b"d"])


CHECKS: tuple[Check, ...] = (
    runs_go_so_long_after_their_end,
    who_has_not_ended_stays,
    the_first_to_end_go_first,
    all_that_hangs_on_it_goes,
    its_names_are_free_again,
    a_token_goes_to_who_had_it_before,
    a_retried_run_is_kept,
    a_run_is_kept_as_long_as_its_parent,
    other_streams_stay,
)
