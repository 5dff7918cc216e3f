"""Times, durations and sizes in words."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from perdure.cli.human import age, clock, counted, iso, size, span

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(params=[("UTC", 0), ("XXX-5:30", 330)])
def offset(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[timedelta]:
    """The local time zone's."""
    zone, minutes = request.param
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        yield timedelta(minutes=minutes)
    time.tzset()


def test_the_clock_is_local_and_short(offset: timedelta) -> None:
    for local, shown in [
        (datetime(2026, 3, 1, 11, 59, 58), "11:59:58"),
        (datetime(2026, 2, 28, 23, 59, 58), "Feb 28 23:59"),
        (datetime(2025, 12, 31, 23, 59, 58), "2025-12-31"),
    ]:
        assert clock((local - offset).replace(tzinfo=UTC), NOW) == shown


@pytest.mark.parametrize(
    ("past", "shown"),
    [
        (timedelta(milliseconds=999), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=400), "400 d"),
        (timedelta(seconds=-90), "in 1 min"),
    ],
)
def test_ages(past: timedelta, shown: str) -> None:
    assert age(NOW - past, NOW) == shown


@pytest.mark.parametrize(
    ("duration_ms", "shown"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (9949, "9.9 s"),
        (9950, "10 s"),
        (59_499, "59 s"),
        (59_500, "1 min"),
        (60_000, "1 min"),
        (185_000, "3 min 5 s"),
        (3_600_000, "1 h"),
        (3_605_000, "1 h"),
        (7_800_000, "2 h 10 min"),
        (86_400_000 * 3 + 3_600_000 * 4, "3 d 4 h"),
    ],
)
def test_spans(duration_ms: int, shown: str) -> None:
    assert span(duration_ms) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_500_000, "1.4 MiB"), (2**31, "2.0 GiB"), (2**41, "2.0 TiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


def test_for_programs() -> None:
    assert iso(NOW) == "2026-03-01T12:00:00Z"


def test_counts() -> None:
    assert [counted(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
