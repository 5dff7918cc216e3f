"""Put away: the owner gives a run up until something happens."""

from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    FLOW,
    ONE,
    Check,
    append_to,
    born,
    claim_all,
    done,
    letter_to,
    mail_of,
    record_of,
    refused,
    run_id,
    sent,
)
from perdure.world import Refusal, World


async def a_released_run_sleeps_until_its_time(world: World, clock: VirtualClock) -> None:
    await born(world)
    wake_at_ms = clock() + 60_000
    await done(world, append_to(1, 3, release=True, wake_at_ms=wake_at_ms))
    record = await record_of(world)
    assert (record.status, record.owner, record.epoch, record.wake_at_ms) == ("running", None, 1, wake_at_ms)
    assert await world.owned(ONE) == []
    assert await world.next_due_ms((FLOW,)) == wake_at_ms
    clock.advance(59_999)
    assert await claim_all(world) == []
    clock.advance(1)
    [claimed] = await claim_all(world)
    assert (claimed.run_id, claimed.epoch, claimed.length, claimed.died) == (run_id(1), 2, 3, False)


async def a_release_without_a_time_waits_for_mail(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 3, release=True))
    assert (await record_of(world)).wake_at_ms is None
    clock.advance(10**9)
    assert await claim_all(world) == []
    await sent(world, letter_to(1))
    assert [claimed.run_id for claimed in await claim_all(world)] == [run_id(1)]


async def mail_wakes_before_the_time(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 3, release=True, wake_at_ms=clock() + 60_000))
    await sent(world, letter_to(1))
    assert [claimed.run_id for claimed in await claim_all(world)] == [run_id(1)]


async def a_release_is_refused_while_letters_wait(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1, "m1"), letter_to(1, "m2"))
    await refused(world, append_to(1, 3, release=True), Refusal.MAIL)
    await refused(world, append_to(1, 3, release=True, mail_taken=("m2",)), Refusal.MAIL)
    await done(world, append_to(1, 3, release=True, mail_taken=("m1", "m2")))
    assert ((await record_of(world)).owner, await mail_of(world)) == (None, [])


async def a_run_handed_back_is_claimable_by_its_mail(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1))
    outcome = await done(world, append_to(1, 3, release=True, hand_back=True))
    assert outcome.mail == 1
    assert ((await record_of(world)).owner, await mail_of(world)) == (None, ["mail_1"])
    [claimed] = await claim_all(world)
    assert (claimed.run_id, claimed.died, claimed.recoveries) == (run_id(1), False, 0)


async def a_run_handed_back_without_mail_waits_for_its_time(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 3, release=True, hand_back=True, wake_at_ms=clock()))
    assert [claimed.run_id for claimed in await claim_all(world)] == [run_id(1)]


async def an_owned_run_stays_owned(world: World, clock: VirtualClock) -> None:
    """A wake-up alone, without `release`, means nothing."""
    await born(world)
    await done(world, append_to(1, 3, wake_at_ms=clock()))
    await sent(world, letter_to(1))
    assert await claim_all(world) == []
    assert await world.next_due_ms((FLOW,)) is None
    assert (await record_of(world)).wake_at_ms is None


CHECKS: tuple[Check, ...] = (
    a_released_run_sleeps_until_its_time,
    a_release_without_a_time_waits_for_mail,
    mail_wakes_before_the_time,
    a_release_is_refused_while_letters_wait,
    a_run_handed_back_is_claimable_by_its_mail,
    a_run_handed_back_without_mail_waits_for_its_time,
    an_owned_run_stays_owned,
)
