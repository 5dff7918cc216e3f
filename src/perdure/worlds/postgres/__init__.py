"""The PostgreSQL World: one schema in a database, shared by any number of processes on any number of machines.

`world` is the face, `store` what asks the server, `pool` the connections of one event loop. What an operation does to
the tables is in the functions of `migrations/`; `commit` and its neighbours (`append`, `start`, `mail`, `hook`,
`stream`) write down for them what is asked. The URL is read in `location`, the schema looked after in `schema`.
"""

from perdure.worlds.postgres.schema import schema_version
from perdure.worlds.postgres.world import PostgresWorld

__all__ = ["PostgresWorld", "schema_version"]
