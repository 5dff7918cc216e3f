"""A short campaign: no seed breaks a promise, faults of every kind do happen, and a seed is a run."""

from collections import Counter

import pytest

from perdure.testing.simulation.campaign import Scorecard, campaign
from perdure.testing.simulation.faults import ALL
from perdure.testing.simulation.program import Program
from perdure.testing.simulation.simulation import Plan, simulate
from tests.faults.chaos import CHAOS
from tests.faults.programs import PROGRAMS, REPINNED, SUITE

MIXED = Plan(suite=SUITE, programs=PROGRAMS)
BLOCK = 170 if CHAOS else 8
BLOCKS = 12
ALONE = 20 if CHAOS else 2


def card_of(plan: Plan, seeds: range) -> Scorecard:
    *_, (_, card) = campaign(plan, seeds)
    return card


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_seed_breaks_a_promise(block: int) -> None:
    card = card_of(MIXED, range(block * BLOCK, (block + 1) * BLOCK))
    assert not card.failing, f"{card}\nagain: python -m perdure.testing.simulation --seeds 1 --base (the seed)"


@pytest.mark.parametrize("program", (*PROGRAMS, REPINNED), ids=lambda program: program.name)
def test_no_seed_of_one_program_breaks_a_promise(program: Program) -> None:
    card = card_of(Plan(suite=SUITE, programs=(program,)), range(ALONE))
    named = f"--program {program.name} --seeds {ALONE}"
    assert not card.failing, f"{card}\nagain: python -m perdure.testing.simulation {named}"


def test_every_kind_of_fault_happens() -> None:
    counts = card_of(MIXED, range(40)).counts
    assert counts.keys() >= vars(ALL).keys(), f"{counts}"


@pytest.mark.parametrize("seed", [3, 4])
def test_a_seed_is_a_run(seed: int) -> None:
    """Twice the same history, to the byte; another seed gives another one."""
    once, again, other = simulate(MIXED, seed), simulate(MIXED, seed), simulate(MIXED, seed + 2)
    assert once.logs == again.logs
    assert once.effects == again.effects
    assert (once.counts, once.calls, once.trace) == (again.counts, again.calls, again.trace)
    assert once.trace != other.trace
    assert Counter(once.logs) != Counter(other.logs)
