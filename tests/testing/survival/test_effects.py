"""The ledger: what is counted, and that it is a moment at which a process may die."""

import pytest

from perdure.testing import Effects
from perdure.testing.simulation.loop import Died, ProcessLoop
from perdure.testing.simulation.universe import Universe


def test_outside_of_simulations_it_counts() -> None:
    effects = Effects()
    assert effects.note("mailed") and effects.note("mailed")
    assert effects.note("paid", key="k") and not effects.note("paid", key="k") and effects.note("paid", key="l")
    assert effects.counts == {"mailed": 2, "paid": 2}


@pytest.mark.parametrize(("lives", "counted"), [(True, 1), (False, 1), (None, 0)])
def test_in_a_process_it_may_be_the_last_thing(lives: bool | None, counted: int) -> None:
    class Process:
        def act(self, what: str) -> bool:
            if lives is None:
                raise Died
            return lives

        def end(self) -> None:
            raise Died

    universe, effects = Universe(1), Effects()
    loop = ProcessLoop(universe, Process())

    async def step() -> str:
        effects.note("paid")
        return "lives"

    task = loop.create_task(step())
    universe.run(1)
    assert effects.counts["paid"] == counted
    assert (task.exception() is None) is (lives is True)
