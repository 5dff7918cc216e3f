"""Runs at rest: the ripe are put away, and the oldest where there are too many."""

import asyncio

import pytest

from perdure.engine import rest as module
from perdure.engine.rest import Rest
from perdure.model.ids import RunId
from tests.engine.stage import Stage

A, B, C = RunId("a"), RunId("b"), RunId("c")


def resting(put_away: list[RunId]) -> Rest:
    """As a worker does: a run that is put away rests no more."""
    rest = Rest(lambda run_id: (put_away.append(run_id), rest.end(run_id))[0])
    return rest


def test_what_has_rested_for_a_second_goes() -> None:
    stage, gone = Stage(), []

    async def scene() -> None:
        rest = resting(gone)
        reaper = asyncio.create_task(rest.reap_for_ever())
        rest.begin(A)
        await asyncio.sleep(0.5)
        rest.begin(B)
        await asyncio.sleep(0.49)
        assert gone == []
        await asyncio.sleep(0.02)
        assert gone == [A]
        await asyncio.sleep(0.5)
        assert gone == [A, B]
        reaper.cancel()

    stage.play(scene)


def test_whoever_has_something_to_do_begins_to_rest_anew() -> None:
    stage, gone = Stage(), []

    async def scene() -> None:
        rest = resting(gone)
        reaper = asyncio.create_task(rest.reap_for_ever())
        rest.begin(A)
        await asyncio.sleep(0.8)
        rest.end(A)
        rest.begin(A)
        await asyncio.sleep(0.8)
        assert gone == []
        rest.begin(A)  # once more: it rests already
        await asyncio.sleep(0.5)
        assert gone == [A]
        reaper.cancel()

    stage.play(scene)


def test_too_many_and_the_longest_resting_goes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTING_MAX", 2)
    stage, gone = Stage(), []

    async def scene() -> None:
        rest = resting(gone)
        for run_id in (A, B, C):
            rest.begin(run_id)
        assert gone == [A]
        assert len(rest) == 2

    stage.play(scene)


def test_ending_what_does_not_rest_is_harmless() -> None:
    Stage().play(_ended)


async def _ended() -> None:
    rest = resting([])
    rest.end(A)
    assert len(rest) == 0
