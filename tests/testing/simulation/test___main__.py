"""The command line of the simulation: what it runs, what it says, and how it ends."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perdure.testing.simulation import __main__ as module
from perdure.testing.simulation.campaign import Scorecard
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.simulation import Plan, simulate
from tests.testing.simulation.suite.programs import LABORIOUS, PAIR, PROGRAMS, SUITE

SUITE_NAME = "tests.testing.simulation.suite"
BROKEN = Violation("P3 another result than without faults", None, "42")


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])


def say(*words: str, tests: str = SUITE_NAME) -> Result:
    return CliRunner().invoke(module.main, ["--tests", tests, *words])


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Plan, int]]:
    """The plans and seeds that are simulated, each only as far as its beginning."""
    seen: list[tuple[Plan, int]] = []

    def campaign(plan: Plan, seeds: range) -> Iterator[tuple[int, Scorecard]]:
        for seed in seeds:
            seen.append((plan, seed))
            yield seed, Scorecard(tried=len(seen))

    monkeypatch.setattr(module, "campaign", campaign)
    return seen


@pytest.fixture
def breach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other seed breaks a promise."""

    def check(evidence: Evidence) -> list[Violation]:
        seeds.append(len(seeds) + 5)
        return [BROKEN] if seeds[-1] % 2 else []

    seeds: list[int] = []
    monkeypatch.setattr("perdure.testing.simulation.campaign.check", check)


# -- seeds


def test_a_scorecard_of_so_many_seeds() -> None:
    told = say("--seeds", "3")
    evidence = [simulate(Plan(suite=SUITE, programs=PROGRAMS), seed) for seed in range(3)]
    card, _, last = told.stdout.rstrip().rpartition("\n")
    expected = Scorecard()
    for each in evidence:
        expected.add("", each, [])
    assert (told.exit_code, told.stderr, card) == (0, "", str(expected))
    assert last.endswith("  seconds")


def test_the_first_seed_can_be_chosen(plans: list[tuple[Plan, int]]) -> None:
    assert say("--base", "100", "--seeds", "4").exit_code == 0
    assert [seed for _, seed in plans] == [100, 101, 102, 103]


def test_by_default_there_are_many_seeds(plans: list[tuple[Plan, int]]) -> None:
    assert say().exit_code == 0
    assert [seed for _, seed in plans] == [*range(2000)]
    assert all(plan.suite is SUITE and plan.programs == PROGRAMS for plan, _ in plans)


def test_a_seed_that_breaks_a_promise_is_named(breach: None) -> None:
    told = say("--base", "5", "--seeds", "3")
    assert told.exit_code == 1
    assert told.stderr == f"seed 5: {BROKEN}\nseed 7: {BROKEN}\n"
    assert "        2  with violations\n" in told.stdout
    assert f"           seed 7: {BROKEN}\n" in told.stdout


@pytest.mark.parametrize("seeds", ["0", "-1", "many"])
def test_no_seeds_are_no_test(seeds: str) -> None:
    told = say("--seeds", seeds)
    assert told.exit_code == 2
    assert "Invalid value for '--seeds': " in told.stderr


# -- programs


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["pair"], [PAIR]),
        (["suite:pair"], [PAIR]),
        (["laborious", "suite:pair"], [PAIR, LABORIOUS]),
        (["pair", "suite:pair"], [PAIR]),
    ],
)
def test_programs_by_name(plans: list[tuple[Plan, int]], names: list[str], chosen: list[Program]) -> None:
    told = say("--seeds", "1", *(word for name in names for word in ("--program", name)))
    assert told.exit_code == 0
    assert [[*plan.programs] for plan, _ in plans] == [chosen]


@pytest.mark.parametrize("name", ["nobody", "suite:nobody", ""])
def test_an_unknown_program_is_an_error_that_names_the_known(plans: list[tuple[Plan, int]], name: str) -> None:
    told = say("--program", "pair", "--program", name)
    assert (told.exit_code, told.stdout, plans) == (2, "", [])
    assert told.stderr.endswith(
        f"Invalid value for --program: there is no {name!r}, only pair, sleeper, laborious, mending, acted\n"
    )


def test_programs_that_are_not_there_are_an_error() -> None:
    told = say(tests="tests.nowhere")
    assert told.exit_code == 2
    assert told.stderr.endswith("Invalid value for --tests: there is no module tests.nowhere.programs here\n")


def test_what_is_wrong_with_programs_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "odd_suite").mkdir()
    (tmp_path / "odd_suite" / "programs.py").write_text("import perdure_nowhere")
    monkeypatch.syspath_prepend(tmp_path)
    error = say(tests="odd_suite").exception
    assert isinstance(error, ModuleNotFoundError)
    assert error.name == "perdure_nowhere"


def test_the_programs_of_the_project_are_the_default(plans: list[tuple[Plan, int]]) -> None:
    assert CliRunner().invoke(module.main, ["--seeds", "1", "--program", "saga"]).exit_code == 0
    assert [program.name for program in plans[0][0].programs] == ["sim:saga"]


# -- crashes


def test_a_death_at_every_call_of_each_program(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed: list[str] = []

    def crash_everywhere(suite: Suite, program: Program) -> Scorecard:
        assert suite is SUITE
        crashed.append(program.name)
        failing = {"suite:pair, kill after call 4": BROKEN} if program is PAIR else {}
        return Scorecard(tried=7, failing=failing)

    monkeypatch.setattr(module, "crash_everywhere", crash_everywhere)
    told = say("--crashes", "--program", "laborious")
    assert (told.exit_code, crashed) == (0, ["suite:laborious"])
    assert told.stdout.startswith("suite:laborious\n        7  simulations\n")
    crashed.clear()
    told = say("--crashes")
    assert (told.exit_code, crashed) == (1, [program.name for program in PROGRAMS])
    assert f"suite:pair, kill after call 4: {BROKEN}" in told.stdout


def test_crashes_for_real() -> None:
    told = say("--crashes", "--program", "pair")
    assert told.exit_code == 0
    [kills] = [line.split()[0] for line in told.stdout.splitlines() if line.endswith("  kills")]
    assert int(kills) > 20


# -- planted faults


def test_a_planted_fault_is_caught_by_a_seed() -> None:
    told = say("--planted", "L6", "--base", "3")
    assert told.exit_code == 0
    caught = "caught by seed 3 as L6 time goes back"
    assert told.stdout.splitlines()[0] == f"L6             time goes backwards in a log                     {caught}"


def test_a_fault_that_nobody_sees_is_a_failure() -> None:
    told = say("--planted", "all", "--seeds", "2")
    assert told.exit_code == 1
    assert [line[:2] + line[63:] for line in told.stdout.splitlines()[:2]] == [
        "S1 NOT CAUGHT in 2 seeds",
        "L6 caught by seed 0 as L6 time goes back",
    ]


def test_the_first_letters_of_rules_are_enough() -> None:
    assert say("--planted", "L").exit_code == 0
    assert say("--planted", "S", "--seeds", "1").exit_code == 1


def test_an_unknown_rule_is_an_error_that_names_the_known() -> None:
    told = say("--planted", "L7")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.endswith("Invalid value for --planted: there is none for 'L7', only for S1, L6\n")


@pytest.mark.parametrize("more", [["--program", "pair"], ["--crashes"]])
def test_planted_faults_bring_their_own_programs(more: list[str]) -> None:
    told = say("--planted", "all", *more)
    assert told.exit_code == 2
    assert "--planted brings its own programs: give neither --program nor --crashes with it" in told.stderr


def test_every_option_explains_itself() -> None:
    told = say("--help").stdout
    assert told.startswith("Usage:")
    for param in module.main.params:
        assert getattr(param, "help", None) or param.name == "help", param.name
        assert param.opts[0] in told
