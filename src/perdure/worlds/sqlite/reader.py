"""Threads that read, so that a question never waits for the disk to sync."""

from pathlib import Path
from threading import Lock, Thread

import apsw

from perdure.worlds.sqlite.connection import Connection
from perdure.worlds.sqlite.fault import to_world_error
from perdure.worlds.sqlite.job import Job, JobQueue, Settled, settle


class Readers:
    """One thread per connection, and one queue for all. Owns the connections until `close`.

    Each thread holds its own of the `gates` while it is inside SQLite.
    """

    def __init__(self, connections: list[Connection], path: Path) -> None:
        self._connections = connections
        self._path = path
        self._queue = JobQueue()
        self.submit = self._queue.put
        self.gates = [Lock() for _ in connections]
        self._threads = [
            Thread(target=self._work, args=each, name="perdure-reader", daemon=True)
            for each in zip(connections, self.gates, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answers what was asked before, then lets the connections go."""
        for _ in self._threads:
            self._queue.end()
        for thread in self._threads:
            thread.join()
        self._queue.close()
        self.forsake()

    def forsake(self) -> None:
        """Lets the connections go and leaves the file as it is: writing the log back is the writer's work."""
        for connection in self._connections:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()

    def _work(self, connection: Connection, gate: Lock) -> None:
        while (job := self._queue.get()) is not None:
            with gate:
                settled = _read(connection, job, self._path)
            settle([settled])


def _read(connection: Connection, job: Job, path: Path) -> Settled:
    try:
        return job, job.work(connection, *job.arguments), None
    except Exception as error:
        return job, None, to_world_error(error, path)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
