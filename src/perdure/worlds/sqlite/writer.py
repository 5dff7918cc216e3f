"""The one thread of a process that writes. It commits whatever is waiting together: the disk is asked once for all.

Jobs are done in the order in which they were put. One that fails takes no other with it. While a guest (`guest.py`) is
inside, the others wait. After an error that leaves open whether the disk keeps what it was given, nothing more is
written or acknowledged.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty
from threading import Lock, Thread

import apsw

from perdure.world import Refused
from perdure.worlds.sqlite.connection import NAP_S, Connection
from perdure.worlds.sqlite.fault import Stopped, stopped_by, to_world_error
from perdure.worlds.sqlite.guest import Guest, Visit
from perdure.worlds.sqlite.job import Job, JobQueue, Settled, settle
from perdure.worlds.sqlite.transaction import Transaction

_POLL_S = 0.02
"""How often to look whether another process has written."""

_JOBS_MAX = 1000
"""So that a flood doesn't lock other processes out."""

_LONG_S = 0.05
"""A guest that stays for so long has kept other processes waiting: they go next."""

_CHECKPOINT_PAGES = 1000
"""When the write-ahead log is copied into the file; SQLite's own default."""

_log = logging.getLogger(__name__)


class Writer:
    """Owns its connection until `close`. `gate` is held while its thread is inside SQLite."""

    def __init__(
        self, connection: Connection, path: Path, clock: Callable[[], int], hints: list[Callable[[], None]]
    ) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self._hints = hints
        self._queue = JobQueue()
        self.submit = self._queue.put
        self.gate = Lock()
        self._stopped: Stopped | None = None
        self._stirred = False
        self._log_pages = 0
        self._data_version = self._read_data_version()
        self._look_at = 0.0
        # A checkpoint that SQLite does by itself hides its errors.
        connection.set_wal_hook(self._count_pages)
        self._thread = Thread(target=self._work, name="perdure-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finishes what was put before, then lets the connection go. What is put later is refused."""
        self._queue.end()
        self._thread.join()
        self._queue.close()
        if self._stopped is None:
            self._checkpoint()
        if self._stopped is None:
            self._connection.close()
        else:
            self.forsake()

    def forsake(self) -> None:
        """Lets the connection go and leaves the file as it is."""
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()

    def _work(self) -> None:
        going_on = True
        while going_on:
            jobs, going_on = self._next()
            last = jobs.pop() if jobs and isinstance(jobs[-1], Visit) else None
            with self.gate:
                if jobs:
                    self._write(jobs)
                if isinstance(last, Visit):
                    self._receive(last)
                if self._log_pages >= _CHECKPOINT_PAGES and self._stopped is None:
                    self._checkpoint()
                if self._hints and time.monotonic() >= self._look_at:
                    self._look()
            if self._stirred:
                self._stirred = False
                self._hint()

    def _next(self) -> tuple[list[Job], bool]:
        """What is waiting (nothing, after a while), and whether there will be more."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(timeout=_POLL_S)
            while job is not None:
                jobs.append(job)
                if len(jobs) == _JOBS_MAX or isinstance(job, Visit):
                    return jobs, True
                job = self._queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _write(self, jobs: list[Job]) -> None:
        try:
            results = self._transact(jobs)
        except Exception as error:  # whatever it is, its callers are told, and the thread goes on
            if len(jobs) > 1 and not isinstance(error, apsw.BusyError):
                for job in jobs:
                    self._write([job])
            else:
                settle([(job, None, to_world_error(error, self._path)) for job in jobs])
            return
        settle([(job, result, None) for job, result in zip(jobs, results, strict=True)])

    def _transact(self, jobs: list[Job]) -> list[object]:
        if self._stopped is not None:
            raise self._stopped
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            transaction = Transaction(connection, self._clock())  # read under the lock: nobody's `now` is later
            results = [job.work(transaction, *job.arguments) for job in jobs]
            transaction.flush()
            self._commit(connection)
        except BaseException:
            with suppress(apsw.Error):  # what went wrong first is what matters
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise
        self._stirred = self._stirred or transaction.stirs
        return results

    def _receive(self, visit: Visit) -> None:
        """Have a guest inside until it leaves. A fork waits as long: the child would have the guest's locks too."""
        guest = visit.guest
        try:
            if self._stopped is not None:
                raise self._stopped
            guest.enter(self._path, self._count_pages)
        except Exception as error:
            settle([(visit, None, to_world_error(error, self._path))])
            return
        settle([(visit, guest, None)])
        entered_at = time.monotonic()
        last = guest.wait()
        settled = None if last is None else self._end_with(guest, last)
        guest.leave()
        if settled is not None:
            settle([settled])
        if time.monotonic() - entered_at > _LONG_S:
            time.sleep(2 * NAP_S)

    def _end_with(self, guest: Guest, last: Job) -> Settled:
        """Do the last of a guest's transaction, and commit it. All errors but the disk's mean that it is undone."""
        try:
            connection, transaction = guest.last(self._clock())
            outcome = last.work(transaction, *last.arguments)
            if not isinstance(outcome, Refused):
                transaction.flush()
                self._commit(connection)
                self._stirred = self._stirred or transaction.stirs
                self._data_version = self._read_data_version()  # it was no other process
        except Exception as error:
            known = isinstance(error, Stopped | apsw.FullError)
            return last, None, to_world_error(error, self._path) if known else error
        return last, outcome, None

    def _commit(self, connection: Connection) -> None:
        try:
            connection.execute("COMMIT")
        except apsw.IOError as error:
            self._stopped = stopped_by(error)
            raise self._stopped from error

    def _checkpoint(self) -> None:
        self._log_pages = 0
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.IOError as error:
            self._stopped = stopped_by(error)
            _log.error("%s", self._stopped)
        except apsw.Error as error:
            _log.debug("the checkpoint of %s waits: %s", self._path, error)  # busy, or full: the log still has it all

    def _count_pages(self, _connection: Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _look(self) -> None:
        """SQLite's `data_version` changes when another connection has committed, and only then."""
        self._look_at = time.monotonic() + _POLL_S
        version = self._read_data_version()
        if version != self._data_version:
            self._data_version = version
            self._stirred = True

    def _read_data_version(self) -> int:
        try:
            [[version]] = self._connection.execute("PRAGMA data_version").fetchall()
        except apsw.Error:
            return -1  # only a hint: another look follows
        return int(version)

    def _hint(self) -> None:
        for hint in tuple(self._hints):
            try:
                hint()
            except Exception:
                _log.exception("a hint failed")
