"""What SQLite's errors mean to a caller."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

from perdure.errors import WorldFull, WorldInvalid, WorldUnavailable
from perdure.worlds.sqlite.connection import BUSY_S
from perdure.worlds.sqlite.location import unwritable

_OF_THE_CALL = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.TooBigError,
    apsw.SQLError,
    apsw.BindingsError,
)
"""Errors of what was asked, not of the file: they fail one commit, and are passed on as they are."""


class Stopped(Exception):
    """The writer has met an error after which nothing that it says may be believed."""


def stopped_by(error: apsw.Error) -> Stopped:
    return Stopped(
        f"the disk failed while a write was made durable ({error}), so this process accepts no more writes: "
        "check the disk, then restart the process; everything acknowledged so far is safe"
    )


def to_world_error(error: Exception, path: Path) -> Exception:
    """A new exception for one caller (a commit that many wait for fails once for each of them)."""
    match error:
        case Stopped():
            told: Exception = WorldUnavailable(str(error))
        case apsw.FullError():
            told = WorldFull(str(path))
        case apsw.BusyError() | apsw.LockedError():
            told = WorldUnavailable(f"another process has kept {path} locked for {BUSY_S} s")
        case apsw.Error() if not isinstance(error, _OF_THE_CALL):
            told = WorldUnavailable(f"{path}: {error}")
        case _:
            return error
    told.__cause__ = error
    return told


@contextmanager
def opening(url: str, path: Path) -> Generator[None]:
    """Around whatever opens the file: here the file may be at fault, not only the moment."""
    try:
        yield
    except apsw.NotADBError as error:
        raise WorldInvalid(url, "the file is not a SQLite database: choose another path") from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise unwritable(url, path, str(error)) from error
    except apsw.Error as error:
        raise to_world_error(error, path) from error
