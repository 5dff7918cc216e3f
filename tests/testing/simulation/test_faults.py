"""What may go wrong: drawn by the seed, at its rate, until faults heal, and counted."""

from random import Random
from typing import Any

import pytest

from perdure.testing.simulation.faults import ALL, HEAT, NONE, Faults, Rates, drawn
from perdure.testing.simulation.universe import Universe

HEAL_US = 1_000


def faults(rates: Rates, appointed: tuple[int, str] | None = None, seed: int = 0) -> tuple[Universe, Faults]:
    universe = Universe(seed)
    return universe, Faults(universe, rates, HEAL_US, appointed)


# -- rates


def test_some_kinds_are_drawn_at_a_multiple_of_their_rate() -> None:
    seen: set[tuple[str, float]] = set()
    for seed in range(300):
        for kind, rate in vars(drawn(Random(seed))).items():
            seen.add((kind, round(rate / getattr(ALL, kind), 6)))
    assert seen == {(kind, factor) for kind in vars(ALL) for factor in (0.0, *HEAT)}


def test_what_is_not_among_the_most_is_not_drawn() -> None:
    for seed in range(30):
        rates = drawn(Random(seed), Rates(kill=0.01))
        assert {kind for kind, rate in vars(rates).items() if rate} <= {"kill"}


def test_a_seed_draws_the_same() -> None:
    assert drawn(Random(3)) == drawn(Random(3)) != drawn(Random(4))


# -- what happens


@pytest.mark.parametrize("kind", ["full", "stale", "hint", "fail", "clock", "kill"])
def test_it_happens_at_its_rate_and_is_counted(kind: str) -> None:
    _, often = faults(Rates(**{kind: 0.25}))
    happened = sum(often.happens(kind) for _ in range(2000))
    assert 400 < happened < 600
    assert often.counts == {kind: happened}


def test_what_has_no_rate_draws_nothing() -> None:
    universe, none = faults(NONE)
    before = universe.random.getstate()
    assert not none.happens("hint")
    assert universe.random.getstate() == before


def test_faults_heal() -> None:
    universe, always = faults(Rates(hint=1.0, lost=1.0))
    assert (always.healed, always.happens("hint"), always.of_call(mortal=False)) == (False, True, "lost")
    universe.after_ms(HEAL_US / 1000, lambda: None)
    universe.run(HEAL_US)
    assert (always.healed, always.happens("hint"), always.of_call(mortal=False)) == (True, False, "")
    assert always.counts == {"hint": 1, "lost": 1}


# -- what happens to calls


@pytest.mark.parametrize("kind", ["away", "lost", "slow"])
@pytest.mark.parametrize("mortal", [True, False])
def test_anybodys_call(kind: str, mortal: bool) -> None:
    _, always = faults(Rates(**{kind: 1.0}))
    assert always.of_call(mortal=mortal) == kind
    assert always.counts == {kind: 1}


@pytest.mark.parametrize("kind", ["kill", "pause"])
def test_only_mortals_are_killed_or_paused(kind: str) -> None:
    _, always = faults(Rates(**{kind: 1.0}))
    assert always.of_call(mortal=True) == kind
    assert always.of_call(mortal=False) == ""
    assert always.counts == {kind: 1}


@pytest.mark.parametrize("kind", ["full", "stale", "hint", "fail", "clock"])
def test_other_kinds_do_not_happen_to_calls(kind: str) -> None:
    _, always = faults(Rates(**{kind: 1.0}))
    assert always.of_call(mortal=True) == ""


def test_each_kind_has_its_own_share_of_the_calls() -> None:
    _, mixed = faults(Rates(away=0.1, lost=0.2, slow=0.3, kill=0.1, pause=0.1))
    fates = [mixed.of_call(mortal=True) for _ in range(5000)]
    shares = {kind: round(fates.count(kind) / len(fates), 1) for kind in set(fates)}
    assert shares == {"": 0.2, "away": 0.1, "lost": 0.2, "slow": 0.3, "kill": 0.1, "pause": 0.1}
    assert mixed.counts == {kind: fates.count(kind) for kind in set(fates) if kind}


# -- appointed


def fates(of: Faults, *mortal: bool) -> list[str]:
    return [of.of_call(mortal=who) for who in mortal]


def test_the_mortals_nth_call_meets_its_fate() -> None:
    _, appointed = faults(NONE, appointed=(2, "kill after"))
    assert fates(appointed, True, False, True, False, True) == ["", "", "kill after", "", ""]
    assert (appointed.calls, appointed.counts) == (3, {"kill": 1})


def test_it_does_so_whatever_the_rates_say() -> None:
    universe, appointed = faults(Rates(lost=1.0), appointed=(1, "kill before"))
    assert fates(appointed, False, True, True) == ["lost", "kill before", "lost"]
    universe, appointed = faults(NONE, appointed=(1, "kill before"))
    universe.after_ms(HEAL_US, lambda: None)
    universe.run(HEAL_US * 1000)
    assert appointed.healed
    assert fates(appointed, True) == ["kill before"]


def test_calls_of_mortals_are_counted() -> None:
    counted: Any = faults(NONE)[1]
    fates(counted, True, True, False)
    assert counted.calls == 2
