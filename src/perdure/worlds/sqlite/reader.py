"""Threads that read, so that a question never waits for the disk to sync."""

from pathlib import Path
from threading import Thread

from perdure.worlds.sqlite.connection import Connection
from perdure.worlds.sqlite.fault import to_world_error
from perdure.worlds.sqlite.job import Job, JobQueue, settle


class Readers:
    """One thread per connection, and one queue for all. Owns the connections until `close`."""

    def __init__(self, connections: list[Connection], path: Path) -> None:
        self._connections = connections
        self._path = path
        self._queue = JobQueue()
        self.submit = self._queue.put
        self._threads = [
            Thread(target=self._work, args=(connection,), name="perdure-reader", daemon=True)
            for connection in connections
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
        for connection in self._connections:
            connection.close()

    def _work(self, connection: Connection) -> None:
        while (job := self._queue.get()) is not None:
            settle([_read(connection, job, self._path)])


def _read(connection: Connection, job: Job, path: Path) -> tuple[Job, object, Exception | None]:
    try:
        return job, job.work(connection, *job.arguments), None
    except Exception as error:
        return job, None, to_world_error(error, path)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
