"""Where measurements keep their stores: on a disk."""

import tempfile
from pathlib import Path

IN_MEMORY = {"tmpfs", "ramfs"}


def file_system(folder: Path) -> str:
    """The type of the file system that holds the folder: `ext4`, `tmpfs`; empty if the system doesn't tell."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    types = {Path(fields[1]): fields[2] for fields in map(str.split, mounts.read_text().splitlines())}
    place = folder.resolve()
    return next(types[parent] for parent in (place, *place.parents) if parent in types)


def default_folder() -> Path:
    """The system's folder for temporary files, or the current one where that is in memory."""
    temporary = Path(tempfile.gettempdir())
    return Path.cwd() if file_system(temporary) in IN_MEMORY else temporary
