"""Which hooks are open, by what was asked of the store: two with one token, and payloads for one that is over, are seen."""

import pytest

from perdure.model.ids import RunId
from perdure.testing.conformance.sample import append_to, hook_of, registering, run_id
from perdure.testing.simulation.switchboard import Switchboard
from perdure.world import HookClosing, HookReopening

KEY = "0/hook#0"


class Clock:
    now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wrong() -> list[tuple[RunId, str]]:
    return []


@pytest.fixture
def board(clock: Clock, wrong: list[tuple[RunId, str]]) -> Switchboard:
    return Switchboard(clock, wrong)


def test_an_open_hook_takes_payloads(board: Switchboard, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of()), {})
    board.accepted(run_id(1), KEY)
    assert wrong == []
    assert (board.knows("hash"), board.knows("other")) == (True, False)


def test_a_hook_that_is_closed_takes_none(board: Switchboard, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of()), {})
    board.appended(append_to(1, hooks=(HookClosing(key=KEY),)), {})
    board.accepted(run_id(1), KEY)
    assert wrong == [(run_id(1), f"M1 a payload for a hook that isn't open: {KEY}")]
    assert board.knows("hash"), "steps may have been told of it"


def test_the_end_closes_hooks_and_a_retry_opens_some_again(board: Switchboard, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of(), hook_of("0/hook#1", "more")), {})
    board.appended(registering(2, 3, hook_of(token_hash="theirs")), {})
    board.appended(append_to(1, status="failed"), {})
    board.accepted(run_id(2), KEY)
    assert wrong == []
    board.appended(append_to(1, seize=True, status="running", hooks=(HookReopening(key=KEY),)), {})
    board.accepted(run_id(1), KEY)
    assert wrong == []
    board.accepted(run_id(1), "0/hook#1")
    assert wrong == [(run_id(1), "M1 a payload for a hook that isn't open: 0/hook#1")]


def test_a_hook_that_has_expired_takes_none(board: Switchboard, clock: Clock, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of(expires_at_ms=1_500)), {})
    clock.now_ms = 1_499
    board.accepted(run_id(1), KEY)
    assert wrong == []
    clock.now_ms = 1_500
    board.accepted(run_id(1), KEY)
    assert wrong == [(run_id(1), f"M1 a payload for a hook that has expired: {KEY}")]


def test_one_that_had_expired_is_not_open_again(board: Switchboard, clock: Clock, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of(expires_at_ms=1_500)), {})
    board.appended(append_to(1, status="failed"), {})
    clock.now_ms = 1_500
    board.appended(append_to(1, seize=True, status="running", hooks=(HookReopening(key=KEY),)), {})
    board.appended(registering(2, 3, hook_of()), {})
    assert wrong == []


def test_two_open_hooks_with_one_token(board: Switchboard, clock: Clock, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of(expires_at_ms=1_500)), {})
    board.appended(registering(2, 3, hook_of()), {})
    assert wrong == [(run_id(2), f"L5 two open hooks with one token: {KEY} and [('{run_id(1)}', '{KEY}')]")]
    clock.now_ms = 1_500
    board.appended(append_to(2, hooks=(HookClosing(key=KEY),)), {})
    board.appended(registering(3, 3, hook_of()), {})
    assert len(wrong) == 1


def test_a_reopened_hook_whose_token_is_taken(board: Switchboard, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of()), {})
    board.appended(append_to(1, status="failed"), {})
    board.appended(registering(2, 3, hook_of()), {})
    board.appended(append_to(1, seize=True, status="running", hooks=(HookReopening(key=KEY),)), {})
    assert [run for run, _ in wrong] == [run_id(1)]  # type: ignore[misc]


def test_a_conflict_is_with_whoever_has_the_token(board: Switchboard, wrong: list[object]) -> None:
    board.appended(registering(1, 3, hook_of()), {})
    board.appended(registering(2, 3, hook_of()), {0: run_id(1)})
    assert wrong == []
    board.accepted(run_id(2), KEY)
    assert wrong == [(run_id(2), f"M1 a payload for a hook that isn't open: {KEY}")]
    board.appended(registering(3, 3, hook_of()), {0: run_id(2)})
    assert wrong[1:] == [(run_id(3), f"L5 a conflict with a run that doesn't hold the token: {KEY}, {run_id(2)}")]
