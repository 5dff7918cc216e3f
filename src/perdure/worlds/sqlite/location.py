"""Where the file is: from a URL to a path, and the file and its folder made safely."""

import os
from pathlib import Path

from perdure.errors import WorldInvalid

_PREFIX = "sqlite:///"


def path_of(url: str) -> Path:
    """`sqlite:///runs.db` is relative to the working folder, `sqlite:////var/runs.db` absolute.

    Raises: WorldInvalid, if the URL isn't one of these.
    """
    path = url.removeprefix(_PREFIX)
    if path == url or not path or "\0" in path:
        raise WorldInvalid(url, "write sqlite:///folder/file.db, or sqlite:////folder/file.db for an absolute path")
    return Path(path)


def prepare(url: str, path: Path, *, create: bool) -> None:
    """Afterwards the file is there, for its owner alone if it was made here; its folder entry is durable.

    Harmless to repeat, and from several processes at once. Raises: WorldInvalid.
    """
    if not create and not path.exists():
        raise WorldInvalid(
            url,
            f"there is no file {path}: start a run there first, or name another world with --world or PERDURE_WORLD",
        )
    try:
        if create:
            _make_folder(path.parent)
            _make_file(path)
    except FileExistsError as error:
        raise unwritable(url, path, "a file is in the place of a folder") from error
    except OSError as error:
        raise unwritable(url, path, error.strerror or str(error)) from error
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise unwritable(url, path, "this user may not write it, or its folder")


def unwritable(url: str, path: Path, reason: str) -> WorldInvalid:
    return WorldInvalid(
        url, f"{path} can't be opened for writing ({reason}): choose a file in a folder that this user may write"
    )


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700 if folder.name == ".perdure" else 0o777, exist_ok=True)
    _sync(folder.parent)


def _make_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """A new name in a folder survives a power cut only once the folder is on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
