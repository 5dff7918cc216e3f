"""Many simulations: seed after seed, or with a death at every single call; and the scorecard that sums them up."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from perdure.testing.simulation.checker.check import MISCHIEF, check
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.faults import NONE
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.simulation import Plan, simulate

Patching = Callable[[], AbstractContextManager[object]]
SHOWN = (("kill", "kills"), ("pause", "pauses"), ("lost", "ambiguous calls"), ("away", "refused calls"))


@dataclass
class Scorecard:
    """`failing`: the first rule that was broken, else an unhandled error, by seed or by the name of a simulation."""

    tried: int = 0
    runs: int = 0
    calls: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])
    failing: dict[str, Violation] = field(default_factory=dict[str, Violation])

    def add(self, name: str, evidence: Evidence, violations: list[Violation]) -> None:
        """One simulation more."""
        self.tried += 1
        self.runs += len(evidence.logs)
        self.calls += evidence.calls
        self.counts += evidence.counts
        if violations:
            self.failing[name] = next((found for found in violations if found.rule != MISCHIEF), violations[0])

    def __str__(self) -> str:
        lines = [f"{self.tried:>9,}  simulations", f"{self.runs:>9,}  runs", f"{self.calls:>9,}  calls of workers"]
        lines += [f"{self.counts[kind]:>9,}  {name}" for kind, name in SHOWN]
        lines.append(f"{len(self.failing):>9,}  with violations")
        lines += [f"           {name}: {violation}" for name, violation in self.failing.items()]
        return "\n".join(lines)


def campaign(plan: Plan, seeds: Iterable[int], planted: Patching = nullcontext) -> Iterator[tuple[int, Scorecard]]:
    """Simulate seed after seed; the same scorecard, after each. The checker looks when what is planted is out again."""
    card = Scorecard()
    for seed in seeds:
        with planted():
            evidence = simulate(plan, seed)
        card.add(f"seed {seed}", evidence, check(evidence))
        yield seed, card


def first_caught(plan: Plan, seeds: Iterable[int], planted: Patching) -> tuple[int, Violation] | None:
    """The first of these seeds in which the planted fault breaks a rule, and which: an unhandled error isn't enough."""
    for seed, card in campaign(plan, seeds, planted):
        found = card.failing.get(f"seed {seed}")
        if found is not None and found.rule != MISCHIEF:
            return seed, found
    return None


def crash_everywhere(suite: Suite, program: Program, every: int = 1) -> Scorecard:
    """Kill the only worker before and after each of its calls, in a simulation of its own, and start another.

    `every`: only every so many calls, and the last. Beyond the rules, a steady program must come to the same end as without.
    """
    plan = Plan(
        suite=suite, programs=(program,), each=True, rates=NONE, workers=1, quiet=True, skewed=False, restarts=0
    )
    card = Scorecard()
    evidence = simulate(plan, 0)
    card.add(f"{program.name}, unharmed", evidence, check(evidence))
    for call in sorted({*range(1, evidence.calls + 1, every), evidence.calls}):
        for side in ("kill before", "kill after"):
            evidence = simulate(replace(plan, appointed=(call, side), reboot_ms=(20, 200)), 0)
            card.add(f"{program.name}, {side} call {call}", evidence, check(evidence, prefixes=False))
    return card
