"""The worker is killed before and after its calls, one call a simulation: the same end, and no finished step again.

Here every sixth call of each program, and the first and the last; with PERDURE_CHAOS=1 every one.
"""

from collections.abc import Callable

import pytest

from perdure.testing.simulation.campaign import crash_everywhere
from perdure.testing.simulation.program import Program
from tests.faults.chaos import CHAOS
from tests.faults.programs import PROGRAMS, SUITE
from tests.faults.rules import step
from tests.faults.rules.patching import Patching

EVERY = 1 if CHAOS else 6


def program_of(name: str) -> Program:
    return next(program for program in PROGRAMS if program.name == f"sim:{name}")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_kill_around_a_call_changes_nothing(program: Program) -> None:
    card = crash_everywhere(SUITE, program, EVERY)
    assert card.tried > 2
    assert card.counts["kill"] >= card.tried - 1, "a simulation without its kill"
    assert not card.failing, f"{card}\nagain: python -m perdure.testing.simulation --crashes --program {program.name}"


@pytest.mark.parametrize(
    ("program", "fault", "rule"),
    [
        ("sequence", step.once_more, "S3 an at-most-once body"),
        ("backing", step.impatient_owners, "S2 a retry before its time"),
    ],
    ids=["S3", "S2"],
)
def test_a_planted_fault_is_seen(program: str, fault: Callable[[], Patching], rule: str) -> None:
    with fault():
        card = crash_everywhere(SUITE, program_of(program))
    assert rule in {violation.rule for violation in card.failing.values()}, str(card)


def test_first_and_last_calls_are_never_left_out() -> None:
    whole, part = (crash_everywhere(SUITE, program_of("acted"), every) for every in (1, 1000))
    calls = (whole.tried - 1) // 2
    assert calls > 9
    assert part.tried == 1 + 2 * 2, f"the first of {calls} calls and the last, before and after"
