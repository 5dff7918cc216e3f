"""Which appends do nothing but add rows, and which no more than that and say how the run stands."""

from typing import Any

import pytest

from perdure.testing.conformance.sample import append_to, row
from perdure.world.operation import Append
from tests.world.effects import EFFECTS

OF_ROWS = {"run_id", "owner", "epoch", "seq", "rows", "due_ms", "turn_completed"}
"""Fields of a plain append."""

OF_OTHERS = {"hand_back": "release", "wake_at_ms": "release", "writes": "chunks"}
"""Fields that say nothing without another."""


def test_rows_alone_are_plain() -> None:
    assert append_to(1, rows=(row(), row()), turn_completed=True, due_ms=5).is_plain
    assert append_to(1, rows=()).is_plain


@pytest.mark.parametrize("more", EFFECTS, ids=lambda more: next(iter(more)))
def test_whatever_else_is_asked_is_not(more: dict[str, Any]) -> None:
    assert not append_to(1, **more).is_plain


OF_THE_RUN = {"status", "release", "all_mail"}
"""Fields that say how the run stands, or may refuse it."""


@pytest.mark.parametrize("more", EFFECTS, ids=lambda more: next(iter(more)))
def test_what_is_simple_brings_nothing_for_others(more: dict[str, Any]) -> None:
    assert append_to(1, **more).is_simple is (set(more) <= OF_THE_RUN)


def test_no_field_is_forgotten() -> None:
    effects = {field for more in EFFECTS for field in more}
    assert set(Append.__struct_fields__) == OF_ROWS | set(OF_OTHERS) | effects
    assert set(OF_OTHERS.values()) <= effects
