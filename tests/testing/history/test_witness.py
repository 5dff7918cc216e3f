"""What the witness's lines say: letters in order, and whether a lease was live at a moment."""

import pytest

from perdure.model.ids import RunId, WorkerId
from perdure.testing.history.witness import LATE_MS, witnessed

ONE, OTHER, WORKER = RunId("wrun_1"), RunId("wrun_2"), WorkerId("wrkr_1")


def test_each_kind_of_line() -> None:
    lines = [
        ("letter", ONE, "mail_b", 1),
        ("letter", OTHER, "mail_c", 2),
        ("letter", ONE, "mail_a", 3),
        ("early", OTHER, "", 3),
        ("unowned", ONE, "7", 4),
        ("born-dead", OTHER, "wrkr_9", 5),
        ("claim", ONE, "2", 6),
        ("claim", ONE, "3", 9),
    ]
    watched = witnessed(lines).watched
    assert witnessed(lines).claims == {ONE: [(6, 2), (9, 3)]}
    assert {run: [letter.mail_id for letter in letters] for run, letters in watched.accepted.items()} == {
        ONE: ["mail_b", "mail_a"],
        OTHER: ["mail_c"],
    }
    assert (watched.early, watched.unowned, watched.born_dead) == ({OTHER}, [ONE], [OTHER])


def test_a_lease_is_live_until_it_ends_or_is_ended() -> None:
    found = witnessed([("lease", WORKER, "3000", 1000), ("lease", WORKER, "4000", 2000), ("lease", WORKER, "0", 2500)])
    moments = {at_ms: found.is_live(WORKER, at_ms) for at_ms in (999, 1000, 2499, 2500, 9000)}
    assert moments == {999: False, 1000: True, 2499: True, 2500: False, 9000: False}
    assert not found.is_live(WorkerId("wrkr_none"), 2000)


def test_a_lease_that_has_just_ended_counts() -> None:
    found = witnessed([("lease", WORKER, "3000", 1000)])
    assert [found.is_live(WORKER, 3000 + late_ms) for late_ms in (LATE_MS - 1, LATE_MS)] == [True, False]


def test_other_lines_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="no trigger writes 'rumour'"):
        witnessed([("rumour", ONE, "", 1)])
