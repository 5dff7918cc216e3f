"""Processes: how they begin, work, are asked, die at a call, stand still past their lease, and drain."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Generator

import pytest

from perdure.api.connect import CONNECTION
from perdure.engine.engine import Engine
from perdure.errors import RunNotFound
from perdure.model.ids import RunId, WorkerId
from perdure.testing.simulation.faults import Rates
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.process import BOOT_AGAIN_S, LEASE_MS, Process
from tests.testing.simulation.site import Site, site


@pytest.fixture
def here() -> Generator[Site]:
    with site() as made:
        yield made


def owner_of(here: Site, run_id: RunId) -> WorkerId | None:
    return here.log(run_id).run.owner


def is_over(here: Site, run_id: RunId) -> bool:
    return here.log(run_id).run.status == "completed"


def at_work(process: Process) -> bool:
    return process.engine is not None and process.engine.worker is not None


async def forever(engine: Engine) -> None:
    """A job that is never done."""
    await asyncio.sleep(10**9)


# -- life


def test_a_process_begins_with_an_engine_on_its_own_loop(here: Site) -> None:
    process = here.process(works=False)
    assert (process.engine, process.alive) == (None, True)
    here.pass_ms(0)
    assert process.engine is not None
    assert process.engine.worker is None
    assert CONNECTION.engines[process.loop][0] is process.engine


def test_a_worker_takes_a_lease_and_runs_runs(here: Site) -> None:
    worker = here.worker()
    assert here.store.is_live(worker.worker_id)
    run_id = here.start(here.outsider())
    here.wait(lambda: worker.epoch_of(run_id))
    assert (owner_of(here, run_id), worker.epoch_of(run_id)) == (worker.worker_id, here.log(run_id).run.epoch)
    here.wait(lambda: is_over(here, run_id))
    here.pass_ms(100)
    assert worker.epoch_of(run_id) is None
    assert [effect.worker_id for effect in here.around.ledger.effects] == [worker.worker_id] * 2


def test_an_outsider_owns_nothing(here: Site) -> None:
    outsider = here.outsider()
    run_id = here.start(outsider)
    here.pass_ms(5000)
    assert (owner_of(here, run_id), here.store.call("workers"), outsider.epoch_of(run_id)) == (None, (), None)
    with pytest.raises(AssertionError, match="only workers run steps"):
        assert outsider.worker_id


def test_a_worker_begins_again_until_the_store_answers() -> None:
    with site(rates=Rates(away=1.0)) as here:
        worker = here.process()
        here.pass_ms(2000)
        assert worker.alive
        assert not at_work(worker)
        here.faults.heal_us = here.universe.now_us
        here.wait(lambda: at_work(worker), round(BOOT_AGAIN_S * 1000) + 10)


def test_every_call_is_traced_with_its_fate(here: Site) -> None:
    worker = here.worker("one")
    here.outsider()
    here.trace.clear()
    here.doom("read_run", "slow")
    here.ask(worker, lambda engine: engine.world.read_run(RunId("wrun_none")))
    [line] = [line for line in here.trace if "read_run" in line]
    at_us, *told = line.split()
    assert int(at_us) <= here.universe.now_us
    assert told == ["one", "read_run", "slow"]


def test_only_workers_are_mortal() -> None:
    with site(rates=Rates(kill=1.0)) as here:
        outsider = here.outsider()
        here.ask(outsider, lambda engine: engine.world.read_run(RunId("wrun_none")))
        assert (outsider.alive, here.faults.calls) == (True, 0)
        worker = here.process("mortal")
        here.pass_ms(1)
        assert (worker.alive, here.faults.calls) == (False, 1)


# -- asked by others


def test_a_process_can_be_asked_from_another(here: Site) -> None:
    asked = here.outsider()

    async def answer(engine: Engine) -> tuple[bool, bool]:
        return engine is asked.engine, asyncio.get_running_loop() is asked.loop

    assert here.ask(asked, answer) == (True, True)


def test_what_a_job_raises_is_raised(here: Site) -> None:
    with pytest.raises(RunNotFound):
        here.ask(here.outsider(), lambda engine: engine.log(RunId("wrun_none")))
    assert here.caller.loop.reports == []


def test_a_process_that_has_only_just_come_can_be_asked(here: Site) -> None:
    async def answer(engine: Engine) -> str:
        return "here"

    assert here.ask(here.process(works=False), answer) == "here"


def test_the_dead_do_not_answer(here: Site) -> None:
    worker = here.worker()
    worker.die()
    with pytest.raises(Died):
        here.ask(worker, forever)


def test_who_waits_for_one_that_dies_is_told(here: Site) -> None:
    worker = here.worker()
    here.universe.after_ms(500, worker.die)
    with pytest.raises(Died):
        here.ask(worker, forever)
    assert here.now_ms < 600


async def soon(engine: Engine) -> None:
    await asyncio.sleep(1)


@pytest.mark.parametrize("job", [forever, soon])
def test_who_no_longer_waits_is_not_told(here: Site, job: Callable[[Engine], Awaitable[None]]) -> None:
    asked = here.outsider()
    waiting = here.caller.loop.create_task(asked.ask(job))
    here.pass_ms(10)
    here.caller.loop.call_soon(waiting.cancel)
    here.pass_ms(2000)
    asked.die()
    here.pass_ms(10)
    assert waiting.cancelled()
    assert here.caller.loop.reports == asked.loop.reports == []


def test_the_dead_are_told_nothing(here: Site) -> None:
    """The one who asks dies first."""
    asking, asked = here.worker(), here.outsider()
    asking.loop.create_task(asked.ask(forever))
    here.pass_ms(10)
    asking.die()
    here.pass_ms(10)
    asked.die()
    here.pass_ms(10)
    assert asking.loop.reports == asked.loop.reports == []


# -- death


def test_a_dead_process_does_nothing_any_more(here: Site) -> None:
    deaths: list[str] = []
    worker = here.worker("one")
    worker.died = lambda: deaths.append(worker.name)
    run_id = here.start(here.outsider())
    here.wait(lambda: here.around.ledger.effects)
    here.universe.after_ms(0, worker.die)
    here.pass_ms(0)
    log, calls = here.log(run_id), here.faults.calls
    worker.die()
    gc.collect()
    here.pass_ms(10_000)
    assert (here.log(run_id), here.faults.calls, worker.loop.reports) == (log, calls, [])
    assert deaths == ["one"], "it dies once"
    assert here.trace.count(f"{here.universe.now_us - 10_000_000} one dies") == 1
    assert worker.loop not in CONNECTION.engines
    assert not here.store.is_live(worker.worker_id)


def test_what_a_dead_process_ran_goes_on_elsewhere_when_its_lease_is_over(here: Site) -> None:
    dead = here.worker("dead")
    run_id = here.start(here.outsider())
    here.wait(lambda: here.around.ledger.effects)
    worker = here.worker("heir")
    dead.die()
    died_at_ms = here.now_ms
    here.wait(lambda: owner_of(here, run_id) == worker.worker_id)
    assert LEASE_MS * 0.7 < here.now_ms - died_at_ms < LEASE_MS + 700
    here.wait(lambda: is_over(here, run_id))


@pytest.mark.parametrize(("fate", "landed"), [("kill before", False), ("kill after", True)])
def test_killed_at_a_call(here: Site, fate: str, landed: bool) -> None:
    """The worker is about to commit that its first step is done."""
    worker = here.worker()
    run_id = here.start(here.outsider(), "suite:laborious")
    here.wait(lambda: here.around.ledger.effects)
    here.pass_ms(200)
    here.doom("commit", fate)
    here.wait(lambda: not worker.alive)
    assert ("step_completed" in here.types(run_id)) is landed
    assert [line.split(maxsplit=1)[1] for line in here.trace[-2:]] == [f"worker commit {fate}", "worker dies"]
    here.worker("heir")
    here.wait(lambda: is_over(here, run_id))
    steps = [effect.step_id for effect in here.around.ledger.effects]
    assert len(steps) == (2 if landed else 3), "what was recorded isn't begun again"
    assert len(set(steps)) == 2


# -- standing still


def test_a_worker_that_stands_still_past_its_lease_loses_its_runs(here: Site) -> None:
    frozen = here.worker("frozen")
    run_id = here.start(here.outsider())
    here.wait(lambda: here.around.ledger.effects)
    heir = here.worker("heir")
    frozen.loop.pause(here.universe.now_us + 6_000_000)
    here.wait(lambda: is_over(here, run_id))
    assert frozen.loop.paused
    assert frozen.epoch_of(run_id) == here.log(run_id).run.epoch - 1, "there are two who believe that it is theirs"
    log = here.log(run_id)
    here.wait(lambda: not frozen.loop.paused)
    here.pass_ms(2000)
    assert frozen.epoch_of(run_id) is None, "it has found out"
    assert here.log(run_id) == log
    assert {effect.worker_id for effect in here.around.ledger.effects} == {frozen.worker_id, heir.worker_id}
    assert here.store.is_live(frozen.worker_id)
    assert here.store.watched.unowned == []


def test_a_pause_at_a_call(here: Site) -> None:
    worker = here.worker()
    here.doom("beat", "pause")
    here.wait(lambda: worker.loop.paused)
    assert here.trace[-1].endswith("worker beat pause")


# -- leaving


def test_a_process_drains_and_is_gone(here: Site) -> None:
    deaths: list[str] = []
    worker = here.worker("one")
    worker.died = lambda: deaths.append(worker.name)
    run_id = here.start(here.outsider())
    here.wait(lambda: worker.epoch_of(run_id))
    here.play(worker.stop(0.0))
    assert (worker.alive, worker.stopping, deaths) == (False, True, ["one"])
    assert (owner_of(here, run_id), here.store.call("workers")) == (None, ()), (
        "handed back, without a wait for the lease"
    )
    here.worker("two")
    here.wait(lambda: is_over(here, run_id))


def test_one_that_dies_while_it_drains(here: Site) -> None:
    worker = here.worker()
    here.doom("retire", "kill before")
    with pytest.raises(Died):
        here.play(worker.stop(0.3))
    assert not worker.alive
    assert here.store.is_live(worker.worker_id)


def test_one_that_never_began_can_stop(here: Site) -> None:
    with site(rates=Rates(away=1.0)) as away:
        process = away.process()
        away.pass_ms(100)
        away.play(process.stop(0.0))
        away.pass_ms(10_000)
        assert not process.alive
        assert process.loop.reports == []


# -- clocks


@pytest.mark.parametrize("skew_ms", [-400, 400])
def test_a_workers_clock_may_be_off(here: Site, skew_ms: int) -> None:
    worker = here.worker(skew_ms=skew_ms)
    assert worker.world.now_ms() == here.store.now_ms() + skew_ms
    run_id = here.start(here.outsider())
    here.wait(lambda: is_over(here, run_id))
    created, completed = (
        next(row for row in here.log(run_id).rows if row.type == type) for type in ("wait_created", "wait_completed")
    )
    assert completed.at_ms - created.at_ms >= 300 - abs(skew_ms)
