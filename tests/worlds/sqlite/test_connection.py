"""A connection is durable, patient, and a reader's can't write."""

from pathlib import Path

import apsw
import pytest

from perdure.worlds.sqlite import connection as module
from perdure.worlds.sqlite.connection import connect, connect_reader


def database(folder: Path) -> Path:
    path = folder / "x.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    return path


def test_every_commit_is_synced(tmp_path: Path) -> None:
    [[synchronous]] = connect(database(tmp_path)).execute("PRAGMA synchronous").fetchall()
    assert synchronous == 2  # FULL


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        connect(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    reader = connect_reader(database(tmp_path), {"double": lambda number: number * 2})
    assert reader.execute("SELECT double(21)").fetchall() == [(42,)]
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO t VALUES (1)")


def test_a_lock_is_waited_for_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = database(tmp_path)
    one, other = connect(path), connect(path)
    naps: list[float] = []
    monkeypatch.setattr(module, "_NAPS", 5)
    monkeypatch.setattr(module.time, "sleep", naps.append)
    one.execute("BEGIN IMMEDIATE")
    with pytest.raises(apsw.BusyError):
        other.execute("BEGIN IMMEDIATE")
    assert len(naps) == 6
    naps.clear()
    monkeypatch.setattr(module.time, "sleep", lambda _: one.in_transaction and one.execute("COMMIT"))
    other.execute("BEGIN IMMEDIATE")
    assert other.in_transaction
