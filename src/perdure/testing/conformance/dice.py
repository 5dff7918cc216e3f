"""A seeded source of choices among few workers, runs, tokens and the like: few, so that they meet."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from perdure.model.ids import RunId, StepId, WorkerId
from perdure.testing.conformance.sample import row, run_id
from perdure.world import HookFilter, NewChunks, NewRow

T = TypeVar("T")

FLOWS = ("shop:fulfil", "shop:restock", "shop:refund")
WORKERS = tuple(WorkerId(f"wrkr_{number}") for number in range(3))
KEYS = tuple(f"key {number}" for number in range(5))
TOKENS = tuple(f"hash {number}" for number in range(6))
DEPLOYMENTS = ("", "blue", "green")
STREAMS = ("", "log", "Log", "\U0001f600")
RUNS = 12


class Dice(Random):
    """A seed gives the same choices again."""

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def maybe(self, probability: float, choices: Sequence[T]) -> T | None:
        return self.choice(choices) if self.chance(probability) else None

    def number(self) -> int:
        """Of a run."""
        return self.randint(1, RUNS)

    def run(self) -> RunId:
        return run_id(self.number())

    def worker(self) -> WorkerId:
        return self.choice(WORKERS)

    def flows(self) -> tuple[str, ...]:
        return tuple(self.sample(FLOWS, self.randint(1, 3)))

    def deployment(self) -> str:
        return self.choice(DEPLOYMENTS)

    def place(self) -> tuple[int, int]:
        """In a log, or a stream: from where on, and how many."""
        return self.choice((0, 1, 2, 5, 20)), self.choice((0, 1, 3, 100))

    def hook_filter(self) -> HookFilter:
        before = (self.run(), self.randint(0, 9)) if self.chance(0.5) else None
        return HookFilter(limit=self.randint(0, 5), before=before)

    def rows(self) -> list[NewRow]:
        return [row(turn=self.randint(0, 9), payload=self.randbytes(9)) for _ in range(self.choice((0, 1, 1, 2, 3)))]

    def attributes(self) -> dict[str, str | None]:
        """Changes of them."""
        return {"phase": self.choice(("new", "old", None)), "step": self.choice(("1", None))}

    def chunks(self, own: RunId) -> NewChunks:
        """Mostly for a stream of one's own run."""
        return NewChunks(
            run_id=own if self.chance(0.7) else self.run(),
            stream=self.choice(STREAMS),
            data=tuple(self.randbytes(self.randint(0, 5)) for _ in range(self.randint(0, 4))),
            step_id=self.maybe(0.5, (StepId("step_1"), StepId("step_2"))),
            attempt=self.randint(0, 2),
            close=self.chance(0.1),
        )
