"""The open file: its writer and readers. A process that was forked from this one has to open it anew."""

import os
import threading
from asyncio import Future, get_running_loop
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

from perdure.errors import WorldUnavailable
from perdure.worlds.sqlite import query
from perdure.worlds.sqlite.connection import connect, connect_reader
from perdure.worlds.sqlite.fault import opening
from perdure.worlds.sqlite.guest import Guest, Visit
from perdure.worlds.sqlite.job import Job
from perdure.worlds.sqlite.location import prepare
from perdure.worlds.sqlite.reader import Readers
from perdure.worlds.sqlite.schema import migrate
from perdure.worlds.sqlite.writer import Writer

_READERS = 2


class _Threads(NamedTuple):
    writer: Writer
    readers: Readers

    @property
    def gates(self) -> list[threading.Lock]:
        """Each is held by its thread while that is inside SQLite."""
        return [self.writer.gate, *self.readers.gates]


class Store:
    """`hints` are called, from the writer's thread, when somebody else may have written."""

    def __init__(self, url: str, path: Path, clock: Callable[[], int], *, create: bool) -> None:
        self._url = url
        self._path = path
        self.clock = clock
        self._create = create
        self._lock = threading.Lock()
        self._threads: _Threads | None = None
        self.hints: list[Callable[[], None]] = []
        _stores.add(self)

    def open(self) -> None:
        """Blocks. Harmless to repeat. Raises: WorldInvalid, SchemaTooNew, WorldUnavailable, WorldFull."""
        with self._lock:
            if self._threads is None:
                prepare(self._url, self._path, create=self._create)
                with opening(self._url, self._path):
                    self._threads = self._start()

    def close(self) -> None:
        """Blocks. Harmless to repeat."""
        with self._lock:
            threads, self._threads = self._threads, None
            if threads is not None:
                threads.readers.close()
                threads.writer.close()

    def write(self, work: Callable[..., Any], *arguments: object) -> "Future[Any]":
        """`work(transaction, *arguments)` in the next transaction; done when it is durable."""
        return self._submit(Job(work, arguments, get_running_loop().create_future()))

    def visit(self, guest: Guest) -> "Future[Any]":
        """Done when the guest is inside its transaction: nothing else is written until it leaves."""
        return self._submit(Visit(guest, get_running_loop().create_future()))

    def read(self, work: Callable[..., Any], *arguments: object) -> "Future[Any]":
        """`work(connection, *arguments)` on a connection that sees all that was acknowledged."""
        future: Future[Any] = get_running_loop().create_future()
        if self._threads is None:
            future.set_exception(_not_open())
        else:
            self._threads.readers.submit(Job(work, arguments, future))
        return future

    def _submit(self, job: Job) -> "Future[Any]":
        if self._threads is None:
            job.future.set_exception(_not_open())
        else:
            self._threads.writer.submit(job)
        return job.future

    def pause(self) -> None:
        """Nobody is inside SQLite from here on, until `resume`: a fork would copy locks that nobody gives back."""
        self._lock.acquire()
        for gate in self._threads.gates if self._threads is not None else ():
            gate.acquire()

    def resume(self) -> None:
        for gate in self._threads.gates if self._threads is not None else ():
            gate.release()
        self._lock.release()

    def forsake(self) -> None:
        """In a forked child, between `pause` and `resume`: the threads stayed with the parent, and so did the locks.

        SQLite doesn't know that, and would take a file that is opened anew for locked already. So the connections are
        closed here, without a word to the file: https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
        """
        threads, self._threads = self._threads, None
        self.hints.clear()
        if threads is not None:
            threads.readers.forsake()
            threads.writer.forsake()

    def _start(self) -> _Threads:
        connection = connect(self._path)
        try:
            migrate(connection, self._url)
            readers = [connect_reader(self._path, query.FUNCTIONS) for _ in range(_READERS)]
        except BaseException:
            connection.close()
            raise
        return _Threads(Writer(connection, self._path, self.clock, self.hints), Readers(readers, self._path))


def _not_open() -> WorldUnavailable:
    return WorldUnavailable("it is not open in this process: await open() first, after a fork as well")


_stores: WeakSet[Store] = WeakSet()
_paused: list[Store] = []


def _before_fork() -> None:
    _paused.extend(_stores)
    for store in _paused:
        store.pause()


def _after_fork() -> None:
    while _paused:
        _paused.pop().resume()


def _after_fork_in_child() -> None:
    for store in _paused:
        store.forsake()
    _after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
