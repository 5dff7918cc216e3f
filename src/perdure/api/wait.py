"""Time, chance and choice in a workflow's body: functions of the log there, the ordinary ones elsewhere."""

import asyncio
import random as _random
import time
import uuid
from datetime import UTC, datetime
from typing import TypeVar, overload

from perdure.api.options import check_text
from perdure.errors import NotInWorkflow
from perdure.model.duration import Duration, duration_ms, moment_ms
from perdure.replay.body import current_body
from perdure.replay.chance import draw_random, draw_uuid4
from perdure.replay.wait import sleep_until

T = TypeVar("T")


@overload
async def sleep(duration: Duration | datetime) -> None: ...
@overload
async def sleep(duration: Duration | datetime, result: T) -> T: ...
async def sleep(duration: Duration | datetime, result: object = None) -> object:
    """Sleep for a duration ("30s", "1h30m", seconds, a timedelta) or until an aware datetime; returns `result`.

    In a workflow it is durable, and costs no memory while it lasts. It never ends early, and within a second of its time
    while any worker lives. Raises: DurationInvalid.
    """
    body = current_body()
    if body is not None:
        await sleep_until(body, moment_ms(duration, body.loop.now_ms))
    else:
        now_ms = int(time.time() * 1000)
        await asyncio.sleep((moment_ms(duration, now_ms) - now_ms) / 1000)
    return result


def timeout(duration: Duration | None) -> asyncio.Timeout:
    """`asyncio.timeout` that takes durations: `async with timeout("14d"): …`. None: no limit. Raises: DurationInvalid."""
    return asyncio.timeout(None if duration is None else duration_ms(duration) / 1000)


def now() -> datetime:
    """An aware UTC datetime. In a workflow's body: the time of the present turn, the same in every replay. It stands still
    until the body has waited for something."""
    body = current_body()
    return datetime.now(UTC) if body is None else datetime.fromtimestamp(body.loop.now_ms / 1000, UTC)


def random() -> float:
    """In [0, 1). In a workflow's body: the same in every replay. Not for secrets."""
    body = current_body()
    return _random.random() if body is None else draw_random(body)


def uuid4() -> uuid.UUID:
    """A random UUID. In a workflow's body: the same in every replay. Not for secrets."""
    body = current_body()
    return uuid.uuid4() if body is None else draw_uuid4(body)


def patched(name: str) -> bool:
    """Whether this run takes the new path of a change called `name`.

    Decided at the run's first call, and so for the whole run: runs that have passed this point before the change keep
    the old path. Raises: NotInWorkflow.
    """
    body = current_body()
    if body is None:
        raise NotInWorkflow("patched", "it asks which path a run takes")
    check_text("name", name)
    return body.patched(name)
