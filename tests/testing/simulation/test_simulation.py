"""Whole simulations: a seed is a run, the plan is kept, faults happen as they are called, and nothing is overlooked."""

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import pytest

from perdure.api.connect import CONNECTION
from perdure.testing.simulation import universe
from perdure.testing.simulation.checker.check import check
from perdure.testing.simulation.client import Client
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.faults import ALL, NONE, Rates
from perdure.testing.simulation.process import LEASE_MS
from perdure.testing.simulation.simulation import AFTERLIFE_MS, PATIENCE_MS, Plan, Simulation, simulate
from perdure.testing.simulation.store import BASE_MS
from perdure.world import Claim, Claimed, Log, Row
from perdure.worlds.memory import MemoryWorld
from tests.testing.simulation.suite import programs
from tests.testing.simulation.suite.programs import SUITE, suite_of

PLAN = Plan(suite=SUITE, programs=programs.PROGRAMS)
CALM = replace(PLAN, each=True, rates=NONE, workers=1, quiet=True, skewed=False, restarts=0)
PAIR = replace(CALM, programs=(programs.PAIR,))
BUSY = replace(PLAN, programs=(programs.PAIR, programs.LABORIOUS) * 3, each=True, workers=2, quiet=True, restarts=0)
KINDS = [field.name for field in fields(Rates)]
FEW = range(6)

TRACES = """
from perdure.testing.simulation.faults import Rates
from perdure.testing.simulation.simulation import Plan, simulate
from tests.faults.programs import SUITE
plan = Plan(suite=SUITE, programs=SUITE.programs[:8], each=True, rates=Rates(lost=0.5, kill=0.01), workers=2)
print([simulate(plan, seed).trace for seed in range(6)])
"""


def only(kind: str, rate: float = 0.1) -> Plan:
    """A busy plan with one kind of fault."""
    return replace(BUSY, skewed=False, rates=replace(NONE, **{kind: rate}))


def sound(plan: Plan, seed: int) -> Evidence:
    """A simulation in which no promise is broken."""
    evidence = simulate(plan, seed)
    assert check(evidence) == []
    return evidence


def rows_of(evidence: Evidence) -> Iterator[Row]:
    return (row for log in evidence.logs.values() for row in log.rows)


def types_in(evidence: Evidence) -> set[str]:
    return {row.type for row in rows_of(evidence)}


def only_log(evidence: Evidence) -> Log:
    [log] = evidence.logs.values()
    return log


def workers_of(plan: Plan, seed: int) -> int:
    """How many workers were booted."""
    simulation = Simulation(plan, seed)
    simulation.run()
    return simulation._fleet._booted


# -- a seed is a run


def test_a_seed_is_a_run() -> None:
    for seed in FEW:
        assert simulate(PLAN, seed) == simulate(PLAN, seed)


def test_another_seed_is_another() -> None:
    assert len({simulate(PLAN, seed).trace for seed in FEW}) == len(FEW)


def test_a_seed_is_the_same_run_in_any_process() -> None:
    """With many lost answers, workers find several runs at once that they own and don't hold: in which order?"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", TRACES],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0].split())) == 6


def test_how_this_process_is_deployed_is_nothing_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = simulate(PAIR, 1)
    monkeypatch.setenv("PERDURE_DEPLOYMENT", "ours")
    assert simulate(PAIR, 1) == before
    assert os.environ["PERDURE_DEPLOYMENT"] == "ours"


def test_the_trace_tells_what_is_in_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same calls at the same times, with another result."""
    before = simulate(PAIR, 1).trace
    monkeypatch.setattr(programs, "FIRST", "another")
    assert simulate(PAIR, 1).trace != before


# -- the plan


def test_each_program_once() -> None:
    evidence = sound(CALM, 1)
    assert [story.program for story in evidence.stories] == list(CALM.programs)
    assert sorted(log.run.workflow for log in evidence.logs.values()) == sorted(each.name for each in CALM.programs)


def test_or_some_that_are_drawn() -> None:
    drawn = [[story.program.name for story in simulate(PLAN, seed).stories] for seed in range(25)]
    assert {len(names) for names in drawn} == {2, 3, 4, 5}
    assert {name for names in drawn for name in names} == {program.name for program in PLAN.programs}


def test_so_many_workers() -> None:
    assert workers_of(replace(PAIR, workers=3), 1) == 3
    assert {workers_of(replace(PAIR, workers=None), seed) for seed in range(15)} == {1, 2, 3}


@pytest.mark.parametrize(("restarts", "booted"), [(0.0, 2), (1.0, 4)])
def test_all_workers_may_be_replaced_at_some_moment(restarts: float, booted: int) -> None:
    plan = replace(CALM, programs=(programs.SLEEPER,), quiet=False, workers=2, restarts=restarts)
    counts = [workers_of(plan, seed) for seed in FEW]
    assert max(counts) == booted
    assert restarts or set(counts) == {2}


def test_where_nobody_is_killed_a_restart_drains() -> None:
    plan = replace(CALM, programs=(programs.SLEEPER,), quiet=False, workers=2, restarts=1)
    assert [simulate(plan, seed).counts["kill"] for seed in FEW] == [0] * len(FEW)


def test_quiet_clients_leave_their_runs_alone() -> None:
    quiet, loud = (
        [simulate(replace(PLAN, rates=NONE, quiet=quiet), seed) for seed in range(10)] for quiet in (True, False)
    )
    assert "cancel_requested" not in {type for evidence in quiet for type in types_in(evidence)}
    assert any(story.woken for evidence in loud for story in evidence.stories)
    assert any(story.due_ms for evidence in loud for story in evidence.stories)
    assert not any(story.due_ms or story.woken for evidence in quiet for story in evidence.stories)


def test_clocks_are_off_where_they_may_be() -> None:
    skewed = [simulate(replace(PAIR, skewed=True), seed) for seed in range(25)]
    assert {evidence.skew_ms for evidence in skewed} == {0, 40, 400}
    assert all((evidence.late_ms, evidence.back_ms) == (evidence.skew_ms, 0) for evidence in skewed)
    assert {simulate(PAIR, seed).skew_ms for seed in range(10)} == {0}


def test_faults_are_drawn_from_the_most_there_may_be() -> None:
    kinds = [set(simulate(replace(PLAN, most=Rates(lost=0.2, slow=0.2), restarts=0), seed).counts) for seed in range(8)]
    assert set.union(*kinds) == {"lost", "slow"}
    assert set() in kinds or {"lost"} in kinds or {"slow"} in kinds


def test_an_appointed_death() -> None:
    simulation = Simulation(replace(PAIR, appointed=(4, "kill before"), reboot_ms=(20, 30)), 1)
    lines: list[str] = []
    object.__setattr__(simulation._around, "trace", lines.append)
    evidence = simulation.run()
    calls = [line.split()[1:] for line in lines if line.split()[1].startswith("worker")]
    assert [calls[3][0], *calls[3][2:]] == ["worker1", "kill", "before"]
    assert calls[4] == ["worker1", "dies"]
    assert {name for name, *_ in calls[5:]} == {"worker2"}
    assert evidence.counts == {"kill": 1}
    [died_us] = [int(line.split()[0]) for line in lines if line.endswith("dies")]
    assert evidence.calm_ms - BASE_MS == pytest.approx(died_us / 1000, abs=1)
    assert check(evidence) == []
    assert evidence.calls == len([call for call in calls if call[1] != "dies"])


# -- faults


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_fault_happens_alone(kind: str) -> None:
    counts = sum((sound(only(kind), seed).counts for seed in range(12)), start=simulate(CALM, 0).counts)
    assert set(counts) == {kind}


def test_without_faults_nothing_happens() -> None:
    evidence = sound(CALM, 1)
    assert (evidence.counts, evidence.mischief) == ({}, [])
    assert (evidence.calm_ms, evidence.late_ms, evidence.back_ms) == (BASE_MS, 0, 0)
    assert len({effect.worker_id for effect in evidence.effects}) == 1


def test_killed_workers_leave_their_runs_to_others() -> None:
    kills = shared = taken_over = 0
    for seed in FEW:
        evidence = sound(only("kill", 0.03), seed)  # more, and few live long enough to own a run
        kills += evidence.counts["kill"]
        shared += len({effect.worker_id for effect in evidence.effects}) > 1
        taken_over += any(len({row.epoch for row in log.rows}) > 2 for log in evidence.logs.values())
    assert kills > 2 * len(FEW)
    assert min(shared, taken_over) > len(FEW) / 2, "a seed may kill those that have nothing"


def test_workers_die_between_calls_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.testing.simulation.faults._OF_MORTALS", ("pause",))
    evidence = sound(only("kill", 0.3), 1)
    assert evidence.counts["kill"] > 2


def test_a_paused_worker_and_the_next_believe_that_a_run_is_theirs() -> None:
    """For a while: the checker would see a body that was begun without a lease."""
    both = 0
    for seed in range(12):
        evidence = sound(only("pause", 0.02), seed)
        for run_id in evidence.logs:
            epochs = [effect.epoch for effect in evidence.effects if effect.run_id == run_id]
            both += len(set(epochs)) > 1
    assert both, "nobody stood still past its lease"


def test_failed_attempts_are_tried_again() -> None:
    evidence = sound(only("fail", 0.3), 1)
    assert [row.type for row in rows_of(evidence)].count("step_retrying") == evidence.counts["fail"] > 0


def test_the_stores_clock_goes_back_and_forward() -> None:
    back_ms, forward_ms = 0, 0
    for seed in FEW:
        simulation = Simulation(only("clock", 0.3), seed)
        evidence = simulation.run()
        passed_ms = simulation._universe.now_us // 1000
        assert evidence.ended_ms - BASE_MS - passed_ms == evidence.late_ms - evidence.back_ms
        assert check(evidence) == []
        back_ms, forward_ms = back_ms + evidence.back_ms, forward_ms + evidence.late_ms
    assert back_ms > 300
    assert forward_ms > 600


def test_faults_end_and_then_there_is_calm() -> None:
    for seed in FEW:
        evidence = simulate(replace(BUSY, rates=ALL), seed)
        assert evidence.ended_ms <= evidence.calm_ms + PATIENCE_MS
        assert evidence.calm_ms + evidence.back_ms - evidence.late_ms > BASE_MS + 1000


# -- code


def test_deploys_bring_three_versions() -> None:
    plan = replace(CALM, suite=suite_of(programs.CHANGED), programs=(programs.CHANGED,), quiet=False)
    seen: set[str] = set()
    for seed in range(30):
        evidence = sound(plan, seed)
        assert evidence.version == 2
        assert sorted(evidence.versions.values()) == [0, 1, 2]
        last = only_log(evidence).rows[-1].type
        assert last in ("run_completed", "run_blocked"), "parked for good, if the code in between began it"
        seen |= types_in(evidence)
    assert seen >= {"run_blocked", "run_unblocked", "run_completed"}, "code that didn't fit has parked no run"


def test_in_quiet_there_is_one_version() -> None:
    evidence = sound(replace(CALM, suite=suite_of(programs.CHANGED), programs=(programs.CHANGED,)), 1)
    assert evidence.version == 0


def test_an_indigestible_run_is_parked_and_no_other() -> None:
    suite = suite_of(programs.INDIGESTIBLE, programs.LABORIOUS)
    evidence = sound(replace(CALM, suite=suite, programs=suite.programs), 1)
    ends = {log.run.workflow: log.rows[-1].type for log in evidence.logs.values()}
    assert ends == {"suite:pair": "run_blocked", "suite:laborious": "run_completed"}
    [parked] = [log for log in evidence.logs.values() if log.run.status == "blocked"]
    assert "step_completed" not in [row.type for row in parked.rows]


def test_a_program_that_kills_its_worker_is_parked() -> None:
    suite = suite_of(programs.CRASHING)
    evidence = sound(replace(CALM, suite=suite, programs=suite.programs), 1)
    assert only_log(evidence).rows[-1].type == "run_blocked"
    assert evidence.counts["kill"] == len(evidence.effects) > 1


# -- the end


def test_it_is_over_a_little_after_the_last_end() -> None:
    evidence = simulate(PAIR, 1)
    last_ms = max(row.at_ms for row in rows_of(evidence))
    assert AFTERLIFE_MS <= evidence.ended_ms - last_ms <= AFTERLIFE_MS + 400
    assert evidence.ended_ms - BASE_MS < 5000


def test_it_is_not_over_while_somebody_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(PAIR, 1)
    until_us = 20_000_000
    simulation._universe.after_ms(100, lambda: simulation._fleet.workers[0].loop.pause(until_us))
    simulation._universe.after_ms(50, simulation._fleet.boot)
    monkeypatch.setattr(simulation._fleet, "anyone", lambda: simulation._fleet.outsider)
    evidence = simulation.run()
    assert max(row.at_ms for row in rows_of(evidence)) - BASE_MS < LEASE_MS + 5000
    assert evidence.ended_ms - BASE_MS >= until_us // 1000


def test_patience_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def claim(world: MemoryWorld, claim: Claim) -> list[Claimed]:
        return []

    monkeypatch.setattr(MemoryWorld, "claim", claim)
    simulation = Simulation(PAIR, 1)
    monkeypatch.setattr(simulation._fleet, "anyone", lambda: simulation._fleet.outsider)
    evidence = simulation.run()
    assert evidence.ended_ms - evidence.calm_ms == PATIENCE_MS
    assert [story.done for story in evidence.stories] == [False]
    assert check(evidence)


def test_nothing_is_left_behind() -> None:
    before = len(CONNECTION.engines)
    for seed in FEW:
        simulate(replace(BUSY, rates=ALL), seed)
    gc.collect()  # whatever complains is a warning, and warnings are errors
    assert len(CONNECTION.engines) == before


# -- mischief


def failing() -> None:
    raise ZeroDivisionError


def mischief(meddle: Callable[[Simulation], object]) -> list[str]:
    """What is noted where somebody meddles, a tenth of a second after the beginning."""
    simulation = Simulation(PAIR, 1)
    simulation._universe.after_ms(100, lambda: meddle(simulation))
    evidence = simulation.run()
    assert "an unhandled error" in [violation.rule for violation in check(evidence)]
    return evidence.mischief


def test_an_error_that_nobody_handles_is_noted() -> None:
    [outsiders] = mischief(lambda simulation: simulation._fleet.outsider.loop.call_soon(failing))
    assert outsiders.startswith("outsider: Exception in callback")
    assert outsiders.endswith(": ZeroDivisionError()")


def test_so_is_one_of_a_worker_that_dies_later() -> None:
    def meddle(simulation: Simulation) -> None:
        simulation._fleet.workers[0].loop.call_soon(failing)
        simulation._universe.after_ms(100, simulation._fleet.kill_one)

    [workers] = mischief(meddle)
    assert workers.startswith("worker1: Exception in callback")


def test_what_perdure_says_of_its_own_faults_is_noted() -> None:
    def meddle(simulation: Simulation) -> None:
        logging.getLogger("perdure").error("perdure failed somewhere", exc_info=ZeroDivisionError())

    assert mischief(meddle) == ["perdure failed somewhere: ZeroDivisionError()"]


def test_a_client_that_fails_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow(client: Client, run_id: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Client, "_follow", follow)
    evidence = simulate(PAIR, 1)
    assert evidence.mischief == ["client 0: ZeroDivisionError()"]


def test_who_spins_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universe, "EVENTS_MAX", 1000)
    simulation = Simulation(PAIR, 1)

    def spin() -> None:
        simulation._universe.after_ms(0, spin)

    simulation._universe.after_ms(100, spin)
    evidence = simulation.run()
    assert len(evidence.mischief) == 1
    assert evidence.mischief[0].startswith("spinning: 1001 events at 100000 us")
