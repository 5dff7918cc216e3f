"""A step as a guest in the file: it has a connection of its own, in a transaction that holds the file's write lock.

The writer's thread opens the transaction and ends it, and writes nothing in between: nobody else could either. So guests
wait in the queue where all writes do, and never for a lock of their own process.
"""

import time
from asyncio import Future, get_running_loop
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock
from typing import Any

import apsw

from perdure.errors import StepTimeout, TransactionInvalid
from perdure.world import Append, Appended, Refused
from perdure.world.transaction import ENDED_BY_ITSELF
from perdure.worlds.sqlite.connection import Connection, connect
from perdure.worlds.sqlite.job import Job
from perdure.worlds.sqlite.transaction import Transaction

LIMIT_MS = 5000
"""Half of what others wait for the lock, and of a lease: nobody is taken for dead for a guest's sake."""

_GRACE_S = 1.0
"""For a guest whose loop is stuck, and doesn't see the limit."""

_OURS = ("runs", "events", "inbox", "hooks", "streams", "chunks", "workers")
_HIDING = f"""
    SELECT name FROM temp.sqlite_schema
    WHERE type IN ('table', 'view') AND lower(name) IN ({", ".join("?" * len(_OURS))})
"""


Do = Callable[[Transaction, Append], Appended | Refused]


class Guest:
    """One step's visit: to the loop a `perdure.world.Transaction`; the writer's thread calls the rest. `do` does appends."""

    def __init__(self, step: str, do: Do) -> None:
        self._step, self._do = step, do
        self._lock = Lock()
        self._leaves = Event()
        self._last: Job | None = None
        self._inside: Connection | None = None
        self.connection: Any = None
        self._may_commit = self._rolled_back = False

    # -- the loop's side

    async def commit(self, append: Append) -> Appended | Refused:
        future: Future[Any] = get_running_loop().create_future()
        with self._lock:
            if self._leaves.is_set():
                raise StepTimeout(self._step, LIMIT_MS)
            self._last = Job(self._do, (append,), future)
            self._leaves.set()
        return await future

    def rollback(self) -> None:
        self._leaves.set()

    # -- the writer's side

    def enter(self, path: Path, count_pages: Callable[[Any, str, int], int]) -> None:
        """Open the transaction. Raises: apsw.Error."""
        connection = connect(path)
        try:
            connection.set_wal_hook(count_pages)
            connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            connection.close(True)
            raise
        connection.set_commit_hook(self._commits)
        connection.set_rollback_hook(self._rolls_back)
        self._inside = self.connection = connection

    def wait(self) -> Job | None:
        """What is to be done last in the transaction, once its step has ended; None: nothing, let go of it."""
        self._leaves.wait(LIMIT_MS / 1000 + _GRACE_S)
        with self._lock:
            self._leaves.set()
            return self._last

    def last(self, now_ms: int) -> tuple[Connection, Transaction]:
        """For the writer's own part, after which it may commit. Raises: TransactionInvalid."""
        connection = self._inside
        assert connection is not None, "P8: who enters first leaves later"
        if self._rolled_back or not connection.in_transaction:
            raise TransactionInvalid(self._step, ENDED_BY_ITSELF)
        connection.row_trace = connection.exec_trace = None
        hiding = connection.execute(_HIDING, _OURS).fetchall()
        if hiding:
            raise TransactionInvalid(self._step, f"its temporary {hiding[0][0]} hides perdure's; give it another name")
        self._may_commit = True
        return connection, Transaction(connection, now_ms)

    def leave(self) -> None:
        """Close the connection under whoever still uses it: what wasn't committed is undone."""
        while (connection := self._inside) is not None:
            try:
                connection.close(True)
                self._inside = None
            except apsw.ThreadingViolationError:
                connection.interrupt()
                time.sleep(0.001)

    # -- what SQLite calls

    def _commits(self) -> bool:
        if not self._may_commit:
            raise TransactionInvalid(self._step, ENDED_BY_ITSELF)
        return False

    def _rolls_back(self) -> None:
        self._rolled_back = True


class Visit(Job):
    """A guest on its way to the writer's thread."""

    __slots__ = ("guest",)

    def __init__(self, guest: Guest, future: "Future[Any]") -> None:
        super().__init__(guest.wait, (), future)
        self.guest = guest


class SqliteTransactions:
    """`perdure.world.Transactions`. `visit` asks the writer in, and is done when the guest is inside."""

    exclusive, limit_ms, in_threads = True, LIMIT_MS, True

    def __init__(self, visit: "Callable[[Guest], Future[Any]]", do: Do) -> None:
        self._visit, self._do = visit, do

    async def begin(self, step: str) -> Guest:
        guest = Guest(step, self._do)
        try:
            await self._visit(guest)
        except BaseException:  # also a cancelled caller's: nobody would ever tell it to leave
            guest.rollback()
            raise
        return guest
