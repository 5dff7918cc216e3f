"""A process of a user's simulation: every call of the store, and every effect of a step, is a moment at which it may die."""

from collections.abc import Awaitable, Sequence
from typing import Any

from perdure.engine.registry import Registry
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.process import Process, Surroundings
from perdure.testing.survival.faults import Dealt
from perdure.world import Append, Operation, Outcome


class RehearsedProcess(Process):
    """`about`: what its next commit is about, in words."""

    def __init__(self, around: Surroundings, name: str, registry: Registry, *, works: bool, skew_ms: int = 0) -> None:
        super().__init__(around, name, registry, works=works, skew_ms=skew_ms)
        self.about = ""
        commit = self.world.commit

        def noted(operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
            self.about = _about(operations)
            return commit(operations)

        self.world.commit = noted

    def fate_of(self, call: str) -> str:
        fate = super().fate_of(call)
        writes = call == "commit" and bool(self.about)
        self._tell(f"commit of {self.about}" if writes else call, fate, changes=writes)
        return fate

    def act(self, what: str) -> bool:
        """Whether it lives on after that. Raises: Died."""
        if self.loop.dead:
            raise Died
        fate = self.around.faults.of_call(mortal=self.works)
        fate = fate if fate.startswith("kill") else ""
        self._tell(f"the effect {what!r}", fate, changes=True)
        if fate == "kill before":
            self.end()
        return fate != "kill after"

    def end(self) -> None:
        self.die()
        raise Died

    def _tell(self, what: str, fate: str, *, changes: bool) -> None:
        faults: Any = self.around.faults
        assert isinstance(faults, Dealt)
        if self.works:
            faults.tell(f"{self.name}, {_IN_WORDS.get(fate, fate)} {what}", changes=changes)


_IN_WORDS = {
    "kill before": "killed before",
    "kill after": "killed after",
    "away": "told that the store is away, at",
    "lost": "told that the store is away, though it did, at",
    "pause": "frozen at",
    "slow": "slow at",
}


def _about(operations: Sequence[Operation]) -> str:
    """The events that are written."""
    types = [row.type for operation in operations if isinstance(operation, Append) for row in operation.rows]
    return ", ".join(types)
