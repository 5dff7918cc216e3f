"""Coroutines that are thrown away: which complaints are heard."""

import sys
import warnings
from collections.abc import Generator
from typing import Any

import pytest

from perdure.testing.survival.silence import silence_of_the_dead


class Stop:
    def __await__(self) -> Generator[None]:
        yield


class Loud:
    def __del__(self) -> None:
        raise ValueError("of an object, not of a coroutine")


async def complains() -> None:
    try:
        await Stop()
    finally:
        raise RuntimeError("this scope was entered in a different task")


def left_halfway() -> None:
    coroutine = complains()
    coroutine.send(None)
    circle: list[Any] = [coroutine]
    circle.append(circle)  # only the collector finds it


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: heard.append(str(unraisable.exc_value)))
    return heard


def test_what_the_dead_complain_of_is_not_heard(heard: list[str]) -> None:
    before = sys.unraisablehook
    with silence_of_the_dead():
        left_halfway()
    assert heard == [] and sys.unraisablehook is before


def test_the_rest_is(heard: list[str]) -> None:
    with silence_of_the_dead():
        Loud()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            complains()  # pyright: ignore[reportUnusedCoroutine]
    assert heard == ["of an object, not of a coroutine", "coroutine 'complains' was never awaited"]
