"""Questions about runs: by id, by key, in lists."""

from perdure.model.ids import RunId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    FLOW,
    OTHER_FLOW,
    Check,
    append_to,
    born,
    do,
    done,
    log_of,
    record_of,
    run_id,
    start_of,
)
from perdure.world import RunFilter, World


async def what_is_not_there_is_none(world: World, clock: VirtualClock) -> None:
    assert await world.read_run(run_id(1)) is None
    assert await world.read_log(run_id(1)) is None
    assert await world.read_mail(run_id(1)) == ()
    assert await world.find_run("k") is None
    page = await world.list_runs(RunFilter())
    assert (page.runs, page.more) == ((), False)


async def a_log_is_read_from_a_place(world: World, clock: VirtualClock) -> None:
    await born(world)
    for seq in range(3, 15):
        await done(world, append_to(1, seq))
    assert [event.seq for event in (await log_of(world)).rows] == list(range(1, 15))
    for from_seq, first in ((0, 1), (1, 1), (9, 9), (14, 14), (15, 15), (99, 15)):
        log = await world.read_log(run_id(1), from_seq)
        assert log is not None
        assert [event.seq for event in log.rows] == list(range(first, 15))
        assert log.run.length == 14


async def a_log_is_read_in_parts(world: World, clock: VirtualClock) -> None:
    await born(world)
    for seq in range(3, 11):
        await done(world, append_to(1, seq))
    for from_seq, limit, expected in (
        (1, 3, [1, 2, 3]),
        (0, 3, [1, 2, 3]),
        (4, 1, [4]),
        (9, 3, [9, 10]),
        (11, 3, []),
        (5, 0, []),
        (3, 99, [3, 4, 5, 6, 7, 8, 9, 10]),
        (8, None, [8, 9, 10]),
    ):
        log = await world.read_log(run_id(1), from_seq, limit=limit)
        assert log is not None
        assert [event.seq for event in log.rows] == expected, (from_seq, limit)
        assert log.run.length == 10
    assert await world.read_log(run_id(2), 1, limit=1) is None


async def a_run_is_found_by_its_key(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1, idempotency_key="a"))
    await do(world, start_of(2, idempotency_key="A"))
    await do(world, start_of(3))
    assert await world.find_run("a") == await record_of(world, 1)
    assert await world.find_run("A") == await record_of(world, 2)
    assert await world.find_run("") is None


async def runs_are_listed_newest_first(world: World, clock: VirtualClock) -> None:
    for number in (3, 1, 4, 2):
        await do(world, start_of(number))
    page = await world.list_runs(RunFilter())
    assert page.runs == tuple([await record_of(world, number) for number in (4, 3, 2, 1)])
    assert not page.more


async def pages_follow_the_cursor(world: World, clock: VirtualClock) -> None:
    for number in range(1, 8):
        await do(world, start_of(number))
    seen: list[tuple[list[int], bool]] = []
    before: RunId | None = None
    for _ in range(3):
        page = await world.list_runs(RunFilter(limit=3, before=before))
        seen.append(([int(run.run_id[5:]) for run in page.runs], page.more))
        before = page.runs[-1].run_id
    assert seen == [([7, 6, 5], True), ([4, 3, 2], True), ([1], False)]
    full = await world.list_runs(RunFilter(limit=7))
    assert (len(full.runs), full.more) == (7, False)


async def filters_hold_together(world: World, clock: VirtualClock) -> None:
    first_ms = clock()
    await born(world, 1, attributes={"team": "a", "phase": "new"})
    await done(world, append_to(1, 3, status="completed"))
    clock.advance(100)
    await born(world, 2, attributes={"team": "a"}, parent_id=run_id(1))
    clock.advance(100)
    await do(world, start_of(13, workflow=OTHER_FLOW, attributes={"team": "b"}, parent_id=run_id(1)))
    for filter, numbers in (
        (RunFilter(status=("running",)), [2]),
        (RunFilter(status=("pending", "completed")), [13, 1]),
        (RunFilter(status=("failed",)), []),
        (RunFilter(workflow=FLOW), [2, 1]),
        (RunFilter(without=FLOW[:-1]), [13]),
        (RunFilter(without=OTHER_FLOW), [2, 1]),
        (RunFilter(without=FLOW, status=("pending",)), [13]),
        (RunFilter(without="%"), [13, 2, 1]),
        (RunFilter(without="_"), [13, 2, 1]),
        (RunFilter(without=FLOW + "x"), [13, 2, 1]),
        (RunFilter(without=""), []),
        (RunFilter(since_ms=first_ms + 100), [13, 2]),
        (RunFilter(until_ms=first_ms + 100), [1]),
        (RunFilter(since_ms=first_ms + 100, until_ms=first_ms + 200), [2]),
        (RunFilter(attributes={"team": "a"}), [2, 1]),
        (RunFilter(attributes={"team": "a", "phase": "new"}), [1]),
        (RunFilter(attributes={"team": "A"}), []),
        (RunFilter(attributes={"none": ""}), []),
        (RunFilter(parent_id=run_id(1)), [13, 2]),
        (RunFilter(prefix=run_id(13)[:-1]), [13]),
        (RunFilter(prefix=run_id(2)), [2]),
        (RunFilter(run_ids=(run_id(13), run_id(9), run_id(1), run_id(13))), [13, 1]),
        (RunFilter(run_ids=(run_id(9),)), []),
        (RunFilter(run_ids=(run_id(13), run_id(2)), workflow=FLOW), [2]),
        (RunFilter(run_ids=tuple(run_id(number) for number in range(2, 3000))), [13, 2]),
        (RunFilter(prefix=""), [13, 2, 1]),
        (RunFilter(prefix="x"), []),
        (RunFilter(parent_id=run_id(1), workflow=FLOW, status=("running",), attributes={"team": "a"}), [2]),
        (RunFilter(parent_id=run_id(1), workflow=FLOW, status=("pending",)), []),
        (RunFilter(attributes={"team": "a"}, before=run_id(2)), [1]),
    ):
        page = await world.list_runs(filter)
        assert [int(run.run_id[5:]) for run in page.runs] == numbers, filter


async def a_limit_counts_what_matches(world: World, clock: VirtualClock) -> None:
    for number in range(1, 10):
        await do(world, start_of(number, attributes={"odd": str(number % 2)}))
    page = await world.list_runs(RunFilter(attributes={"odd": "1"}, limit=4))
    assert ([int(run.run_id[5:]) for run in page.runs], page.more) == ([9, 7, 5, 3], True)
    page = await world.list_runs(RunFilter(attributes={"odd": "1"}, limit=5))
    assert ([int(run.run_id[5:]) for run in page.runs], page.more) == ([9, 7, 5, 3, 1], False)


CHECKS: tuple[Check, ...] = (
    what_is_not_there_is_none,
    a_log_is_read_from_a_place,
    a_log_is_read_in_parts,
    a_run_is_found_by_its_key,
    runs_are_listed_newest_first,
    pages_follow_the_cursor,
    filters_hold_together,
    a_limit_counts_what_matches,
)
