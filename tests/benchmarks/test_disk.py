"""Where stores may be, and how large one is."""

from pathlib import Path

import apsw
import pytest

from benchmarks.disk import default_folder, file_system, sqlite_bytes


def mounts(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("pathlib.Path.exists", lambda self: True)
    monkeypatch.setattr("pathlib.Path.read_text", lambda self: text)


def test_the_file_system_is_that_of_the_nearest_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts(monkeypatch, "/dev/a / ext4 rw 0 0\ntmpfs /nowhere/memory tmpfs rw 0 0\n")
    assert file_system(Path("/nowhere/memory/inside")) == "tmpfs"
    assert file_system(Path("/nowhere/else")) == "ext4"


def test_a_temporary_folder_in_memory_is_not_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/nowhere/memory")
    mounts(monkeypatch, "/dev/a / ext4 rw 0 0\ntmpfs /nowhere/memory tmpfs rw 0 0\n")
    assert default_folder() == Path.cwd()
    mounts(monkeypatch, "/dev/a / ext4 rw 0 0\n")
    assert default_folder() == Path("/nowhere/memory")


def test_a_store_is_as_large_as_its_pages_the_log_included_the_free_ones_not(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.wal_autocheckpoint(0)
    connection.execute("create table filler (bytes blob)")
    small = sqlite_bytes(path)
    connection.execute("insert into filler values (zeroblob(1000000))")
    assert 900_000 < sqlite_bytes(path) - small < 1_100_000
    connection.execute("delete from filler")
    assert sqlite_bytes(path) - small < 100_000
    connection.close()
