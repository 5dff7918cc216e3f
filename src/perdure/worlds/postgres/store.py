"""What asks the server: one pool for each event loop that calls, for heartbeats come from a loop of their own.

A process that was forked from this one has to open it anew: it forsakes the connections that its parent goes on with.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from perdure.errors import WorldInvalid, WorldUnavailable
from perdure.world.clock import wall_clock_ms
from perdure.worlds.postgres import schema
from perdure.worlds.postgres.fault import goes_again, to_world_error
from perdure.worlds.postgres.location import Location
from perdure.worlds.postgres.notice import Notices
from perdure.worlds.postgres.pool import Pool
from perdure.worlds.postgres.session import Sessions

_TRIES_MAX = 5
_TOLD_MAX = 4

_LACKS = """
    SELECT privilege || ' on ' || relname FROM pg_catalog.pg_class,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1::text)
        AND relkind IN ('r', 'p') AND relname <> 'perdure_versions' AND NOT has_table_privilege(pg_class.oid, privilege)
    UNION ALL
    SELECT 'EXECUTE on ' || proname FROM pg_catalog.pg_proc
    WHERE pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1::text)
        AND NOT prosecdef AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
    ORDER BY 1
"""
_FIRST = f"SELECT perdure.clock_ms(), ARRAY({_LACKS})"

Clock = Callable[[], int]


class Store:
    """`clock` stands in for the server's, in tests. `hints` are called when somebody else may have written."""

    def __init__(self, location: Location, clock: Clock | None) -> None:
        self.location = location
        self.clock = clock
        self.hints: list[Callable[[], None]] = []
        self._opened = self._may_write = False
        self._skew_ms = 0
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._sessions: dict[asyncio.AbstractEventLoop, Sessions] = {}
        self._notices: dict[asyncio.AbstractEventLoop, Notices] = {}
        self._forsaken: list[object] = []
        _stores.add(self)

    async def open(self, *, migrate: bool) -> None:
        """Harmless to repeat. Raises: WorldInvalid, SchemaMissing, SchemaTooNew, WorldUnavailable."""
        if self._opened:
            return
        connection = await schema.connected(self.location, migrate=migrate)
        self._opened = True
        try:
            pool = self._pools.get(asyncio.get_running_loop()) or await self._new_pool()
        except BaseException:
            connection.terminate()
            raise
        pool.take_in(connection)
        [[now_ms, lacks]] = await self.fetch(_FIRST, self.location.schema)
        self.heard(now_ms)
        self._may_write = not lacks

    async def close(self) -> None:
        """Harmless to repeat."""
        self._opened = False
        here = asyncio.get_running_loop()
        for notices in list(self._notices.values()):
            if notices.loop is here:
                await notices.close()
            elif not notices.loop.is_closed():
                notices.loop.call_soon_threadsafe(notices.stop)
        for pool in (*self._pools.values(), *self._sessions.values()):
            if pool.loop is here:
                await pool.close()
            elif not pool.loop.is_closed():
                pool.loop.call_soon_threadsafe(pool.terminate)
        self._notices.clear()
        self._pools.clear()
        self._sessions.clear()

    @property
    def told_ms(self) -> int | None:
        """The time that statements are told; None: the server looks at its clock, once it has its locks."""
        return None if self.clock is None else self.clock()

    def now_ms(self) -> int:
        return wall_clock_ms() + self._skew_ms if self.clock is None else self.clock()

    def heard(self, now_ms: int) -> None:
        """The server's clock said so a moment ago."""
        self._skew_ms = now_ms - wall_clock_ms()

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """One statement's rows. Tried again where the server has undone all of it. Raises: WorldError, and what was
        wrong with the arguments."""
        tries = 0
        while True:
            tries += 1
            try:
                pool = self._pools.get(asyncio.get_running_loop()) or await self._new_pool()
                return await pool.fetch(sql, arguments)
            except Exception as error:
                if not goes_again(error) or tries >= _TRIES_MAX:
                    raise to_world_error(error, self.location) from error

    async def fetch_row(self, sql: str, *arguments: Any) -> Any:
        """The only row, or None."""
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None

    async def writes(self) -> None:
        """Before each write, until it may. Raises: WorldInvalid if this user may only look, WorldUnavailable."""
        if not self._may_write:
            lacks = [lack for [lack] in await self.fetch(_LACKS, self.location.schema)]
            if lacks:
                more = f" and {len(lacks) - _TOLD_MAX} more" if len(lacks) > _TOLD_MAX else ""
                told = f"the user may only look, it lacks {', '.join(lacks[:_TOLD_MAX])}{more}"
                reason = f"{told}: see docs/how-to/postgresql.md for the grants"
                raise WorldInvalid(self.location.shown, reason)
            self._may_write = True

    def tell(self) -> None:
        """Something was written that another process may look for. In the running loop."""
        if self.location.listen:
            self._notices_here().tell()

    def stir(self) -> None:
        """Something was written that a worker of this process may claim."""
        for hint in tuple(self.hints):
            hint()

    def listen(self) -> None:
        """Have the hints called when another process tells. In the running loop."""
        if self.location.listen:
            self._notices_here().listen()

    def forsake(self) -> None:
        """In a forked child: the sockets are shared with the parent, and not a byte may go over them."""
        self._forsaken += [*self._pools.values(), *self._sessions.values(), *self._notices.values()]
        self._opened = False
        self._pools.clear()
        self._sessions.clear()
        self._notices.clear()
        self.hints.clear()

    async def sessions(self) -> Sessions:
        """Those of the running loop. Raises: WorldUnavailable."""
        self._refuse_closed()
        loop = asyncio.get_running_loop()
        sessions = self._sessions.get(loop)
        if sessions is None:
            self._forget_ended_loops()
            sessions = self._sessions[loop] = Sessions(self.location)
            await sessions.start()
        return sessions

    def _refuse_closed(self) -> None:
        if not self._opened:
            raise WorldUnavailable("it is not open in this process: await open() first, after a fork as well")

    async def _new_pool(self) -> Pool:
        """Of the running loop."""
        self._refuse_closed()
        self._forget_ended_loops()
        pool = self._pools[asyncio.get_running_loop()] = Pool(self.location)
        await pool.start()
        return pool

    def _forget_ended_loops(self) -> None:
        """Their connections are closed: see `Pool.start`."""
        for known in (self._pools, self._sessions, self._notices):
            for ended in [loop for loop in known if loop.is_closed()]:
                del known[ended]

    def _notices_here(self) -> Notices:
        loop = asyncio.get_running_loop()
        notices = self._notices.get(loop)
        if notices is None:
            notices = self._notices[loop] = Notices(self.location, self.fetch, self.stir)
        return notices


_stores: WeakSet[Store] = WeakSet()


def _after_fork_in_child() -> None:
    for store in _stores:
        store.forsake()


os.register_at_fork(after_in_child=_after_fork_in_child)
