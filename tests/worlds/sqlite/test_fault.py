"""What SQLite's errors mean, in words."""

from pathlib import Path

import apsw
import pytest

from perdure.errors import WorldFull, WorldUnavailable
from perdure.worlds.sqlite.fault import Stopped, stopped_by, to_world_error

PATH = Path("/srv/runs.db")


@pytest.mark.parametrize(
    ("error", "type_", "sentence"),
    [
        (
            apsw.FullError("database or disk is full"),
            WorldFull,
            "the disk under /srv/runs.db is full: nothing more is accepted until space is freed; "
            "everything acknowledged so far is safe",
        ),
        (
            apsw.BusyError("database is locked"),
            WorldUnavailable,
            "the world can't be reached: another process has kept /srv/runs.db locked for 10 s",
        ),
        (
            apsw.CorruptError("database disk image is malformed"),
            WorldUnavailable,
            "the world can't be reached: /srv/runs.db: database disk image is malformed",
        ),
        (
            stopped_by(apsw.IOError("disk I/O error")),
            WorldUnavailable,
            "the world can't be reached: the disk failed while a write was made durable (disk I/O error), so this "
            "process accepts no more writes: check the disk, then restart the process; everything acknowledged so "
            "far is safe",
        ),
    ],
)
def test_errors_of_the_file(error: Exception, type_: type[Exception], sentence: str) -> None:
    told = to_world_error(error, PATH)
    assert type(told) is type_
    assert str(told) == sentence
    assert told.__cause__ is error
    assert to_world_error(error, PATH) is not told


@pytest.mark.parametrize("error", [apsw.ConstraintError("twice"), apsw.TooBigError("big"), AssertionError("M3")])
def test_errors_of_the_call_are_passed_on(error: Exception) -> None:
    assert to_world_error(error, PATH) is error


def test_stopping_is_no_error_of_sqlite() -> None:
    assert isinstance(stopped_by(apsw.IOError("x")), Stopped)
