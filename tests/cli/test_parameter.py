"""Durations, moments and attributes as people type them."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from perdure.cli.parameter import ATTRIBUTE, DURATION, MOMENT, QUEUE


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("30s", 30_000), ("1h30m", 5_400_000), ("30", 30_000), ("0", 0), ("0.25", 250)]
)
def test_durations(text: str, milliseconds: int) -> None:
    assert DURATION.convert(text, None, None) == milliseconds


@pytest.mark.parametrize("text", ["", "soon", "-3", "3 fortnights", "inf", "nan"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        DURATION.convert(text, None, None)
    assert caught.value.message == f"{text!r} is no duration: write 500ms, 30s, 1h30m or 7d."


def test_a_moment_is_a_duration_ago() -> None:
    before = datetime.now(UTC)
    moment = MOMENT.convert("2h", None, None)
    assert before - timedelta(hours=2) <= moment <= datetime.now(UTC) - timedelta(hours=2)


def test_a_moment_with_a_zone_is_itself() -> None:
    assert MOMENT.convert("2026-01-31T08:30+02:00", None, None) == datetime(2026, 1, 31, 6, 30, tzinfo=UTC)
    assert MOMENT.convert("2026-01-31T08:30Z", None, None) == datetime(2026, 1, 31, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "naive"), [("2026-01-31", datetime(2026, 1, 31)), ("2026-01-31 08:30", datetime(2026, 1, 31, 8, 30))]
)
def test_a_moment_without_a_zone_is_local(text: str, naive: datetime) -> None:
    moment = MOMENT.convert(text, None, None)
    assert moment.tzinfo is not None
    assert moment == naive.astimezone()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "08:30"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        MOMENT.convert(text, None, None)
    assert caught.value.message == (
        f"{text!r} is no time: write 2h for two hours ago, or 2026-01-31, or 2026-01-31T08:30."
    )


@pytest.mark.parametrize(
    ("text", "attribute"),
    [("a=b", ("a", "b")), ("a=", ("a", "")), ("a=b=c", ("a", "b=c")), ("order id= 7 ", ("order id", " 7 "))],
)
def test_attributes(text: str, attribute: tuple[str, str]) -> None:
    assert ATTRIBUTE.convert(text, None, None) == attribute


@pytest.mark.parametrize("text", ["", "a", "=b"])
def test_what_is_no_attribute(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        ATTRIBUTE.convert(text, None, None)
    assert caught.value.message == f"{text!r} is no attribute: write key=value."


def test_queues() -> None:
    assert QUEUE.convert("gpu-2", None, None) == "gpu-2"
    with pytest.raises(click.UsageError) as caught:
        QUEUE.convert("g u", None, None)
    assert caught.value.format_message() == (
        "Invalid value: 'g u' can't name a queue: give 1 to 64 ASCII letters, digits, '.', '_' and '-', "
        "a letter or digit first."
    )
