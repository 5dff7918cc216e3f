"""Many simulations: the scorecard that sums them up, seeds one after the other, and a death at every call."""

from collections import Counter
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from perdure.testing.simulation import campaign as module
from perdure.testing.simulation.campaign import Scorecard, campaign, crash_everywhere, first_caught
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.faults import NONE
from perdure.testing.simulation.simulation import Plan
from perdure.worlds.memory import commit
from tests.testing.simulation.checker.history import ME, OTHER, SUITE, TRIP, TRIPPED, evidence_of, log_of

PLAN = Plan(suite=SUITE, programs=(TRIP,), each=True, rates=NONE, workers=1, quiet=True, skewed=False, restarts=0)
LOST = Violation("P1 a run didn't end", ME, "it sleeps")
OOPS = Violation("an unhandled error", None, "oops")
HONEST: Any = commit._row


def backwards() -> AbstractContextManager[object]:
    """L6: the store's times go backwards in a log."""

    def row(seq: int, epoch: int, at_ms: int, *new: Any) -> Any:
        return HONEST(seq, epoch, at_ms - 10_000 * seq, *new)

    return patch.object(commit, "_row", row)


# -- the scorecard


def test_simulations_are_summed_up() -> None:
    card, one = Scorecard(), log_of(*TRIPPED)
    card.add("seed 1", evidence_of(one, calls=7, counts=Counter({"kill": 1, "lost": 2})), [])
    card.add("seed 2", evidence_of(one, log_of(*TRIPPED, run_id=OTHER), calls=3, counts=Counter({"lost": 3})), [LOST])
    assert (card.tried, card.runs, card.calls) == (2, 3, 10)
    assert card.counts == {"kill": 1, "lost": 5}
    assert card.failing == {"seed 2": LOST}


def test_what_was_violated_first_stands_for_a_simulation() -> None:
    card = Scorecard()
    card.add("seed 1", evidence_of(), [LOST, Violation("P3 something else", ME, "")])
    assert card.failing == {"seed 1": LOST}


def test_a_broken_rule_says_more_than_an_unhandled_error() -> None:
    card = Scorecard()
    card.add("seed 1", evidence_of(), [OOPS, LOST])
    card.add("seed 2", evidence_of(), [OOPS])
    assert card.failing == {"seed 1": LOST, "seed 2": OOPS}


def test_a_scorecard_in_words() -> None:
    card = Scorecard(
        tried=2000,
        runs=8123,
        calls=1234567,
        counts=Counter({"kill": 900, "pause": 80, "lost": 7000, "away": 6, "slow": 5}),
        failing={"seed 7": LOST},
    )
    assert str(card).splitlines() == [
        "    2,000  simulations",
        "    8,123  runs",
        "1,234,567  calls of workers",
        "      900  kills",
        "       80  pauses",
        "    7,000  ambiguous calls",
        "        6  refused calls",
        "        1  with violations",
        f"           seed 7: P1 a run didn't end: it sleeps ({ME})",
    ]


# -- seeds


def test_one_scorecard_after_each_seed() -> None:
    seen = [(seed, card, card.tried) for seed, card in campaign(PLAN, [3, 5])]
    assert [(seed, tried) for seed, _, tried in seen] == [(3, 1), (5, 2)]
    assert seen[0][1] is seen[1][1]
    assert (seen[0][1].runs, seen[0][1].failing) == (2, {})


def test_what_fails_is_known_by_its_seed() -> None:
    [(_, card)] = campaign(PLAN, [4], backwards)
    assert [(name, violation.rule) for name, violation in card.failing.items()] == [("seed 4", "L6 time goes back")]


def test_the_checker_looks_when_what_is_planted_is_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    @contextmanager
    def planted() -> Generator[None]:
        happened.append("in")
        yield
        happened.append("out")

    def simulate(plan: Plan, seed: int) -> Evidence:
        happened.append(f"simulated {seed}")
        return evidence_of()

    monkeypatch.setattr(module, "simulate", simulate)
    monkeypatch.setattr(module, "check", lambda evidence: happened.append("checked") or [])
    assert len([*campaign(PLAN, [1, 2], planted)]) == 2
    assert happened == ["in", "simulated 1", "out", "checked", "in", "simulated 2", "out", "checked"]


def failing_from(seed: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From this seed on a promise is broken; the seeds that are tried."""
    tried: list[int] = []

    def simulate(plan: Plan, seed: int) -> Evidence:
        tried.append(seed)
        return evidence_of()

    monkeypatch.setattr(module, "simulate", simulate)
    monkeypatch.setattr(module, "check", lambda evidence: [LOST] if tried[-1] >= seed else [])
    return tried


def test_the_first_seed_that_shows_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = failing_from(3, monkeypatch)
    assert first_caught(PLAN, range(1, 9), backwards) == (3, LOST)
    assert tried == [1, 2, 3]


def test_an_unhandled_error_alone_catches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {1: [OOPS], 2: [OOPS, LOST]}
    tried: list[int] = []
    monkeypatch.setattr(module, "simulate", lambda plan, seed: tried.append(seed) or evidence_of())
    monkeypatch.setattr(module, "check", lambda evidence: found[tried[-1]])
    assert first_caught(PLAN, range(1, 3), backwards) == (2, LOST)


def test_nothing_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = failing_from(9, monkeypatch)
    assert first_caught(PLAN, range(1, 9), backwards) is None
    assert tried == [*range(1, 9)]


def test_a_planted_fault_is_caught() -> None:
    caught = first_caught(PLAN, range(3), backwards)
    assert caught is not None
    assert (caught[0], caught[1].rule) == (0, "L6 time goes back")


# -- deaths


def test_a_death_before_and_after_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []

    def simulate(plan: Plan, seed: int) -> Evidence:
        plans.append(plan)
        assert seed == 0
        return evidence_of(calls=3)

    monkeypatch.setattr(module, "simulate", simulate)
    card = crash_everywhere(SUITE, TRIP)
    sides = ("kill before", "kill after")
    assert [plan.appointed for plan in plans] == [None, *((call, side) for call in (1, 2, 3) for side in sides)]
    assert (card.tried, card.calls) == (7, 21)
    assert all(replace(plan, appointed=None, reboot_ms=PLAN.reboot_ms) == PLAN for plan in plans)


def test_only_every_so_many_calls_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []

    def simulate(plan: Plan, seed: int) -> Evidence:
        called.extend([plan.appointed[0]] if plan.appointed and plan.appointed[1] == "kill before" else [])
        return evidence_of(calls=6)

    monkeypatch.setattr(module, "simulate", simulate)
    crash_everywhere(SUITE, TRIP, every=2)
    assert called == [1, 3, 5, 6]


def test_deaths_break_no_promise() -> None:
    card = crash_everywhere(SUITE, TRIP, every=20)
    assert card.tried > 5
    assert card.counts == {"kill": card.tried - 1}
    assert card.failing == {}


def test_whose_death_broke_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate(plan: Plan, seed: int) -> Evidence:
        return evidence_of(calls=1, mischief=["oops"] if plan.appointed == (1, "kill after") else [])

    monkeypatch.setattr(module, "simulate", simulate)
    assert crash_everywhere(SUITE, TRIP).failing == {
        "checked:trip, kill after call 1": OOPS,
    }
