"""What holds a supervised process to its supervisor: a pair of sockets, one end each.

Down it go the orders, and no signals: those of a terminal or a service manager reach both sides, and a drain that is asked
for twice must stay one. When the supervisor has gone, however, its end is closed, and the process drains by itself. Up it
goes a single word: that the process works.
"""

import asyncio
import os
import socket
from collections.abc import Callable

DRAIN, HURRY, WORKS = b"d", b"h", b"w"


class Leash:
    """The held process's end. From here on no process that it starts inherits it."""

    def __init__(self, number: int) -> None:
        os.set_inheritable(number, False)
        self._end = socket.socket(fileno=number)
        self._end.setblocking(False)

    def obey(self, drain: Callable[[], object], hurry: Callable[[], object]) -> None:
        """Call `drain` when it is asked for, or nobody holds the other end; `hurry` when that isn't fast enough."""
        self._drain, self._hurry = drain, hurry
        asyncio.get_running_loop().add_reader(self._end, self._pulled)

    def works(self) -> None:
        """Tell the supervisor."""
        try:
            self._end.send(WORKS)
        except OSError:  # it has gone: the next reading says so
            return

    def _pulled(self) -> None:
        try:
            orders = self._end.recv(16)
        except ConnectionError:
            orders = b""
        if DRAIN in orders or not orders:
            self._drain()
        if HURRY in orders:
            self._hurry()
        if not orders:
            asyncio.get_running_loop().remove_reader(self._end)
