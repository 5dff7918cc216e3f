"""The fleet: who is booted, replaced, deployed, and who may be asked."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from perdure.testing.simulation.faults import Rates
from perdure.testing.simulation.fleet import BOOT_MS, DEPLOYS, SKEWS_MS, Fleet, deployments_of, registry_of
from perdure.testing.simulation.process import Process
from perdure.testing.simulation.program import QUEUE
from tests.testing.simulation.site import Site
from tests.testing.simulation.suite.programs import CHANGED, SUITE, suite_of

REBOOT_MS = (50, 60)


class Manned(Site):
    """A site with a fleet, and who of it has gone."""

    fleet: Fleet
    gone: list[str]

    def boot(self, workers: int) -> list[Process]:
        """So many workers, at work."""
        for _ in range(workers):
            self.fleet.boot()
        self.wait(lambda: all(is_at_work(worker) for worker in self.fleet.workers))
        return list(self.fleet.workers)

    @property
    def names(self) -> list[str]:
        return [worker.name for worker in self.fleet.workers]


def is_at_work(worker: Process) -> bool:
    return worker.engine is not None and worker.engine.worker is not None


@contextmanager
def manned(seed: int = 1, **how: Any) -> Generator[Manned]:
    made = Manned(seed, how.pop("rates", Rates()))
    made.gone = []
    made.fleet = Fleet(
        made.around,
        how.pop("suite", SUITE),
        **{"skewed": False, "reboot_ms": REBOOT_MS, "gone": lambda worker: made.gone.append(worker.name), **how},
    )
    try:
        yield made
    finally:
        made.fleet.end()
        made.end()


@pytest.fixture
def here() -> Generator[Manned]:
    with manned() as made:
        yield made


def versions_of(here: Manned) -> set[int]:
    """The code that the workers run."""
    known = deployments_of(here.fleet._suite)
    return {known[worker.engine.deployment] for worker in here.fleet.workers if worker.engine is not None}


# -- code


def test_each_version_is_a_deployment_of_its_own() -> None:
    suite = suite_of(CHANGED)
    assert sorted(deployments_of(suite).values()) == [0, 1, 2]
    assert registry_of(suite, 1) is registry_of(suite, 1)
    functions = [registry_of(suite, version).workflow("suite:pair").function.__name__ for version in range(3)]
    assert functions == ["pair", "later", "pair"]


# -- who is there


def test_workers_have_names_in_order(here: Manned) -> None:
    here.boot(3)
    assert here.names == ["worker1", "worker2", "worker3"]
    assert here.fleet.now_ms() == here.store.now_ms()


def test_anyone_is_a_worker_that_has_begun_or_the_outsider(here: Manned) -> None:
    here.fleet.boot()
    assert {here.fleet.anyone().name for _ in range(50)} == {"outsider"}
    here.boot(1)
    assert {here.fleet.anyone().name for _ in range(50)} == {"worker1", "worker2", "outsider"}
    here.fleet.workers[0].die()
    assert {here.fleet.anyone().name for _ in range(50)} == {"worker2", "outsider"}


def test_clocks_are_off_where_they_may_be() -> None:
    for skewed in (True, False):
        found: set[int] = set()
        for seed in range(20):
            with manned(seed, skewed=skewed) as here:
                [worker] = here.boot(1)
                found.add(worker.world.now_ms() - here.store.now_ms())
                assert here.fleet.skew_ms == abs(worker.world.now_ms() - here.store.now_ms())
        assert found == (set(SKEWS_MS) if skewed else {0})


def test_each_serves_all_queues(here: Manned) -> None:
    assert [worker.queues for worker in here.boot(3)] == [None] * 3


def test_queues_may_be_split_among_them() -> None:
    """Who takes a dead one's place serves the same, or all: so each queue is served when all are there."""
    found: set[tuple[frozenset[str] | None, ...]] = set()
    for seed in range(20):
        with manned(seed) as here:
            here.fleet.split = True
            found.add(tuple(worker.queues for worker in here.boot(2)))
            for _ in range(3):
                here.fleet.kill_one()
                here.pass_ms(2 * REBOOT_MS[1])
                served = [worker.queues or {"default", QUEUE} for worker in here.fleet.workers]
                assert set().union(*served) == {"default", QUEUE}
    assert len(found) == 4


# -- deaths


def test_the_dead_are_replaced(here: Manned) -> None:
    here.boot(2)
    here.pass_ms(100)
    here.fleet.kill_one()
    [gone] = here.gone
    assert len(here.names) == 1
    assert here.fleet.calm_us == here.universe.now_us
    here.pass_ms(REBOOT_MS[0] - 1)
    assert len(here.names) == 1
    here.pass_ms(REBOOT_MS[1] - REBOOT_MS[0] + 1)
    assert here.names[1:] == ["worker3"]
    assert gone not in here.names


def test_anyone_may_die() -> None:
    gone: set[str] = set()
    for seed in range(20):
        with manned(seed) as here:
            here.boot(2)
            here.fleet.kill_one()
            gone.update(here.gone)
    assert gone == {"worker1", "worker2"}


def test_where_nobody_is_nobody_dies(here: Manned) -> None:
    here.fleet.kill_one()
    assert here.gone == []


def test_nobody_is_heard_at_the_end(here: Manned) -> None:
    here.boot(2)
    here.fleet.kill_one()
    here.gone.clear()
    here.fleet.end()
    assert here.gone == []
    assert not here.fleet.outsider.alive
    assert not any(worker.alive for worker in here.fleet.workers)


def test_who_died_at_the_last_moment_is_buried_too(here: Manned) -> None:
    closed: list[str] = []

    async def last_words() -> None:
        try:
            await worker.loop.create_future()
        finally:
            closed.append("closed")

    [worker] = here.boot(1)
    task = worker.loop.create_task(last_words())
    here.pass_ms(1)
    here.fleet.kill_one()
    assert closed == []
    here.fleet.end()
    assert closed == ["closed"]
    assert not task.done()


# -- replacement


@pytest.mark.parametrize(("stopped", "kills"), [(0.0, 2), (1.0, 0)])
def test_all_are_replaced(here: Manned, stopped: float, kills: int) -> None:
    old = here.boot(2)
    here.fleet.replace_all(stopped)
    here.wait(lambda: not any(worker.alive for worker in old))
    assert here.faults.counts["kill"] == kills
    assert here.gone == ["worker1", "worker2"] or here.gone == ["worker2", "worker1"]
    assert all(worker.stopping is (not kills) for worker in old)
    here.pass_ms(BOOT_MS[1] + REBOOT_MS[1])
    assert here.names == ["worker3", "worker4"], "each by one other"


def test_some_are_drained_others_killed() -> None:
    kills: set[int] = set()
    for seed in range(20):
        with manned(seed) as here:
            here.boot(2)
            here.fleet.replace_all(0.5)
            kills.add(here.faults.counts["kill"])
    assert kills == {0, 1, 2}


def test_one_that_has_not_begun_is_killed(here: Manned) -> None:
    here.fleet.boot()
    here.fleet.replace_all(1.0)
    assert here.faults.counts["kill"] == 1
    assert here.gone == ["worker1"]


def test_who_is_replaced_twice_gets_one_successor(here: Manned) -> None:
    """Another deploy comes while they drain."""
    old = here.boot(2)
    for worker in old:
        worker.loop.pause(here.universe.now_us + 1_000_000)
    here.fleet.replace_all(1.0)
    here.pass_ms(BOOT_MS[0] / 2)
    here.fleet.replace_all(1.0)
    here.wait(lambda: not any(worker.alive for worker in old))
    here.pass_ms(2000)
    assert len(here.names) == 2


def test_one_that_dies_while_it_drains_is_replaced_once(here: Manned) -> None:
    [worker] = here.boot(1)
    worker.loop.pause(here.universe.now_us + 1_000_000)
    here.fleet.replace_all(1.0)
    here.pass_ms(10)
    worker.die()
    here.pass_ms(2000)
    assert here.names == ["worker2"]
    assert here.fleet.outsider.loop.reports == []


# -- deploys


def test_deploys_bring_other_code_and_end() -> None:
    last: set[int] = set()
    seen: set[tuple[int, ...]] = set()
    for seed in range(12):
        with manned(seed, suite=suite_of(CHANGED)) as here:
            here.boot(1)
            assert versions_of(here) == {0}
            here.fleet.plan_deploys()
            assert not here.fleet.deployed
            versions: list[int] = []
            for _ in range(2000):
                if not versions or versions[-1] != here.fleet.version:
                    versions.append(here.fleet.version)
                if here.fleet.deployed:
                    break
                here.pass_ms(10)
            assert here.fleet.deployed
            here.pass_ms(3000)
            assert len(here.names) == 1
            assert versions_of(here) == {here.fleet.version}, "who is left runs the code of the day"
            last.add(here.fleet.version)
            seen.add(tuple(versions[1:]))
    assert seen == set(DEPLOYS)
    assert last == {2}
