"""LISTEN and NOTIFY: hints between processes, never a proof. Without them all is still true, only slower.

A notification is a statement of its own, after the commit that it tells of: NOTIFY takes a lock that all of a
database's commits with one would queue for. Many commits share one. Listening wants a session: it has a connection of
its own. Whether that hears anything is tried, at first and now and then, by telling oneself something over another
connection: a pooler in transaction mode listens in a session that nobody reads, and a dead network keeps connections open.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from perdure.errors import WorldError
from perdure.worlds.postgres.connection import connect
from perdure.worlds.postgres.location import Location

_TELL = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)"
"""A hint needn't survive a power cut: it doesn't wait for the disk, nor have others wait."""

_PAUSE_S = 0.005
"""Between two notifications of one process."""

_AGAIN_S = (0.1, 5.0)
"""Before the listener connects anew: at first, and at most."""

_CHECK_S = 30.0
"""How often it is tried whether the listener hears."""

_ECHO_S = 10.0
"""How long a notification may take."""

_DEAF_S = 300.0
"""Before a listener that was deaf from its first moment connects anew."""

_ECHO = "?"
"""Ends a notification that is meant for oneself."""

_log = logging.getLogger(__name__)


def channel_of(schema: str) -> str:
    """Names of channels are cut at 63 bytes."""
    return f"perdure_{hashlib.sha256(schema.encode()).hexdigest()[:32]}"


class Notices:
    """Of one event loop. `heard` is called when another process has told something, or may have."""

    def __init__(
        self, location: Location, fetch: Callable[..., Awaitable[list[Any]]], heard: Callable[[], None]
    ) -> None:
        self._location, self._fetch, self._heard = location, fetch, heard
        self._channel = channel_of(location.schema)
        self._me = secrets.token_hex(8)
        self._due = self._warned = False
        self._echo = asyncio.Event()
        self._teller: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self.loop = asyncio.get_running_loop()

    def tell(self) -> None:
        """Soon, once for all that is told meanwhile."""
        self._due = True
        if self._teller is None or self._teller.done():
            self._teller = self.loop.create_task(self._tell(), name="perdure-notify")

    def listen(self) -> None:
        """From now on. Harmless to repeat."""
        if self._listener is None or self._listener.done():
            self._listener = self.loop.create_task(self._listen(), name="perdure-listen")

    def stop(self) -> None:
        for task in (self._teller, self._listener):
            if task is not None:
                task.cancel()

    async def close(self) -> None:
        """Harmless to repeat."""
        self.stop()
        await asyncio.gather(*(task for task in (self._teller, self._listener) if task), return_exceptions=True)

    async def _tell(self) -> None:
        while self._due:
            self._due = False
            try:
                await self._fetch(_TELL, self._channel, self._me)
            except WorldError as error:
                _log.debug("a notification was lost: %s", error)
                return
            await asyncio.sleep(_PAUSE_S)

    async def _listen(self) -> None:
        pause_s = _AGAIN_S[0]
        while True:
            try:
                if await self._listen_once():
                    pause_s = _AGAIN_S[0]
                else:
                    self._warn()
                    pause_s = _DEAF_S
            except Exception as error:  # whatever it is: hints come again when the server does
                _log.debug("nobody listens: %r", error)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _AGAIN_S[1])

    async def _listen_once(self) -> bool:
        """Returns when the connection is lost, or hears nothing any more; False: it never heard anything."""
        connection = await connect(self._location)
        lost = asyncio.Event()
        try:
            connection.driver.add_termination_listener(lambda _: lost.set())
            await connection.driver.add_listener(self._channel, self._notified)
            self._heard()  # whatever was told before
            heard = False
            while await self._hears(lost):
                heard = True
                await _within(lost, _CHECK_S)
            return heard or lost.is_set()
        finally:
            await connection.close()

    async def _hears(self, lost: asyncio.Event) -> bool:
        """Whether what is told over another connection comes in here. Raises: WorldError."""
        if lost.is_set():
            return False
        self._echo.clear()
        await self._fetch(_TELL, self._channel, self._me + _ECHO)
        return await _within(self._echo, _ECHO_S)

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "%s: notifications don't come through, as behind a pooler in transaction mode: all goes on, but work of "
                "other processes is found up to half a second later; connect without the pooler, or say so with `&listen=0`",
                self._location.shown,
            )

    def _notified(self, _connection: object, _pid: int, _channel: str, who: str) -> None:
        if who == self._me + _ECHO:
            self._echo.set()
        elif who != self._me and not who.endswith(_ECHO):
            self._heard()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
