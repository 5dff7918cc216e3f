"""What may go wrong in a simulation, how often, until when; and how often it did."""

from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from perdure.testing.simulation.universe import Universe

ON = 0.6
HEAT = (0.5, 1, 1, 2, 4)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Probabilities, for each call of a World unless it says otherwise.

    `kill`: the caller's process dies before or after it. `away`: refused, nothing is written. `lost`: it lands, or lands
    later, and the caller is told that the World is unavailable. `pause`: the process stands still, maybe past its lease.
    `slow`: it takes up to half a second. `full`: a commit finds no space. `stale`: the reading that follows a claim sees
    an older log. `hint`: a hint is lost, late, or comes twice. `fail`: a step's attempt fails. `clock`: at each tenth of
    a second, the store's clock is set back or forward.
    """

    kill: float = 0.0
    away: float = 0.0
    lost: float = 0.0
    pause: float = 0.0
    slow: float = 0.0
    full: float = 0.0
    stale: float = 0.0
    hint: float = 0.0
    fail: float = 0.0
    clock: float = 0.0


NONE = Rates()
ALL = Rates(
    kill=0.01, away=0.04, lost=0.07, pause=0.01, slow=0.1, full=0.01, stale=0.3, hint=0.5, fail=0.12, clock=0.05
)
_OF_CALLS = ("away", "lost", "slow")
_OF_MORTALS = ("kill", "pause")


def drawn(random: Random, most: Rates = ALL) -> Rates:
    """Some kinds of fault, at their rate or a multiple of it; the others not at all."""
    on = {kind: rate * random.choice(HEAT) for kind, rate in vars(most).items() if random.random() < ON}
    return replace(NONE, **on)


class Faults:
    """The faults of one simulation. They end at `heal_us`; `counts` says how many there were, by kind.

    `appointed`: the mortal's n-th call (from 1) and its fate, whatever the rates say. `calls` counts those calls.
    """

    def __init__(
        self, universe: Universe, rates: Rates, heal_us: int, appointed: tuple[int, str] | None = None
    ) -> None:
        self.rates, self.heal_us = rates, heal_us
        self.calls = 0
        self._appointed = appointed
        self.counts: Counter[str] = Counter()
        self._universe = universe
        self._rates = vars(rates)
        self._of_calls = {
            mortal: [(kind, self._rates[kind]) for kind in _OF_CALLS + mortal * _OF_MORTALS if self._rates[kind]]
            for mortal in (False, True)
        }

    @property
    def healed(self) -> bool:
        return self._universe.now_us >= self.heal_us

    def happens(self, kind: str) -> bool:
        """Draw whether this kind of fault happens now."""
        rate = self._rates[kind]
        if rate and not self.healed and self._universe.random.random() < rate:
            self.counts[kind] += 1
            return True
        return False

    def of_call(self, *, mortal: bool) -> str:
        """What happens to a call; empty: nothing. Only mortal callers are killed or paused."""
        self.calls += mortal
        if mortal and self._appointed is not None and self._appointed[0] == self.calls:
            self.counts["kill"] += 1
            return self._appointed[1]
        if self.healed:
            return ""
        chance = self._universe.random.random()
        for kind, rate in self._of_calls[mortal]:
            chance -= rate
            if chance < 0:
                self.counts[kind] += 1
                return kind
        return ""
