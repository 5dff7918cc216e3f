"""Ids: their shape, their order, and that derived ones depend on what they are derived from alone."""

from base64 import b32encode
from random import Random

import pytest

from perdure.model.ids import (
    _CROCKFORD,
    RunId,
    _text,
    answer_id,
    child_run_id,
    is_run_id,
    letter_id,
    new_mail_id,
    new_run_id,
    new_worker_id,
    step_id,
    token_hash,
    ulid,
)

RUN = new_run_id(1_700_000_000_000, bytes(range(10)))


def test_a_ulid_as_its_specification_has_it() -> None:
    assert ulid(1_469_918_176_385, bytes(10)) == "01ARYZ6S41" + "0" * 16
    assert ulid((1 << 48) - 1, b"\xff" * 10) == "7" + "Z" * 25


@pytest.mark.parametrize("size", range(1, 21))
def test_texts_are_pythons_own_base32_in_crockfords_letters(size: int) -> None:
    letters, random = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _CROCKFORD), Random(size)
    for data in (bytes(size), b"\xff" * size, *(random.randbytes(size) for _ in range(100))):
        assert _text(data) == b32encode(data).decode().rstrip("=").translate(letters)


def test_ids_say_what_they_name() -> None:
    assert new_run_id(0, bytes(10)) == "wrun_" + "0" * 26
    assert new_worker_id(0, bytes(10)) == "wrkr_" + "0" * 26
    assert new_mail_id(0, bytes(10)) == "mail_" + "0" * 26


def test_ids_sort_by_time_then_by_randomness() -> None:
    ids = [new_run_id(at_ms, bytes([n] * 10)) for at_ms in (1, 31, 32, 1_000_000) for n in (0, 1, 128, 255)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (RUN, True),
        ("wrun_" + "Z" * 26, True),
        ("wrun_" + "Z" * 25, False),
        ("wrun_" + "Z" * 27, False),
        ("step_" + "Z" * 26, False),
        ("wrun_" + "z" * 26, False),
        ("wrun_" + "U" * 26, False),
        ("", False),
    ],
)
def test_what_is_a_runs_id(text: str, is_one: bool) -> None:
    assert is_run_id(text) is is_one


def test_a_steps_id_is_the_same_wherever_it_is_derived() -> None:
    run = RunId("wrun_01HF7YAT000000000000000000")
    assert step_id(run, "0/step:app:charge#0") == "step_J8DG0ZP7JAZJPT1GMAGPTS92DM"
    assert step_id(run, "0/step:app:charge#0") != step_id(run, "0/step:app:charge#1")
    assert step_id(run, "0/step:app:charge#0") != step_id(RUN, "0/step:app:charge#0")


def test_a_childs_id_has_its_parents_time_and_follows_from_the_key() -> None:
    child = child_run_id(RUN, "0/child:app:pay#0")
    assert is_run_id(child)
    assert child[:15] == RUN[:15]
    assert child == child_run_id(RUN, "0/child:app:pay#0")
    assert len({child, RUN, child_run_id(RUN, "0/child:app:pay#1"), child_run_id(child, "0/child:app:pay#0")}) == 4


def test_a_letters_id_is_the_same_in_every_try() -> None:
    assert letter_id(RUN, "end") == f"mail_{RUN[5:]}_end"


def test_what_senders_in_sql_arrive_at_too() -> None:
    """Changed, no hook that waits would be found any more, and a second try would be taken for a first."""
    assert token_hash("approval:1") == "2e582d75bd64c9a4bef029766b6481545e98207566bfe5f989fae0fb09e16f3c"
    assert answer_id(RUN, token_hash("approval:1"), "key") == "mail_B8A4WB7GRGWRA6PE58J8Y9NN"
