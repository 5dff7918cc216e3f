"""Durations and moments: every way to write one, and what is said of those that are none."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from perdure.errors import DurationInvalid
from perdure.model.duration import MAX_MS, duration_ms, in_one_unit, moment_ms

ADVICE = "; write seconds as a number, a text like '1h30m', a timedelta, or a datetime with a time zone"
UNITS = "its units are not ms, s, m, h, d or w after a number"


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("500ms", 500),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1h 30m", 5_400_000),
        (" 1H30M ", 5_400_000),
        ("1.5s", 1_500),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("1d1ms", 86_400_001),
        ("0s", 0),
        (0, 0),
        (30, 30_000),
        (0.25, 250),
        (0.1 + 0.2, 300),
        (timedelta(days=1, milliseconds=1), 86_400_001),
        (timedelta(microseconds=1500), 2),
    ],
)
def test_a_duration_in_milliseconds(value: Any, milliseconds: int) -> None:
    assert duration_ms(value) == milliseconds


def test_what_is_shorter_than_a_millisecond_is_rounded_up() -> None:
    assert duration_ms(0.0001) == 1
    assert duration_ms(1.0001) == 1001


def test_a_hundred_years_are_the_most() -> None:
    assert duration_ms(timedelta(milliseconds=MAX_MS)) == MAX_MS


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("soon", f"'soon' is no duration: {UNITS}{ADVICE}"),
        ("", f"'' is no duration: {UNITS}{ADVICE}"),
        ("5", f"'5' is no duration: {UNITS}{ADVICE}"),
        ("5 parsecs", f"'5 parsecs' is no duration: {UNITS}{ADVICE}"),
        ("1h and 5m", f"'1h and 5m' is no duration: {UNITS}{ADVICE}"),
        ("-1s", f"'-1s' is no duration: {UNITS}{ADVICE}"),
        (-1, f"-1 is no duration: it is negative{ADVICE}"),
        (timedelta(seconds=-1), f"datetime.timedelta(days=-1, seconds=86399) is no duration: it is negative{ADVICE}"),
        (float("nan"), f"nan is no duration: it is not a finite number{ADVICE}"),
        (float("inf"), f"inf is no duration: it is not a finite number{ADVICE}"),
        (1e12, f"1000000000000.0 is no duration: it is longer than a hundred years{ADVICE}"),
        (True, f"True is no duration: it is of type bool{ADVICE}"),
        (None, f"None is no duration: it is of type NoneType{ADVICE}"),
        (
            datetime(2030, 1, 1, tzinfo=UTC),
            "datetime.datetime(2030, 1, 1, 0, 0, tzinfo=datetime.timezone.utc) is no duration: "
            f"it is of type datetime{ADVICE}",
        ),
    ],
)
def test_what_is_no_duration(value: Any, sentence: str) -> None:
    with pytest.raises(DurationInvalid) as caught:
        duration_ms(value)
    assert str(caught.value) == sentence
    assert caught.value.value == repr(value)


def test_an_integer_beyond_every_float_is_too_long() -> None:
    with pytest.raises(DurationInvalid, match="it is longer than a hundred years"):
        duration_ms(10**400)


def test_a_moment_is_a_duration_from_now_or_itself() -> None:
    assert moment_ms("1m", 1_000) == 61_000
    assert moment_ms(datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC), 1_000) == 5_000
    assert moment_ms(datetime(1970, 1, 1, 2, 0, 5, tzinfo=timezone(timedelta(hours=2))), 1_000) == 5_000


def test_a_moment_that_has_passed_is_itself() -> None:
    assert moment_ms(datetime(1970, 1, 1, tzinfo=UTC), 1_000) == 0


def test_a_naive_datetime_is_no_moment() -> None:
    with pytest.raises(DurationInvalid) as caught:
        moment_ms(datetime(2030, 1, 1), 0)
    assert str(caught.value) == (
        f"datetime.datetime(2030, 1, 1, 0, 0) is no duration: it is a datetime without a time zone{ADVICE}"
    )


def test_a_moment_is_at_most_a_hundred_years_away() -> None:
    with pytest.raises(DurationInvalid, match="it is more than a hundred years away"):
        moment_ms(datetime.max.replace(tzinfo=UTC), 1_000)


@pytest.mark.parametrize(
    ("duration_ms", "words"), [(0, "0 s"), (999, "0 s"), (59_999, "59 s"), (3_599_999, "59 min"), (90_000_000, "1 d")]
)
def test_one_unit_for_sentences(duration_ms: int, words: str) -> None:
    assert in_one_unit(duration_ms) == words
