"""Where ids and chance come from: the system's randomness, or a seed in a simulation."""

import os
import random
from base64 import urlsafe_b64encode
from collections.abc import Callable

from perdure.model.ids import RANDOM_BYTES, MailId, RunId, WorkerId, new_mail_id, new_run_id, new_worker_id

_CHANCE_MAX = (1 << 8 * RANDOM_BYTES) - 1


class Entropy:
    """Makes ids. `random_bytes` must be unpredictable outside of tests: tokens and ids rest on it."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom, seed: int | None = None) -> None:
        self._bytes = random_bytes
        self._random = random.Random(seed)
        self._last = (0, 0)

    def run_id(self, now_ms: int) -> RunId:
        """Sorts after this process's earlier ones: within one millisecond the random part counts up, as ULIDs may."""
        last_ms, last = self._last
        counts_up = now_ms == last_ms and last < _CHANCE_MAX
        chance = last + 1 if counts_up else int.from_bytes(self._bytes(RANDOM_BYTES), "big")
        self._last = now_ms, chance
        return new_run_id(now_ms, chance.to_bytes(RANDOM_BYTES, "big"))

    def worker_id(self, now_ms: int) -> WorkerId:
        return new_worker_id(now_ms, self._bytes(RANDOM_BYTES))

    def mail_id(self, now_ms: int) -> MailId:
        return new_mail_id(now_ms, self._bytes(RANDOM_BYTES))

    def token(self) -> str:
        """For a hook: 192 random bits, but never a dash in front: on a command line that would begin an option."""
        token = urlsafe_b64encode(self._bytes(24)).decode()
        return f"_{token[1:]}" if token[0] == "-" else token

    def chance(self) -> float:
        """In [0, 1)."""
        return self._random.random()


def seeded(seed: int) -> Entropy:
    """The same ids and chances for the same seed: for simulations only."""
    source = random.Random(seed)
    return Entropy(source.randbytes, seed)
