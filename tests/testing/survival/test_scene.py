"""What is tried: its input, and what stands in for its steps."""

from typing import Any

import pytest

from perdure import UsageError
from perdure.errors import ArgumentsInvalid
from perdure.testing import Effects
from perdure.testing.survival.scene import Scene
from tests.testing.kit.refunds import nap, refund, refund_payment


def test_the_input_is_by_name() -> None:
    assert Scene(workflow=nap, arguments=("7d",)).input() == b'{"duration":"7d"}'
    assert Scene(workflow=nap, arguments=()).name == "lab:nap"
    with pytest.raises(ArgumentsInvalid):
        Scene(workflow=nap, arguments=(1, 2)).input()


def test_fakes_may_be_made_for_each_simulation_anew() -> None:
    def make(effects: Effects) -> dict[Any, Any]:
        return {refund_payment: lambda order: effects}

    scene, effects = Scene(workflow=refund, arguments=("o",), steps=make), Effects()
    assert scene.fakes(effects)["lab:refund_payment"]("o") is effects
    assert Scene(workflow=refund, arguments=("o",), steps={refund_payment: print}).fakes(effects) == {
        "lab:refund_payment": print
    }
    with pytest.raises(UsageError, match="give functions that @step decorates"):
        Scene(workflow=refund, arguments=("o",), steps={"lab:refund_payment": print}).fakes(effects)
