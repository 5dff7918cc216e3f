"""Rules of waits and of forced ends, each broken once: never early, and soon after their time."""

from collections import Counter
from typing import Any

import pytest

from perdure.model.event import CancelRequested, RunBlocked, RunCancelled, RunUnblocked, WaitCompleted, WakeRequested
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.checker.wait import check_waits
from perdure.world import Row
from tests.testing.simulation.checker.history import (
    NAP,
    TRIPPED,
    altered,
    evidence_of,
    log_of,
    mailed,
    row,
    story_of,
    told,
)

ASLEEP = TRIPPED[:5]  # until 6,000 ms
EARLY, LATE = ("P5 a wait ended early", "0/sleep#0: 1 ms"), ("P5 a wait ended late", "0/sleep#0: 1001 ms")
CANCELLED = mailed(2, CancelRequested(force_at_ms=8_000), "mail_1")
FORCED = RunCancelled(forced=True)


def found(*rows: Row, **fields: Any) -> list[tuple[str, str]]:
    log = log_of(*rows)
    return told(check_waits(evidence_of(log, **fields), RunLog(log)))


def woken_at(at_ms: int) -> tuple[Row, ...]:
    return (*ASLEEP, row(2, NAP, WaitCompleted(due_ms=6_000), at_ms=at_ms))


def forced_at(at_ms: int, *before: Row) -> tuple[Row, ...]:
    return (*ASLEEP, *before, row(2, "", FORCED, at_ms=at_ms))


# -- waits


@pytest.mark.parametrize("at_ms", [6_000, 7_000])
def test_a_punctual_wait(at_ms: int) -> None:
    assert found(*woken_at(at_ms)) == []


def test_a_wait_that_ended_early() -> None:
    assert found(*woken_at(5_999)) == [EARLY]


def test_no_clock_excuses_an_early_wait() -> None:
    assert found(*woken_at(5_999), skew_ms=400, late_ms=400, back_ms=300) == [EARLY]


def test_a_wait_that_was_woken() -> None:
    woken = row(2, NAP, WaitCompleted(due_ms=6_000, woken=True), at_ms=5_999)
    wake = mailed(2, WakeRequested(), "mail_1")
    assert found(*ASLEEP, wake, woken) == []
    assert found(*ASLEEP, woken) == [EARLY]
    assert found(*ASLEEP, woken, wake) == [EARLY]
    assert found(*ASLEEP, wake, woken_at(5_999)[-1]) == [EARLY]


def test_a_wait_that_ended_late() -> None:
    assert found(*woken_at(7_001)) == [LATE]


def test_clocks_may_make_it_late() -> None:
    assert found(*woken_at(7_401), late_ms=400) == [(LATE[0], "0/sleep#0: 1401 ms")]
    assert found(*woken_at(7_400), late_ms=400) == []


def test_faults_may_make_it_late_until_they_are_over() -> None:
    assert found(*woken_at(7_001), calm_ms=6_001) == []
    assert found(*woken_at(7_001), calm_ms=6_000) == [LATE]


def test_after_trouble_it_takes_a_while_until_all_are_at_their_place() -> None:
    """Five seconds, and one and a half for each run that may be a suspect."""
    kill = Counter({"kill": 1})
    late = (*ASLEEP[:4], row(1, NAP, WaitCompleted(due_ms=6_500), at_ms=7_501))
    assert found(*late, calm_ms=1, counts=kill) == []
    assert found(*late, calm_ms=0, counts=kill) == [LATE]


@pytest.mark.parametrize("kind", ["hint", "fail", "stale"])
def test_harmless_faults_are_no_trouble(kind: str) -> None:
    assert found(*woken_at(7_001), calm_ms=6_000, counts=Counter({kind: 9})) == [LATE]


def test_a_parked_run_waits_for_its_operator() -> None:
    parked = (*ASLEEP, row(1, "", RunBlocked(sentence="it doesn't fit")), row(1, "", RunUnblocked()))
    assert found(*parked, row(2, NAP, WaitCompleted(due_ms=6_000), at_ms=60_000)) == []


# -- force


def test_an_end_by_force_in_time() -> None:
    assert found(*forced_at(8_000, CANCELLED)) == []
    assert found(*forced_at(12_000, CANCELLED)) == []


def test_forced_early() -> None:
    assert found(*forced_at(7_999, CANCELLED)) == [("S5 forced early", "1 ms")]


def test_the_clock_of_who_forces_may_be_off() -> None:
    clocks = {"skew_ms": 40, "back_ms": 300}
    assert found(*forced_at(7_660, CANCELLED), **clocks) == []
    assert found(*forced_at(7_659, CANCELLED), **clocks) == [("S5 forced early", "341 ms")]


def test_the_shortest_grace_counts() -> None:
    longer = mailed(2, CancelRequested(force_at_ms=9_000), "mail_2")
    assert found(*forced_at(8_000, CANCELLED, longer)) == []
    assert found(*forced_at(8_000, longer, CANCELLED)) == []


def test_an_end_that_came_by_itself_is_never_early() -> None:
    assert found(*ASLEEP, CANCELLED, row(2, "", RunCancelled())) == []


def test_forced_though_nobody_asked_for_it() -> None:
    patient = mailed(2, CancelRequested(), "mail_1")
    assert found(*forced_at(8_000)) == [("S5 forced early", "nobody has asked for it")]
    assert found(*forced_at(8_000, patient)) == [("S5 forced early", "nobody has asked for it")]


def test_without_a_grace_it_is_forced_at_once() -> None:
    assert found(*forced_at(7_000, CANCELLED), stories=[story_of(graces=[1200, 0])]) == []
    assert found(*forced_at(7_000), stories=[story_of(graces=[0])]) == []
    assert found(*forced_at(7_000), stories=[story_of(run_id=None, graces=[0])]) == [
        ("S5 forced early", "nobody has asked for it"),
    ]


def test_forced_late() -> None:
    assert found(*forced_at(12_001, CANCELLED)) == [("S5 forced late", "4001 ms")]
    assert found(*forced_at(12_401, CANCELLED), late_ms=400) == [("S5 forced late", "4401 ms")]
    assert found(*forced_at(12_400, CANCELLED), late_ms=400) == []


def test_after_trouble_force_takes_longer() -> None:
    kill = Counter({"kill": 1})
    assert found(*forced_at(18_500, CANCELLED), counts=kill) == []
    assert found(*forced_at(18_501, CANCELLED), counts=kill) == [("S5 forced late", "10501 ms")]
    assert found(*forced_at(18_501, CANCELLED), counts=kill, calm_ms=8_001) == []


def test_a_run_that_lives_is_not_forced_yet() -> None:
    assert found(*altered((*ASLEEP, CANCELLED), 6, at_ms=90_000)) == []
