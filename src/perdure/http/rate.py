"""Who may still guess: a bucket of misses for each client, which empties with time. Memory stays flat.

A client whose bucket is full is refused before its token is looked up, also where it would have been right: else
guessing would cost nothing.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address

from starlette.types import Scope

from perdure.http.problem import Problem

MISSES_MAX = 30
FORGIVEN_PER_S = 1.0
CLIENTS_MAX = 4096


class Misses:
    """Of at most `CLIENTS_MAX` clients, those that missed last. A level falls by one in `1 / FORGIVEN_PER_S` seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def admit(self, client: str) -> None:
        """Raises: Problem (429), which says after how many seconds to try again."""
        excess = self._level(client) - (MISSES_MAX - 1)
        if excess > 0:
            wait_s = math.ceil(excess / FORGIVEN_PER_S)
            raise Problem(429, "too many unknown tokens from this address", headers={"retry-after": str(wait_s)})

    def add(self, client: str) -> None:
        """The client has asked for what isn't there."""
        self._levels[client] = (self._level(client) + 1, self._clock())
        self._levels.move_to_end(client)
        if len(self._levels) > CLIENTS_MAX:
            self._levels.popitem(last=False)

    def _level(self, client: str) -> float:
        level, at = self._levels.get(client, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) * FORGIVEN_PER_S)


def client_of(scope: Scope) -> str:
    """The client's address; of IPv6 the first 64 bits, since one client has all that follow. Empty for a local socket."""
    host = str((scope.get("client") or ("",))[0])
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    return host if address.version == 4 else str(int(address) >> 64)
