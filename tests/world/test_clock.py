"""Milliseconds since the epoch."""

import time

import pytest

from perdure.world.clock import wall_clock_ms


def test_whole_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_790_000_000_123_999_999)
    assert wall_clock_ms() == 1_790_000_000_123
