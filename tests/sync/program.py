"""Workflows that the tests run, and waiting without a loop."""

import threading
from collections.abc import Callable
from typing import Any

import perdure
from perdure import sync
from perdure.sync import FatalError, step, workflow

BACKGROUND = "perdure-sync"


@step
def double(n: int) -> int:
    return 2 * n


@workflow
async def doubles(n: int) -> int:
    if n < 0:
        raise FatalError("no negative numbers")
    return await double(n)


@workflow
async def sleeps() -> str:
    await perdure.sleep("1h")
    return "slept"


def background_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == BACKGROUND]


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(5000):
        if condition():
            return
        sync.sleep("1ms")
    raise AssertionError("it never came true")


def asleep(run: sync.Run[Any]) -> bool:
    return any(reason.kind == "sleep" for reason in run.info().waiting_for)


def refusal(name: str) -> str:
    return f"perdure.sync.{name} would block the event loop that runs here: await perdure.{name}"
