"""Choices: the same for a seed, all of them in the end, and few enough to meet."""

from perdure.testing.conformance.dice import RUNS, STREAMS, TOKENS, WORKERS, Dice
from perdure.testing.conformance.sample import run_id


def test_a_seed_gives_the_same_choices() -> None:
    def thrown(seed: int) -> list[object]:
        dice = Dice(seed)
        return [
            each
            for _ in range(20)
            for each in (
                dice.run(),
                dice.flows(),
                dice.place(),
                dice.hook_filter(),
                dice.rows(),
                dice.chunks(run_id(1)),
            )
        ]

    assert thrown(7) == thrown(7)
    assert thrown(7) != thrown(8)


def test_a_chance_is_a_probability() -> None:
    dice = Dice(1)
    assert not any(dice.chance(0) for _ in range(100))
    assert all(dice.chance(1) for _ in range(100))
    assert 300 < sum(dice.chance(0.4) for _ in range(1000)) < 500
    assert {dice.maybe(0.5, "ab") for _ in range(100)} == {"a", "b", None}


def test_all_come_up() -> None:
    dice = Dice(1)
    assert {dice.number() for _ in range(500)} == set(range(1, RUNS + 1))
    assert {dice.worker() for _ in range(500)} == set(WORKERS)
    assert {len(dice.rows()) for _ in range(500)} == {0, 1, 2, 3}
    assert {dice.attributes()["phase"] for _ in range(500)} == {"new", "old", None}
    assert {dice.hook_filter().limit for _ in range(500)} == set(range(6))
    assert len(TOKENS) == len(set(TOKENS))


def test_chunks_are_mostly_for_ones_own_streams() -> None:
    dice = Dice(1)
    chunks = [dice.chunks(run_id(3)) for _ in range(500)]
    own = [new for new in chunks if new.run_id == run_id(3)]
    assert 300 < len(own) < 450
    assert {new.stream for new in chunks} == set(STREAMS)
    assert {new.close for new in chunks} == {True, False}
    assert {len(new.data) for new in chunks} == set(range(5))
    assert None in {new.step_id for new in chunks}
