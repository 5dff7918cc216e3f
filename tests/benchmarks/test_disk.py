"""Where stores may be."""

from pathlib import Path

import pytest

from benchmarks.disk import default_folder, file_system


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
