"""The SQLite World: one file, durable, shared by any number of processes on one machine.

`world` is the face, `store` the threads behind it, `writer` the one that commits. What an operation does to the tables
is in `start`, `append`, `mail`, `ownership` and `query`; the file and its schema are in `location` and `schema`.
"""

from perdure.worlds.sqlite.schema import schema_version
from perdure.worlds.sqlite.world import SqliteWorld

__all__ = ["SqliteWorld", "schema_version"]
