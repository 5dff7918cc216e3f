"""Virtual time: events in order, ties by the seed, no waiting, no spinning."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.testing.simulation import universe as module
from perdure.testing.simulation.universe import Spinning, Universe

SECOND_US = 1_000_000


class Somewhere:
    """A place that notes what arrives, and when."""

    def __init__(self, universe: Universe) -> None:
        self.arrived: list[tuple[int, Any]] = []
        self._universe = universe

    def arrive(self, handle: Any) -> None:
        self.arrived.append((self._universe.now_us, handle))


def noting(universe: Universe, moments: list[int]) -> Callable[[], None]:
    return lambda: moments.append(universe.now_us)


def test_time_jumps_from_event_to_event() -> None:
    universe, moments = Universe(0), list[int]()
    for delay_ms in (1500, 0, 0.25):
        universe.after_ms(delay_ms, noting(universe, moments))
    universe.run(2 * SECOND_US)
    assert moments == [0, 250, 1_500_000]


def test_an_event_may_make_others() -> None:
    universe, moments = Universe(0), list[int]()

    def again() -> None:
        moments.append(universe.now_us)
        universe.after_ms(1000, again)

    again()
    universe.run(3 * SECOND_US)
    assert moments == [0, SECOND_US, 2 * SECOND_US, 3 * SECOND_US]  # until then, that moment included


def test_what_lies_behind_the_end_stays_for_the_next_time() -> None:
    universe, moments = Universe(0), list[int]()
    universe.after_ms(1000, noting(universe, moments))
    universe.run(SECOND_US - 1)
    assert moments == []
    universe.run(SECOND_US)
    assert moments == [SECOND_US]


def test_nothing_happens_in_the_past() -> None:
    universe, moments = Universe(0), list[int]()
    universe.after_ms(5, lambda: universe.at_us(1, None, noting(universe, moments)))
    universe.run(SECOND_US)
    assert moments == [5_000]


def test_whoever_says_so_stops_it() -> None:
    universe, moments = Universe(0), list[int]()
    universe.after_ms(1, lambda: setattr(universe, "stopped", True))
    universe.after_ms(2, noting(universe, moments))
    universe.run(SECOND_US)
    assert (moments, universe.now_us) == ([], 1_000)


def tied(seed: int) -> list[int]:
    universe, order = Universe(seed), list[int]()
    for number in range(8):
        universe.after_ms(1, lambda number=number: order.append(number))
    universe.run(SECOND_US)
    return order


def test_ties_fall_as_the_seed_says() -> None:
    assert sorted(tied(1)) == [*range(8)]
    assert tied(1) == tied(1)
    assert len({tuple(tied(seed)) for seed in range(20)}) > 10


def test_chance_is_the_seeds_too() -> None:
    assert Universe(7).random.random() == Universe(7).random.random() != Universe(8).random.random()


def test_a_handle_arrives_at_its_place() -> None:
    universe = Universe(0)
    place, one = Somewhere(universe), SimpleNamespace(_cancelled=False)
    universe.at_us(700, place, one)
    universe.run(SECOND_US)
    assert place.arrived == [(700, one)]


def test_a_cancelled_handle_does_not() -> None:
    universe = Universe(0)
    place, one = Somewhere(universe), SimpleNamespace(_cancelled=False)
    universe.at_us(700, place, one)
    one._cancelled = True
    universe.run(SECOND_US)
    assert place.arrived == []


def test_somebody_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_MAX", 10)
    universe = Universe(0)

    def spin() -> None:
        universe.after_ms(0, spin)

    universe.after_ms(3, spin)
    with pytest.raises(Spinning, match=r"^11 events at 3000 us, the last is <function "):
        universe.run(SECOND_US)


def test_many_events_are_no_spinning_where_time_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_MAX", 10)
    universe, moments = Universe(0), list[int]()
    for number in range(100):
        universe.after_ms(number // 10, noting(universe, moments))
    universe.run(SECOND_US)
    assert len(moments) == 100
