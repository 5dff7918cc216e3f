"""Words on the command line that are more than text: durations, moments, attributes."""

from datetime import UTC, datetime, timedelta

import click

from perdure.errors import DurationInvalid
from perdure.model.duration import duration_ms
from perdure.model.queue import RULE, is_queue


class DurationType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic from 8.5 on only
    """`30s`, `1h30m`, or a number of seconds; milliseconds to the command."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return _milliseconds(str(value))
        except DurationInvalid:
            self.fail(f"{value!r} is no duration: write 500ms, 30s, 1h30m or 7d.", param, ctx)


class MomentType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic from 8.5 on only
    """A point in the past: a duration before now, or an ISO 8601 date or time, local where it names no zone."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.now(UTC) - timedelta(milliseconds=_milliseconds(str(value)))
        except DurationInvalid:
            pass
        try:
            return datetime.fromisoformat(str(value)).astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is no time: write 2h for two hours ago, or 2026-01-31, or 2026-01-31T08:30.", param, ctx
            )


class AttributeType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic from 8.5 on only
    """`key=value`."""

    name = "attribute"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = str(value).partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is no attribute: write key=value.", param, ctx)
        return key, text


class QueueType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic from 8.5 on only
    """The name of a queue."""

    name = "queue"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_queue(str(value)):
            self.fail(f"{value!r} can't name a queue: give {RULE}.", param, ctx)
        return str(value)


def _milliseconds(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        return duration_ms(text)
    return duration_ms(number)


DURATION = DurationType()
MOMENT = MomentType()
ATTRIBUTE = AttributeType()
QUEUE = QueueType()
