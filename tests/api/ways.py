"""One scenario in four ways: in one go; turn by turn, the run leaving memory after each; with commits that take their
time, in many orders; and with the death of its worker at each of its appends. In virtual time, with the api's verbs."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import perdure.engine.rest
from perdure import HookInfo, HookNotFound, Run, get_hook
from perdure.api.connect import CONNECTION
from tests.engine.mortal import Mortal
from tests.engine.stage import Stage

Act = Callable[[], Coroutine[Any, Any, Any]]
SEEDS = 8
APPENDS_MAX = 60
LOOK_S = 0.01


@dataclass(frozen=True, kw_only=True)
class Way:
    """How it is done. `dies_at`: the worker's append that is its last, which lands or not."""

    name: str
    seed: int = 1
    slow_s: float = 0.0
    turn_by_turn: bool = False
    dies_at: int | None = None
    lands: bool = True


def in_every_way(act: Act, *parts: Any, gives: Any, before: Callable[[], object] = lambda: None) -> None:
    """`act` plays somebody outside; what it returns is `gives`, whichever way it goes. `before` each try: clean up."""
    ways = [Way(name="in one go"), Way(name="turn by turn", turn_by_turn=True)]
    ways += [Way(name=f"seed {seed}", seed=seed, slow_s=0.001 * seed) for seed in range(2, 2 + SEEDS)]
    for way in ways:
        before()
        given, _ = once(act, *parts, way=way)
        assert given == gives, way.name
    for lands in (False, True):
        for number in range(APPENDS_MAX):
            before()
            way = Way(name=f"death at append {number}, {'landed' if lands else 'lost'}", dies_at=number, lands=lands)
            given, died = once(act, *parts, way=way)
            assert given == gives, way.name
            if not died:
                assert number > 0, "a worker must die in one of them"
                break
        else:
            raise AssertionError(f"more than {APPENDS_MAX} appends")


def once(act: Act, *parts: Any, way: Way | None = None) -> tuple[Any, bool]:
    """What it returned, and whether a worker has died."""
    way = way or Way(name="in one go")
    with pytest.MonkeyPatch.context() as patch:
        if way.turn_by_turn:
            patch.setattr(perdure.engine.rest, "IDLE_S", 0.0)
            patch.setattr(perdure.engine.rest, "EVERY_S", 0.001)
        stage = Stage(way.seed)
        mortal: list[Mortal] = []

        async def scene() -> Any:
            world = Mortal(stage.world, slow_s=way.slow_s, dies_at=way.dies_at, lands=way.lands)
            mortal.append(world)
            worker = (await stage.working(*parts, world=world)).worker  # type: ignore[arg-type]
            assert worker is not None
            successor = asyncio.create_task(_succeeds(stage, world, worker.worker_id, parts))
            with _outside(stage, parts):
                given = await act()
            successor.cancel()
            return given

        return stage.play(scene), mortal[0].died.is_set()


async def _succeeds(stage: Stage, world: Mortal, dead: Any, parts: Any) -> None:
    await world.died.wait()
    await stage.world.retire(dead, died=True)
    await stage.working(*parts)


@contextmanager
def _outside(stage: Stage, parts: Any) -> Iterator[None]:
    """The api's verbs are somebody's who only starts and looks."""
    engine, loop, work = stage.engine(*parts), stage.loop, CONNECTION.work
    CONNECTION.engines[loop] = (engine, asyncio.create_task(asyncio.sleep(0)))
    CONNECTION.work = False
    try:
        yield
    finally:
        del CONNECTION.engines[loop]
        CONNECTION.work = work


async def open_hook(token: str) -> HookInfo:
    """The hook with this token, once it takes payloads."""
    while True:
        try:
            return await get_hook(token)
        except HookNotFound:
            await asyncio.sleep(LOOK_S)


async def hooks_of(run: Run[Any], count: int = 1) -> list[HookInfo]:
    """The run's hooks, once it has asked for so many."""
    while len(found := [hook async for hook in run.hooks()]) < count:
        await asyncio.sleep(LOOK_S)
    return found


async def received(run: Run[Any], count: int) -> None:
    """Wait until so many payloads are in the run's log."""
    while [event.type async for event in run.events()].count("hook_received") < count:
        await asyncio.sleep(LOOK_S)
