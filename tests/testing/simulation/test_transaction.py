"""Transactions over the wire: rows with their append or not at all, whatever becomes of the call."""

from collections.abc import Generator

import pytest

from perdure.errors import WorldUnavailable
from perdure.model.ids import StepId
from perdure.testing.conformance.sample import append_to, born, log_of, run_id
from perdure.testing.simulation.store import Booked
from perdure.testing.simulation.transaction import FaultyTransaction
from perdure.testing.simulation.world import FaultyWorld
from perdure.world import Appended, Refused
from tests.testing.simulation.site import Site, site

STEP = StepId("step_1")


@pytest.fixture
def here() -> Generator[Site]:
    with site() as made:
        yield made


async def begun(here: Site) -> FaultyTransaction:
    await born(here.store.world)
    transaction = await FaultyWorld(here.store, here.wire, 0).transactions.begin("shop:charge")
    transaction.connection.add(STEP, 1)
    return transaction


def rows_of(here: Site) -> int:
    """How many rows the table has."""
    return len(here.store.booked)


def test_a_commit_has_both(here: Site) -> None:
    async def play() -> None:
        assert isinstance(await (await begun(here)).commit(append_to(1, 3)), Appended)
        assert len((await log_of(here.store.world)).rows) == 3

    here.play(play())
    assert here.store.booked == [Booked(STEP, 1)]


def test_a_refusal_has_neither(here: Site) -> None:
    async def play() -> None:
        assert isinstance(await (await begun(here)).commit(append_to(1, 9)), Refused)
        (await begun(here)).rollback()

    here.play(play())
    assert rows_of(here) == 0


@pytest.mark.parametrize(("fate", "rows"), [("away", 0), ("lost", 1)])
def test_what_is_lost_may_have_landed(here: Site, fate: str, rows: int) -> None:
    async def play() -> None:
        transaction = await begun(here)
        here.caller.fates = [fate]
        with pytest.raises(WorldUnavailable):
            await transaction.commit(append_to(1, 3))

    here.play(play())
    here.pass_ms(5000)  # it may come late
    assert rows_of(here) == rows
    log = here.store.log(run_id(1))
    assert log is not None
    assert log.run.length == 2 + rows


def test_half_of_all_stores_are_exclusive() -> None:
    found = []
    for seed in (1, 2):
        with site(seed=seed) as made:
            found.append(made.store.exclusive)
    assert found == [False, True]
