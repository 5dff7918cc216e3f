"""Legality: which event may follow in which status."""

import typing

import pytest

from perdure.core.transitions import TRANSITIONS, IllegalEvent, advance
from perdure.model.event import (
    FACTS,
    CancelRequested,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRepinned,
    RunRetried,
    RunStarted,
    RunUnblocked,
    WakeRequested,
)
from perdure.model.status import ENDED, Status
from tests.core.logs import BOOM, done, raw, sleep, step

COMPLETED = RunCompleted(result=raw("1"))


def test_the_table_has_every_status_and_only_known_events() -> None:
    assert set(TRANSITIONS) == set(typing.get_args(Status))
    assert {type_ for row in TRANSITIONS.values() for type_ in row} == set(FACTS)
    assert {after for row in TRANSITIONS.values() for after in row.values()} <= set(TRANSITIONS)


def test_a_run_from_its_start_to_its_end() -> None:
    status: Status = "pending"
    seen: list[Status] = []
    for fact in (RunStarted(), step(), done(), sleep(), CancelRequested(), COMPLETED):
        status = advance(status, fact)
        seen.append(status)
    assert seen == ["running"] * 5 + ["completed"]


@pytest.mark.parametrize(
    ("status", "fact", "after"),
    [
        ("pending", CancelRequested(), "pending"),
        ("pending", RunCancelled(), "cancelled"),
        ("pending", RunBlocked(sentence=""), "blocked"),
        ("running", RunFailed(error=BOOM), "failed"),
        ("running", RunCancelled(), "cancelled"),
        ("running", RunBlocked(sentence=""), "blocked"),
        ("blocked", RunUnblocked(), "running"),
        ("pending", RunRepinned(), "pending"),
        ("running", RunRepinned(), "running"),
        ("blocked", RunRepinned(), "blocked"),
        ("blocked", RunCancelled(), "cancelled"),
        ("blocked", CancelRequested(), "blocked"),
        ("blocked", WakeRequested(), "blocked"),
        ("failed", RunRetried(failure_seq=4), "running"),
        ("running", RunRetried(failure_seq=5), "running"),
    ],
)
def test_the_other_ways(status: Status, fact: typing.Any, after: Status) -> None:
    assert advance(status, fact) == after


@pytest.mark.parametrize("status", sorted(ENDED))
def test_after_an_end_nothing_follows_but_a_retry_of_a_failure(status: Status) -> None:
    assert set(TRANSITIONS[status]) == ({"run_retried"} if status == "failed" else set())


@pytest.mark.parametrize(
    ("status", "fact", "sentence"),
    [
        ("completed", step(), "P7: step_created can't follow in a run that is completed"),
        ("completed", RunRetried(failure_seq=4), "P7: run_retried can't follow in a run that is completed"),
        ("cancelled", COMPLETED, "P7: run_completed can't follow in a run that is cancelled"),
        ("failed", COMPLETED, "P7: run_completed can't follow in a run that is failed"),
        ("pending", step(), "P7: step_created can't follow in a run that is pending"),
        ("blocked", step(), "P7: step_created can't follow in a run that is blocked"),
        ("blocked", COMPLETED, "P7: run_completed can't follow in a run that is blocked"),
        ("blocked", RunRetried(failure_seq=4), "P7: run_retried can't follow in a run that is blocked"),
    ],
)
def test_what_must_not_follow(status: Status, fact: typing.Any, sentence: str) -> None:
    with pytest.raises(IllegalEvent) as caught:
        advance(status, fact)
    assert str(caught.value) == sentence
