"""What is told of an append that isn't plain, and what it may touch."""

from typing import Any

import pytest

from perdure.model.ids import RunId
from perdure.testing.conformance.sample import append_to, chunks_of, hook_of, letter_to, row, run_id, start_of
from perdure.world import HookClosing, HookReopening
from perdure.worlds.postgres.append import Rows, append_words, appended, touched
from perdure.worlds.postgres.data import Data
from tests.world.effects import EFFECTS


@pytest.mark.parametrize("more", EFFECTS, ids=lambda more: next(iter(more)))
def test_whatever_else_is_asked_is_told(more: dict[str, Any]) -> None:
    append = append_to(1, **more)
    rows, data = Rows(), Data()
    bare = append_words(append_to(1), Rows(), Data())
    words = append_words(append, rows, data)
    assert {key for key in words if words[key] != bare.get(key)} >= {
        {"mail_taken": "taken", "times_ms": "times"}.get(name, name) for name in more
    }
    assert rows.values == [(0, run_id(1), 3, 1, 1, "step_completed", row().key, row().payload, None)]


def test_hooks_in_words() -> None:
    hooks = (HookReopening(key="a"), hook_of("b", "t", webhook=True, expires_at_ms=9), HookClosing(key="c"))
    words = append_words(append_to(1, hooks=hooks), Rows(), Data())
    assert words["hooks"] == [
        {"do": "reopen", "key": "a"},
        {"do": "new", "key": "b", "token": "t", "row": 0, "webhook": True, "expires": 9},
        {"do": "close", "key": "c"},
    ]


def test_what_is_told_back() -> None:
    told = appended(
        {"at": 1, "mail": 2, "existing": {"a": "b"}, "born": ["c"], "conflicts": {"3": "d\x01\x01"}, "chunks": [4]}
    )
    assert (told.at_ms, told.mail, told.existing, told.born) == (1, 2, {"a": "b"}, ("c",))
    assert (told.conflicts, told.refused) == ({3: "d\0"}, (4,))
    assert appended({"at": 1, "mail": 0}).refused == ()


def test_every_run_is_named() -> None:
    append = append_to(
        1, chunks=(chunks_of(1), chunks_of(2)), letters=(letter_to(3), letter_to(1)), children=(start_of(4),)
    )
    assert list(touched(append)) == [run_id(1), run_id(2), run_id(3), run_id(1), run_id(4)]
    assert list(touched(append_to(run_id=RunId("x")))) == ["x"]
