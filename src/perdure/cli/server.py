"""An HTTP server on an event loop of ours: where it listens, and that it ends soon. What it serves is the app's to say."""

import asyncio
import errno
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import quote

from perdure.cli.failure import AddressUnusable

BACKLOG = 2048
REQUESTS_END_S = 5
"""So long requests may take to end at a stop; what is cut off then is a client's to send again."""

App = Callable[[Any, Any, Any], Awaitable[None]]
"""ASGI's."""


class Address(NamedTuple):
    """Where to listen; `host` is a number."""

    family: socket.AddressFamily
    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return ip_address(self.host.partition("%")[0]).is_loopback

    def __str__(self) -> str:
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def new_token() -> str:
    """What opens the inspector of one server for as long as that lives."""
    return secrets.token_urlsafe(24)


def page_url(server: str, token: str | None, fragment: str = "") -> str:
    """Where the inspector's page is, or in it a view."""
    return f"{server}/inspector/" + ("" if token is None else f"?token={quote(token)}") + fragment


class Server(NamedTuple):
    """`ended` is set by itself only where the server failed; `hurry` leaves requests where they are at a stop."""

    ended: asyncio.Task[None]
    hurry: Callable[[], None]


def resolved(host: str, port: int) -> Address:
    """Raises: AddressUnusable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):  # of a name with an empty or endless part, before anybody is asked
        raise AddressUnusable(host, port, "there is no host of that name") from None
    family, *_, place = min(found, key=lambda each: each[0] != socket.AF_INET)  # localhost is 127.0.0.1
    return Address(family, str(place[0]), port)


def listening(address: Address) -> socket.socket:
    """Who connects from now on is answered once there is a server. Raises: AddressUnusable."""
    try:
        listener = socket.create_server((address.host, address.port), family=address.family, backlog=BACKLOG)
    except OSError as error:
        taken = "something listens there already: choose another --port"
        reason = taken if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
        raise AddressUnusable(address.host, address.port, reason) from None
    # Else a chunk of a stream waits until the client has acknowledged the one before, which takes it 40 ms. Connections
    # inherit this; asyncio sees to it only where it has made the socket itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(listener: socket.socket) -> Address:
    """Where it listens; of port 0, the one that was found."""
    host, port = listener.getsockname()[:2]
    return Address(listener.family, host, port)


@asynccontextmanager
async def serving(app: App, listener: socket.socket) -> AsyncGenerator[Server]:
    """Serve while the block lasts; afterwards nobody is connected any more. Signals are left to whoever has them.

    No log of requests: their paths hold the tokens of hooks, which are secrets.
    """
    from uvicorn import Config
    from uvicorn import Server as Uvicorn

    class Quiet(Uvicorn):
        @contextmanager
        def capture_signals(self) -> Generator[None]:
            yield

    config = Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=REQUESTS_END_S,
    )
    server = Quiet(config)
    ended = asyncio.create_task(server.serve(sockets=[listener]))

    def hurry() -> None:
        server.force_exit = True

    try:
        yield Server(ended, hurry)
    finally:
        server.should_exit = True
        await ended
