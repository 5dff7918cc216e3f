"""What the steps of programs stand on: a process of a simulation, or a real one. They write what they do to its ledger."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Protocol

from perdure.model.ids import RunId
from perdure.replay.scope import Attempt
from perdure.testing.simulation.ledger import Written


class Stage(Protocol):
    """The process that runs a step."""

    @property
    def random(self) -> Random: ...

    def begin(self, attempt: Attempt, told: tuple[str, ...]) -> int:
        """Write that this attempt's body begins; how often the step has begun by now. `told`: the ids of runs, and
        tokens, that it was given."""
        ...

    def fails(self) -> bool:
        """Whether an attempt is to fail now."""
        ...

    def crash(self) -> None:
        """Kill this process."""
        ...

    def chunk_name(self) -> str:
        """What no other chunk is called."""
        ...

    def write(self, attempt: Attempt, run_id: RunId, stream: str, data: bytes | None, *, kept: bool) -> Written:
        """Write that a chunk (None: the end) is being written to a stream; `kept` for the step's completion."""
        ...

    def unwrite(self, written: Written) -> None:
        """It was refused."""
        ...

    def drained(self, written: Sequence[Written]) -> None:
        """Write that the store has these."""
        ...


_real: list[Stage] = []


def enter(stage: Stage) -> None:
    """From now on, what isn't a process of a simulation is this real one."""
    _real[:] = [stage]


def current_stage() -> Stage:
    """The process that runs this code, on its loop or in a thread."""
    try:
        owner = getattr(asyncio.get_running_loop(), "owner", None)
    except RuntimeError:
        owner = None
    if owner is None:
        assert _real, "only code of a simulation, or of a real process's stage, has one"
        return _real[0]
    return owner.stage
