"""What a lab says: each sentence, and that they are assertions that failed."""

import pytest

from perdure.errors import PerdureError
from perdure.testing import LabBusy, LabStuck, NotSurvived


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            LabStuck("wrun_1", "a hook", "it is waiting for a sleep"),
            "a hook of run wrun_1 doesn't come by itself: it is waiting for a sleep",
        ),
        (LabBusy("something goes on"), "the lab doesn't come to rest: something goes on"),
        (
            NotSurvived("wrun_1", "before append 3", "the result 1", "the result 2"),
            "run wrun_1 doesn't survive a crash before append 3: expected the result 1, found the result 2",
        ),
    ],
)
def test_sentences(error: Exception, sentence: str) -> None:
    assert str(error) == sentence
    assert isinstance(error, PerdureError) and isinstance(error, AssertionError)
