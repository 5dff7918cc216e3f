"""Which runs a list is about."""

from datetime import UTC, datetime

import pytest

from perdure.inspector.filter import Wanted
from perdure.world.query import RunFilter

AT = datetime(2026, 1, 31, 8, 30, 0, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    "wanted", [Wanted("a:b"), Wanted(since=AT), Wanted(until=AT), Wanted(attributes=(("a", "b"),))]
)
def test_a_condition_is_one(wanted: Wanted) -> None:
    assert not wanted.everything
    assert Wanted().everything


def test_the_filter() -> None:
    wanted = Wanted("a:b", AT, AT, (("a", "b"), ("c", "d")))
    at_ms = round(AT.timestamp() * 1000)
    assert wanted.filter(("failed",), 3) == RunFilter(
        status=("failed",), workflow="a:b", since_ms=at_ms, until_ms=at_ms, attributes={"a": "b", "c": "d"}, limit=3
    )


def test_a_word() -> None:
    assert not Wanted(q="x").everything
    by_id, by_word = Wanted(q="wrun_0"), Wanted(q="x")
    assert (by_id.searches, by_id.filter().prefix) == (False, "wrun_0")
    assert (by_word.searches, by_word.filter().prefix) == (True, None)
    assert Wanted().filter().prefix is None
