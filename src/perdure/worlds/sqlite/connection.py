"""How a connection is set up: durable, patient with other processes, and never trusting the file's contents."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import apsw

BUSY_S = 10
NAP_S = 0.004
_NAPS = int(BUSY_S / NAP_S)


class Cursor(Protocol):
    """Rows; iterating steps through them. Read them all before the next write."""

    def __iter__(self) -> Iterator[Any]: ...

    def execute(self, statements: str, bindings: Sequence[Any] = ..., /) -> "Cursor": ...

    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """What is used of `apsw.Connection`, in types that a type checker for Python 3.11 can read."""

    exec_trace: Callable[..., bool] | None
    row_trace: Callable[..., Any] | None

    @property
    def in_transaction(self) -> bool: ...

    def cursor(self) -> Cursor: ...

    def execute(self, statements: str, bindings: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, statements: str, sequenceofbindings: Iterable[Sequence[Any]], /) -> Cursor: ...

    def changes(self) -> int: ...

    def set_wal_hook(self, callable: Callable[[Any, str, int], int], /) -> None: ...

    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]: ...

    def config(self, op: int, value: int, /) -> int: ...

    def create_scalar_function(self, name: str, callable: Callable[..., Any], /, *, deterministic: bool) -> None: ...

    def set_commit_hook(self, callable: Callable[[], bool], /) -> None: ...

    def set_rollback_hook(self, callable: Callable[[], None], /) -> None: ...

    def interrupt(self) -> None: ...

    def close(self, force: bool = False, /) -> None: ...


def connect(path: Path) -> Connection:
    """A connection to a file that is there. Each commit on it is synced before it returns."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_handler(_wait)
    ours = cast(Connection, connection)
    ours.execute("PRAGMA trusted_schema = OFF")
    ours.execute("PRAGMA synchronous = FULL")
    ours.execute("PRAGMA temp_store = MEMORY")
    ours.execute("PRAGMA cache_size = -32768")
    return ours


def connect_reader(path: Path, functions: dict[str, Callable[..., Any]]) -> Connection:
    """A connection that can't write. `functions` can be called in its SQL."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON")
    for name, function in functions.items():
        connection.create_scalar_function(name, function, deterministic=True)
    return connection


def _wait(tries: int) -> bool:
    """Short naps of uneven length: SQLite's own grow to 100 ms, and starve who has waited long."""
    time.sleep(NAP_S * random.uniform(0.5, 1.5))
    return tries < _NAPS
