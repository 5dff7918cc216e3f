"""URLs, folders and files: what is made, for whom, and what is refused in which words."""

import os
from pathlib import Path

import pytest

from perdure.errors import WorldInvalid
from perdure.worlds.sqlite.location import path_of, prepare


def test_urls_name_paths() -> None:
    assert path_of("sqlite:///runs.db") == Path("runs.db")
    assert path_of("sqlite:///.perdure/perdure.db") == Path(".perdure/perdure.db")
    assert path_of("sqlite:////var/lib/runs.db") == Path("/var/lib/runs.db")
    assert path_of("sqlite:///a b%20?x=1#é.db") == Path("a b%20?x=1#é.db")


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite://", "sqlite://runs.db", "runs.db", "", "sqlite:///a\0b"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(WorldInvalid) as caught:
        path_of(url)
    assert str(caught.value) == (
        f"{url!r} is no usable world: write sqlite:///folder/file.db, or sqlite:////folder/file.db for an absolute path"
    )


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / ".perdure" / "perdure.db"
    before = os.umask(0)
    try:
        prepare("url", path, create=True)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".perdure" / "perdure.db"
    path.parent.mkdir(mode=0o755)
    path.write_bytes(b"kept")
    path.chmod(0o644)
    prepare("url", path, create=True)
    assert path.read_bytes() == b"kept"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755


def test_looking_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none" / "runs.db"
    with pytest.raises(WorldInvalid) as caught:
        prepare("sqlite:///runs.db", path, create=False)
    assert str(caught.value) == (
        f"'sqlite:///runs.db' is no usable world: there is no file {path}: "
        "start a run there first, or name another world with --world or PERDURE_WORLD"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, reason in (
        (tmp_path / "file" / "runs.db", "a file is in the place of a folder"),
        (tmp_path / "file" / "folder" / "runs.db", "a file is in the place of a folder"),
        (tmp_path / "file" / "folder" / "deeper" / "runs.db", "Not a directory"),
    ):
        with pytest.raises(WorldInvalid) as caught:
            prepare("sqlite:///runs.db", path, create=True)
        assert str(caught.value) == (
            f"'sqlite:///runs.db' is no usable world: {path} can't be opened for writing ({reason}): "
            "choose a file in a folder that this user may write"
        )


def test_a_file_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(b"")
    for refused in (path, tmp_path):
        monkeypatch.setattr(os, "access", lambda asked, mode, refused=refused: asked != refused)  # root may do it all
        with pytest.raises(WorldInvalid, match="this user may not write it, or its folder"):
            prepare("url", path, create=True)
