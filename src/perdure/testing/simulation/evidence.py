"""What a simulation leaves behind for the checker: the store's rows, the ledger, and what clients were told."""

from collections import Counter
from dataclasses import dataclass

from perdure.model.ids import RunId
from perdure.testing.simulation.client import Story
from perdure.testing.simulation.ledger import Effect, Written
from perdure.testing.simulation.program import Suite
from perdure.testing.simulation.store import Watched
from perdure.world import Letter, Log, StreamPage


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Moments in ms by the store's clock. `calm_ms`: when the last fault, death or deploy was over.

    `skew_ms`: how far any process's clock was off, at most; `late_ms`: and the store's forward steps with it, which
    timers don't see; `back_ms`: its steps back. `mischief`: exceptions that nobody handled, and spinning. `version`:
    the code that was deployed last; `versions`: the code of each deployment, as logs name it. `calls`: how many workers
    made. `trace`: a digest of everything that happened.
    """

    suite: Suite
    logs: dict[RunId, Log]
    mail: dict[RunId, tuple[Letter, ...]]
    watched: Watched
    streams: dict[RunId, dict[str, StreamPage]]
    effects: list[Effect]
    written: list[Written]
    stories: list[Story]
    calm_ms: int
    ended_ms: int
    late_ms: int
    back_ms: int
    skew_ms: int
    version: int
    versions: dict[str, int]
    mischief: list[str]
    counts: Counter[str]
    calls: int
    trace: str


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, and by which run (or none)."""

    rule: str
    run_id: RunId | None
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}" + (f" ({self.run_id})" if self.run_id else "")
