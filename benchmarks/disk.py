"""Where measurements keep their stores, and how large a store is."""

import subprocess
import sys
import tempfile
from pathlib import Path

IN_MEMORY = {"tmpfs", "ramfs"}
COUNT_PAGES = """
import apsw, sys
pragma = lambda name: apsw.Connection(sys.argv[1]).execute(f"pragma {name}").get
print((pragma("page_count") - pragma("freelist_count")) * pragma("page_size"))
"""


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


def sqlite_bytes(path: Path) -> int:
    """The size of the database once its log is checkpointed, less the pages that are free.

    Asked in a process of its own: a second SQLite library in one process drops the first one's file locks.
    """
    command = [sys.executable, "-c", COUNT_PAGES, str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
