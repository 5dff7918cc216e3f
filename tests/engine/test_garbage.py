"""While a worker lives in a process, Python looks for garbage less often, and afterwards as before."""

import gc
from collections.abc import Iterator

import pytest

from perdure.engine.garbage import Seldom
from tests.engine.stage import Stage

AS_IT_COMES, RARER = (700, 10, 10), (10_000, 10, 10)


@pytest.fixture(autouse=True)
def as_it_comes() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*AS_IT_COMES)
    yield
    gc.enable()
    gc.set_threshold(*before)


class Somebody:
    """A worker, as far as this goes."""


def test_from_the_first_worker_to_the_last() -> None:
    seldom, first, second = Seldom(), Somebody(), Somebody()
    seldom.begin(first)
    assert gc.get_threshold() == RARER
    seldom.begin(second)
    seldom.end(first)
    seldom.end(first)
    assert gc.get_threshold() == RARER
    seldom.end(second)
    assert gc.get_threshold() == AS_IT_COMES


def test_a_worker_that_was_forgotten_holds_nothing_up() -> None:
    seldom, worker = Seldom(), Somebody()
    seldom.begin(Somebody())
    gc.collect()
    seldom.begin(worker)
    seldom.end(worker)
    assert gc.get_threshold() == AS_IT_COMES


@pytest.mark.parametrize("theirs", [(0, 10, 10), (50_000, 5, 5)])
def test_a_rarer_one_is_left(theirs: tuple[int, int, int]) -> None:
    seldom, worker = Seldom(), Somebody()
    gc.set_threshold(*theirs)
    seldom.begin(worker)
    assert gc.get_threshold() == theirs
    seldom.end(worker)
    assert gc.get_threshold() == theirs


def test_one_that_is_off_stays_as_it_is() -> None:
    seldom, worker = Seldom(), Somebody()
    gc.disable()
    seldom.begin(worker)
    assert gc.get_threshold() == AS_IT_COMES and not gc.isenabled()


def test_one_that_was_set_meanwhile_stays() -> None:
    seldom, worker = Seldom(), Somebody()
    seldom.begin(worker)
    gc.set_threshold(3000, 10, 10)
    seldom.end(worker)
    assert gc.get_threshold() == (3000, 10, 10)


def test_a_worker_does_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.engine.worker.SELDOM", Seldom())
    stage, seen = Stage(), list[tuple[int, int, int]]()

    async def scene() -> None:
        engine = await stage.working()
        seen.append(gc.get_threshold())
        await engine.close()

    stage.play(scene)
    assert seen == [RARER]
    assert gc.get_threshold() == AS_IT_COMES
