"""The World that one process sees: the port without faults; and full, stale and skewed with them."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from perdure.errors import WorldFull
from perdure.model.ids import MailId
from perdure.testing.conformance import CHECKS, Check, VirtualClock, transaction
from perdure.testing.conformance.sample import FLOW, ONE, append_to, born, claim_all, do, done, run_id, start_of
from perdure.testing.simulation import wire
from perdure.testing.simulation.faults import Rates
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.store import STALE_MS, Store
from perdure.testing.simulation.wire import HINT_MS
from perdure.testing.simulation.world import FaultyWorld
from perdure.world import Claim, HookFilter, Lease, Log, RunFilter, Transactions, World
from tests.testing.simulation.site import Site, site

LAPSE_MS = 20_000


def opener(world: World) -> Transactions:
    assert world.transactions is not None
    return world.transactions


CALLS: dict[str, Callable[[World], Awaitable[Any]]] = {
    "commit": lambda world: world.commit([start_of()]),
    "read_log": lambda world: world.read_log(run_id(1)),
    "read_run": lambda world: world.read_run(run_id(1)),
    "read_mail": lambda world: world.read_mail(run_id(1)),
    "has_mail": lambda world: world.has_mail(run_id(1), MailId("mail_1")),
    "find_run": lambda world: world.find_run("key"),
    "list_runs": lambda world: world.list_runs(RunFilter()),
    "beat": lambda world: world.beat(Lease(worker_id=ONE, lease_ms=1000, process="p", workflows=(FLOW,))),
    "retire": lambda world: world.retire(ONE, died=True),
    "workers": lambda world: world.workers(),
    "claim": lambda world: world.claim(Claim(worker_id=ONE, workflows=(FLOW,), limit=1)),
    "reclaim": lambda world: world.reclaim(ONE, run_id(1), 1),
    "owned": lambda world: world.owned(ONE),
    "next_due_ms": lambda world: world.next_due_ms((FLOW,)),
    "hooks.find": lambda world: world.hooks.find("hash"),
    "hooks.list": lambda world: world.hooks.list(HookFilter()),
    "streams.read": lambda world: world.streams.read(run_id(1), "", 0, 1),
    "streams.list": lambda world: world.streams.list(run_id(1)),
    "retention.prune": lambda world: world.retention.prune(0, 1),
    "transactions.begin": lambda world: opener(world).begin("shop:charge"),
}
PORT = [check for check in CHECKS if check not in transaction.CHECKS]
"""Its tables don't speak SQL: `test_transaction.py` has what becomes of them."""


class StoreClock(VirtualClock):
    """The store's clock, in the hands of a check."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self) -> int:
        return self._store.now_ms()

    def advance(self, milliseconds: int) -> None:
        self._store.offset_ms += milliseconds


def world_of(here: Site, skew_ms: int = 0) -> FaultyWorld:
    return FaultyWorld(here.store, here.wire, skew_ms)


@pytest.fixture
def here() -> Generator[Site]:
    with site() as made:
        yield made


# -- the port


@pytest.mark.parametrize("check", PORT, ids=lambda check: check.__name__)
def test_without_faults_it_keeps_the_port(here: Site, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TRAVEL_MS", (0, 0))
    world: World = world_of(here)
    here.play(check(world, StoreClock(here.store)))


def test_opening_and_closing_it_is_nothing(here: Site) -> None:
    world = world_of(here)
    here.play(world.open())
    here.play(world.close())
    assert (world.url, here.caller.calls) == ("simulation://", [])


def test_every_other_call_of_the_port_is_one_of_these() -> None:
    port = {name for part in World.__mro__ for name in vars(part) if not name.startswith("_")}
    assert {name.partition(".")[0] for name in CALLS} == port - {"open", "close", "now_ms", "subscribe", "url"}


@pytest.mark.parametrize("name", CALLS)
def test_any_call_may_be_the_last(here: Site, name: str) -> None:
    async def call() -> None:
        with pytest.raises(Died):
            await CALLS[name](world_of(here))

    here.caller.fates = ["kill before"]
    here.play(call())
    assert here.caller.calls == [name]
    assert here.store.runs() == ()


# -- clocks


@pytest.mark.parametrize("skew_ms", [-400, 0, 40])
def test_its_clock_is_off_by_its_skew(here: Site, skew_ms: int) -> None:
    world = world_of(here, skew_ms)
    here.store.offset_ms = 5000
    here.pass_ms(1000)
    assert world.now_ms() - here.store.now_ms() == skew_ms


# -- no space


def test_no_space_for_a_commit() -> None:
    with site(rates=Rates(full=1.0)) as here:

        async def write() -> None:
            with pytest.raises(WorldFull):
                await world_of(here).commit([start_of()])
            await world_of(here).list_runs(RunFilter())  # only commits need space

        here.play(write())
        assert here.store.runs() == ()
        assert here.faults.counts == {"full": 1}


def test_the_dead_find_no_store_full() -> None:
    with site(rates=Rates(full=1.0)) as here:
        world = world_of(here)
        here.caller.loop.kill()
        with pytest.raises(Died):
            world.commit([start_of()])
        assert here.faults.counts == {}


# -- stale readings


async def claimed_after(here: Site, world: FaultyWorld, pause_ms: int) -> None:
    """A run is appended to, and claimed so much later, by a worker that then reads its log."""
    store: World = here.store.world
    await born(store)
    here.store.offset_ms += LAPSE_MS
    here.store.commit([append_to()])
    here.store.offset_ms += pause_ms
    assert len(await claim_all(world)) == 1


async def lengths(world: FaultyWorld) -> list[int]:
    """How long the log is in one reading and in the next."""
    logs = [await world.read_log(run_id(1)) for _ in range(2)]
    return [len(log.rows) for log in logs if isinstance(log, Log)]


@pytest.mark.parametrize(
    ("stale", "pause_ms", "found"),
    [
        (1.0, 0, [2, 3]),
        (0.0, 0, [3, 3]),
        (1.0, STALE_MS + 1, [3, 3]),  # by then every reader sees it
    ],
)
def test_the_reading_after_a_claim_sees_an_older_log(stale: float, pause_ms: int, found: list[int]) -> None:
    with site(rates=Rates(stale=stale)) as here:

        async def read() -> list[int]:
            world = world_of(here)
            await claimed_after(here, world, pause_ms)
            return await lengths(world)

        assert here.play(read()) == found


def test_a_reading_of_some_rows_is_none_that_follows_a_claim() -> None:
    with site(rates=Rates(stale=1.0)) as here:

        async def read() -> None:
            world = world_of(here)
            await claimed_after(here, world, 0)
            log = await world.read_log(run_id(1), 3, limit=1)
            assert log is not None
            assert [row.seq for row in log.rows] == [3]

        here.play(read())


def test_other_readings_are_never_stale() -> None:
    with site(rates=Rates(stale=1.0)) as here:

        async def read() -> list[int]:
            await born(here.store.world)
            await done(world_of(here), append_to())
            return await lengths(world_of(here))

        assert here.play(read()) == [3, 3]
        assert here.faults.counts == {}


# -- hints


def test_hints_come_over_the_wire(here: Site) -> None:
    hint, rung = here.bell()
    stop = world_of(here).subscribe(hint)
    here.play(do(here.store.world, start_of(1)))
    here.pass_ms(100)
    assert len(rung) == 1
    assert HINT_MS[0] <= rung[0] <= HINT_MS[1]
    stop()
    here.play(do(here.store.world, start_of(2)))
    here.pass_ms(100)
    assert len(rung) == 1
