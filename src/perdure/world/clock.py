"""The clock of a World whose store has none of its own."""

import time


def wall_clock_ms() -> int:
    """Milliseconds since the epoch, by this machine."""
    return time.time_ns() // 1_000_000
