"""Faults that the command line can plant: one that shows at once, and one that isn't there."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from perdure.testing.simulation.faults import NONE
from perdure.testing.simulation.simulation import Plan
from perdure.worlds.memory import commit
from tests.testing.simulation.suite.programs import PAIR, SUITE

PLAN = Plan(suite=SUITE, programs=(PAIR,), each=True, rates=NONE, workers=1, quiet=True, restarts=0)
_honest: Any = commit._row


def _backwards(seq: int, epoch: int, at_ms: int, *row: Any) -> Any:
    return _honest(seq, epoch, at_ms - 10_000 * seq, *row)


@dataclass(frozen=True)
class Planted:
    rule: str
    what: str
    apply: Callable[[], AbstractContextManager[object]]
    plan: Plan = PLAN


PLANTED = (
    Planted("S1", "nothing is taken out", nullcontext),
    Planted("L6", "time goes backwards in a log", lambda: patch.object(commit, "_row", _backwards)),
)
