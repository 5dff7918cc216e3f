"""The escrow where everything goes wrong that can; and with a bug planted, which is found."""

from collections.abc import Callable
from typing import Any

import pytest

from examples.escrow.workflows import Deal, Shipped, Verdict, escrow, give_back, hold, pay_out
from perdure import get_step_metadata
from perdure.testing import Broken, Effects, simulate
from tests.examples.storms import storms

DEAL = Deal("d-1", buyer="ann", seller="bob", cents=500)
SHIPPED = {"escrow-shipped:*": Shipped("t-1")}


def bank(effects: Effects, *, keys: bool = True) -> dict[Any, Callable[..., Any]]:
    def moves(what: str) -> Callable[[Deal], None]:
        def move(deal: Deal) -> None:
            effects.note(what, key=get_step_metadata().step_id if keys else None)

        return move

    return {hold: moves("hold"), pay_out: moves("pay"), give_back: moves("give back")}


@pytest.mark.parametrize(
    ("payloads", "end", "moved"),
    [
        ({}, '"never shipped"', {"hold": 1, "give back": 1}),
        (SHIPPED, '"paid"', {"hold": 1, "pay": 1}),
        (SHIPPED | {"escrow-verdict:*": Verdict("disputed")}, '"disputed"', {"hold": 1, "give back": 1}),
    ],
    ids=["timeout", "silence", "objection"],
)
def test_it_comes_to_the_same_whatever_happens(payloads: dict[str, Any], end: str, moved: dict[str, int]) -> None:
    survived = simulate(escrow, DEAL, steps=bank, payloads=payloads, seeds=storms(3))
    assert (survived.outcome.end, survived.outcome.effects) == (f"the result {end}", moved)


def test_a_bank_without_keys_is_found() -> None:
    with pytest.raises(Broken, match="found hold 2 times"):
        simulate(escrow, DEAL, steps=lambda effects: bank(effects, keys=False), payloads=SHIPPED)
