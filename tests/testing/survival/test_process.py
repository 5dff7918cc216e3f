"""A process that may die at each call, and at each effect of its steps."""

import pytest

from perdure.engine.registry import Registry
from perdure.testing.simulation.ledger import Ledger
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.process import Surroundings
from perdure.testing.simulation.store import Store
from perdure.testing.simulation.universe import Universe
from perdure.testing.survival.faults import Dealt, Weather
from perdure.testing.survival.process import RehearsedProcess


def process(program: dict[int, str], *, works: bool = True) -> tuple[RehearsedProcess, Dealt]:
    universe = Universe(1)
    store, faults = Store(universe), Dealt(universe, Weather(program=program))
    around = Surroundings(universe=universe, store=store, faults=faults, ledger=Ledger(store), trace=lambda _: None)
    return RehearsedProcess(around, "worker 1", Registry(), works=works), faults


def test_its_calls_are_numbered_and_told() -> None:
    one, faults = process({1: "lost"})
    one.about = "step_completed"
    assert [one.fate_of(call) for call in ("commit", "claim")] == ["lost", ""]
    assert faults.told[1] == "worker 1, told that the store is away, though it did, at commit of step_completed"
    assert faults.points == [1]
    other, faults = process({1: "lost"}, works=False)
    assert (other.fate_of("commit"), faults.told) == ("", {})


@pytest.mark.parametrize(("fate", "lives"), [("", True), ("kill after", False), ("lost", True)])
def test_an_effect_is_a_moment_too(fate: str, lives: bool) -> None:
    one, faults = process({1: fate} if fate else {})
    assert one.act("paid") is lives
    assert faults.points == [1] and faults.told[1].endswith("the effect 'paid'")


def test_one_that_dies_before_it_does_nothing_more() -> None:
    one, _ = process({1: "kill before"})
    with pytest.raises(Died):
        one.act("paid")
    assert one.loop.dead
    with pytest.raises(Died):
        one.act("paid")
