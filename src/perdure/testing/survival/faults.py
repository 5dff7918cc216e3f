"""Which fault a process meets at which of its calls: drawn by a seed, or a program of them, to be had again and shortened."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from perdure.testing.simulation.faults import NONE, Faults, Rates
from perdure.testing.simulation.universe import Universe

STORM = Rates(kill=0.02, away=0.03, lost=0.06, pause=0.01, slow=0.08, stale=0.2, hint=0.4)
SIDES = ("kill before", "kill after")


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How a simulation goes. `seed` of everything that isn't a fault: order, delays. `program`: fates by number of call;
    None: drawn, until `heal_ms`. `twice`: every step's body runs twice. `slow`: steps take so long that
    their starts are recorded before their bodies act. `windy`: payloads and steps are delayed, clocks are
    off, payloads come twice."""

    seed: int = 0
    program: Mapping[int, str] | None = None
    heal_ms: int = 0
    workers: int = 1
    twice: bool = False
    slow: bool = False
    windy: bool = False


class Dealt(Faults):
    """`dealt`: the fates that calls have had, `told`: those calls in words; `points`: calls that change something;
    `doubled`: what else happened that could matter, in words."""

    def __init__(self, universe: Universe, weather: Weather) -> None:
        super().__init__(universe, STORM if weather.program is None else NONE, weather.heal_ms * 1000)
        self.calls: int = 0
        self._program = weather.program
        self._random = Random(f"faults {weather.seed}")  # of its own: a fault less must not move what isn't one
        self.dealt: dict[int, str] = {}
        self.told: dict[int, str] = {}
        self.points: list[int] = []
        self.doubled: list[str] = []

    def of_call(self, *, mortal: bool) -> str:
        if not mortal:
            return ""
        self.calls += 1
        fate = self._drawn() if self._program is None else self._program.get(self.calls, "")
        if fate:
            self.dealt[self.calls] = fate
            self.counts[fate.split()[0]] += 1
        return fate

    def happens(self, kind: str) -> bool:
        rate = vars(self.rates)[kind]
        return bool(rate) and not self.healed and self._random.random() < rate

    def _drawn(self) -> str:
        chance, side = self._random.random(), self._random.choice(SIDES)
        if self.healed:
            return ""
        for kind in ("kill", "pause", "away", "lost", "slow"):
            chance -= vars(self.rates)[kind]
            if chance < 0:
                return side if kind == "kill" else kind
        return ""

    def tell(self, words: str, *, changes: bool) -> None:
        """What the last call was."""
        self.told[self.calls] = words
        if changes:
            self.points.append(self.calls)
