"""The life cycle: a worker runs while the server does, around the app's own start-up and shutdown.

The app starts first (it may configure perdure, and open what steps need) and ends last. An app without a lifespan
(Django) is answered for.
"""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.api.connect import CONNECTION, close
from perdure.http.ending import SignalWatch, ending

GRACE = "5s"
"""How long steps that run may take to end at a shutdown; what is cut off then is tried again by the next owner."""

logger = logging.getLogger("perdure")


class Lifespan:
    """One run of the server. `receive` and `send` stand between the server and the app."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._asked = False  # for its start-up, by the server
        self._answered = False
        self._working = False
        self._failed = False  # ours: the app is told to end, and what it says then is kept back
        self._over = False
        self._signals = SignalWatch()

    async def run(self, app: ASGIApp | None, scope: Scope) -> None:
        """Until the server has been told of the end."""
        try:
            await self._run_app(app, scope)
            if not self._answered:
                await self._start_alone()
            if self._working:  # the app has left early: it is nothing to it
                await self.receive()
            if not self._over:
                await self.send({"type": "lifespan.shutdown.complete"})
        finally:
            self._signals.end()

    async def _run_app(self, app: ASGIApp | None, scope: Scope) -> None:
        if app is None:
            return
        try:
            await app(scope, self.receive, self.send)
        except Exception as error:
            if self._answered and not self._failed:
                await self._end()
                raise
            logger.info("the app that perdure wraps has no lifespan: %r", error)

    async def _start_alone(self) -> None:
        if not self._asked:
            await self.receive()
        await self.send({"type": "lifespan.startup.complete"})

    async def receive(self) -> Message:
        if self._failed:
            return {"type": "lifespan.shutdown"}
        message = await self._receive()
        if message["type"] == "lifespan.startup":
            self._asked = True
        elif message["type"] == "lifespan.shutdown":
            await self._end()
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self._failed:
            return
        if kind == "lifespan.startup.complete":
            message = await self._begin() or message
        self._answered = True
        self._over = self._over or kind != "lifespan.startup.complete" or self._failed
        await self._send(message)

    async def _begin(self) -> Message | None:
        """Open the World, and work, unless that was configured otherwise. What to say instead where that fails."""
        try:
            ending().clear()
            await CONNECTION.engine(work=True)
        except Exception as error:
            logger.exception("perdure could not start")
            self._failed = True
            return {"type": "lifespan.startup.failed", "message": f"perdure could not start: {error}"}
        self._working = True
        self._signals.begin()
        return None

    async def _end(self) -> None:
        """End what lives long, then drain the worker and close the World."""
        ending().set()
        if not self._working:
            return
        self._working = False
        try:
            await close(GRACE)
        except Exception:
            logger.exception("perdure could not hand everything back: the lease will lapse")
