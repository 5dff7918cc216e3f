"""Fates of calls: by a program, or drawn; the same for the same seed, and none after the storm."""

from perdure.testing.simulation.universe import Universe
from perdure.testing.survival.faults import Dealt, Weather


def dealt(weather: Weather, calls: int = 300, at_us: int = 0) -> Dealt:
    universe = Universe(weather.seed)
    universe.now_us = at_us
    faults = Dealt(universe, weather)
    for _ in range(calls):
        faults.of_call(mortal=True)
        assert faults.of_call(mortal=False) == ""
    return faults


def test_a_program_is_followed() -> None:
    faults = dealt(Weather(program={3: "kill before", 7: "lost"}))
    assert faults.dealt == {3: "kill before", 7: "lost"} and faults.counts == {"kill": 1, "lost": 1}
    assert not faults.happens("hint")


def test_what_is_drawn_is_the_same_again_and_can_be_made_a_program() -> None:
    storm = dealt(Weather(seed=5, heal_ms=1000))
    assert storm.dealt == dealt(Weather(seed=5, heal_ms=1000)).dealt
    assert storm.dealt != dealt(Weather(seed=6, heal_ms=1000)).dealt
    assert {fate.split()[0] for fate in storm.dealt.values()} == {"kill", "pause", "away", "lost", "slow"}
    assert dealt(Weather(seed=5, program=storm.dealt)).dealt == storm.dealt
    assert any(storm.happens("hint") for _ in range(50))


def test_after_the_storm_there_is_peace() -> None:
    calm = dealt(Weather(seed=5, heal_ms=1000), at_us=1_000_000)
    assert calm.dealt == {} and not any(calm.happens("hint") for _ in range(50))


def test_calls_in_words() -> None:
    faults = Dealt(Universe(1), Weather(program={}))
    faults.of_call(mortal=True)
    faults.tell("worker 1, slow at claim", changes=False)
    faults.of_call(mortal=True)
    faults.tell("worker 1, killed after commit", changes=True)
    assert (faults.told, faults.points) == ({1: "worker 1, slow at claim", 2: "worker 1, killed after commit"}, [2])
