from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from perdure.codec.misfit import Misfit
from perdure.codec.scalar import from_plain, read, write_datetime, write_time

BERLIN = ZoneInfo("Europe/Berlin")


def test_the_moment_is_kept_where_a_zones_rules_have_changed() -> None:
    node = {"$": "dt", "v": "2026-07-01T12:00:00+05:00", "zone": "Europe/Berlin"}
    value = read("dt", node)
    assert value == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert value.tzinfo is BERLIN


def test_the_hour_is_kept_where_it_comes_twice() -> None:
    for fold in (0, 1):
        value = datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=BERLIN)
        back = read("dt", write_datetime(value))
        assert (back.hour, back.fold, back.utcoffset()) == (2, fold, timedelta(hours=2 - fold))


@pytest.mark.parametrize("zone", ["Mars/Hill", "../../etc/passwd", "/etc/localtime", "a.b", "", "Europe", 7, "UTC\0"])
def test_a_zone_that_is_not_known_here_leaves_the_offset(zone: object) -> None:
    value = read("dt", {"$": "dt", "v": "2026-07-01T12:00:00+02:00", "zone": zone})
    assert value.tzinfo == timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "offset", [timedelta(microseconds=1), timedelta(microseconds=-500_000), timedelta(seconds=-1.5)]
)
def test_an_offset_of_less_than_a_second_is_one_too(offset: timedelta) -> None:
    at = datetime(2026, 7, 1, 12, 0, 0, 5, tzinfo=timezone(offset))
    back = read("dt", write_datetime(at))
    assert (back, back.utcoffset()) == (at, offset)
    assert read("time", write_time(at.timetz())).utcoffset() == offset


def test_a_time_keeps_its_zone() -> None:
    assert read("time", {"$": "time", "v": "12:00:00", "zone": "Europe/Berlin"}) == time(12, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        ("int", "0xZZ"), ("int", 5), ("float", "1.5"), ("str", "?"), ("bytes", "YQ"), ("bytes", None), ("dt", 5),
        ("date", "2026-13-01"), ("time", "25:00"), ("td", "P1X"), ("dec", 1.5), ("dec", "one"), ("uuid", "1"),
        ("complex", [1]), ("complex", ["1", "x"]), ("path", ["a"]),
    ],
)  # fmt: skip
def test_a_tag_that_holds_something_else(tag: str, content: object) -> None:
    with pytest.raises(Misfit, match=f"^what its tag '{tag}' holds is none \\("):
        read(tag, {"$": tag, "v": content})
    with pytest.raises(Misfit):
        read(tag, {"$": tag})


@pytest.mark.parametrize(
    ("value", "kind", "back"),
    [
        (1, float, 1.0),
        (2.0, int, 2),
        (True, int, True),
        ("2026-01-02T03:04:05Z", datetime, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02", date, date(2026, 1, 2)),
        ("03:04", time, None),
        ("03:04:00", time, time(3, 4)),
        ("PT5S", timedelta, timedelta(seconds=5)),
        ("1.50", Decimal, Decimal("1.50")),
        ("00000000-0000-0000-0000-000000000001", UUID, UUID(int=1)),
        ("YWI=", bytes, b"ab"),
        (b"ab", bytearray, bytearray(b"ab")),
        ("a/b", Path, Path("a/b")),
        ("a/b", PurePosixPath, PurePosixPath("a/b")),
        (2.5, complex, 2.5 + 0j),
        (datetime(2026, 1, 2), date, datetime(2026, 1, 2)),
        (1, bool, None),
        (True, float, None),
        ("1", int, None),
        (1, str, None),
        ("soon", datetime, None),
        (0, type(None), None),
    ],
)
def test_the_plain_form_of_a_kind(value: object, kind: Any, back: object) -> None:
    if back is None:
        with pytest.raises(Misfit, match=rf"^it is an? {type(value).__name__}, where the annotation asks for"):
            from_plain(value, kind)
    else:
        assert from_plain(value, kind) == back
        assert type(from_plain(value, kind)) is type(back)
