"""What a simulation leaves behind for the checker: the store's rows, the ledger, and what clients were told."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from perdure.model.ids import RunId
from perdure.testing.simulation.checker.row import Row, RunLog
from perdure.testing.simulation.client import Story
from perdure.testing.simulation.ledger import Effect, Written
from perdure.testing.simulation.program import Suite
from perdure.testing.simulation.store import Booked, Watched
from perdure.world import Letter, Log, StreamPage


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Moments in ms by the store's clock. `calm_ms`: when the last fault, death or deploy was over.

    `skew_ms`: how far any process's clock was off, at most; `late_ms`: and the store's forward steps with it, which
    timers don't see; `back_ms`: its steps back; `slow_ms`: how late a busy machine may be by itself. `mischief`:
    exceptions that nobody handled, and spinning. `version`: the code that was deployed last; `versions`: the code of
    each deployment, as logs name it. `calls`: how many workers made. `trace`: a digest of everything that happened.
    """

    suite: Suite
    logs: dict[RunId, Log]
    mail: dict[RunId, tuple[Letter, ...]]
    watched: Watched
    streams: dict[RunId, dict[str, StreamPage]]
    effects: list[Effect]
    written: list[Written]
    booked: list[Booked] = field(default_factory=list[Booked])
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
    slow_ms: int = 0

    # -- the same, as the checker asks for it

    @cached_property
    def runs(self) -> dict[RunId, RunLog]:
        """Every log, read once."""
        return {run_id: RunLog(log) for run_id, log in self.logs.items()}

    @cached_property
    def effects_of(self) -> Mapping[RunId, Sequence[Effect]]:
        """The effects by the run whose step had them."""
        found: defaultdict[RunId, list[Effect]] = defaultdict(list)
        for effect in self.effects:
            found[effect.run_id].append(effect)
        return found

    @cached_property
    def written_to(self) -> Mapping[RunId, Sequence[Written]]:
        """What steps wrote, by the run whose stream it is."""
        found: defaultdict[RunId, list[Written]] = defaultdict(list)
        for written in self.written:
            found[written.run_id].append(written)
        return found

    @cached_property
    def said_to(self) -> Mapping[tuple[RunId, str], Mapping[RunId, Sequence[Row]]]:
        """What bodies wrote to a stream, and that they closed it, by the run whose body it was."""
        found: defaultdict[tuple[RunId, str], defaultdict[RunId, list[Row]]]
        found = defaultdict(lambda: defaultdict(list))
        for run_id, log in self.runs.items():
            for row in log.of("stream_written", "stream_closed"):
                stream = RunId(row.fact.get("run_id") or run_id), row.fact.get("stream", "")
                found[stream][run_id].append(row)
        return found


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, and by which run (or none)."""

    rule: str
    run_id: RunId | None
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}" + (f" ({self.run_id})" if self.run_id else "")
