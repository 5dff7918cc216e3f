"""Where a reader's start index lies."""

import pytest

from perdure.model.ids import RunId
from perdure.world.stream import StreamRecord


@pytest.mark.parametrize(("start", "index"), [(0, 0), (3, 3), (9, 9), (-1, 4), (-5, 0), (-6, 0)])
def test_a_negative_one_counts_from_the_tail(start: int, index: int) -> None:
    assert StreamRecord(run_id=RunId("r"), stream="", length=5, closed=False).index_of(start) == index
