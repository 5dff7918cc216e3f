"""The evidence of a real store: rows through the World's own port, the ledger, the witness, and what clients were told.

Moments of different processes aren't compared where epochs tell the same: an owner has in its log whatever was recorded
in an epoch before its own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perdure.model.ids import RunId, StepId, WorkerId, is_run_id, step_id
from perdure.testing.history.ledger import Begun, LedgerFile
from perdure.testing.history.witness import Witnessed
from perdure.testing.simulation.checker.row import Row, RunLog
from perdure.testing.simulation.client import Story
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.ledger import Effect
from perdure.testing.simulation.program import Suite
from perdure.world import Log, RunFilter, StreamPage, World

PAGE = 500
THAW_MS = 100
"""What a frozen process was about to begin when it was stopped, it begins when it goes on."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known beside the store. `frozen`: when each worker was stopped, and when it went on.

    `calm_ms`: when the last fault was over, and every dead worker's lease; the rest as in `Evidence`.
    """

    suite: Suite
    stories: list[Story]
    calm_ms: int = 0
    skew_ms: int = 0
    slow_ms: int = 0
    mischief: list[str] = field(default_factory=list[str])
    frozen: Mapping[WorkerId, Sequence[tuple[int, int]]] = field(default_factory=dict[WorkerId, list[tuple[int, int]]])


async def gather(world: World, ledger: LedgerFile, witness: Witnessed, around: Surroundings) -> Evidence:
    """Reads all of it. The World must be at rest."""
    logs = {log.run.run_id: log for log in await _logs(world)}
    return Evidence(
        suite=around.suite,
        logs=logs,
        mail={run_id: await world.read_mail(run_id) for run_id in logs},
        watched=witness.watched,
        streams={run_id: await _streams(world, run_id) for run_id in logs},
        effects=_Effects(logs, witness, around).of(ledger.all_begun()),
        written=ledger.all_written(),
        stories=around.stories,
        calm_ms=around.calm_ms,
        ended_ms=world.now_ms(),
        late_ms=around.skew_ms,
        back_ms=0,
        skew_ms=around.skew_ms,
        slow_ms=around.slow_ms,
        version=0,
        versions={},
        mischief=around.mischief,
        counts=Counter(),
        calls=0,
        trace="",
    )


async def _logs(world: World) -> list[Log]:
    logs: list[Log] = []
    before: RunId | None = None
    while True:
        page = await world.list_runs(RunFilter(limit=PAGE, before=before))
        for run in page.runs:
            log = await world.read_log(run.run_id)
            if log is not None:
                logs.append(log)
        if not page.more:
            return logs
        before = page.runs[-1].run_id


async def _streams(world: World, run_id: RunId) -> dict[str, StreamPage]:
    pages: dict[str, StreamPage] = {}
    for record in await world.streams.list(run_id):
        page = await world.streams.read(run_id, record.stream, 0, 1_000_000)
        if page is not None:
            pages[record.stream] = page
    return pages


class _Effects:
    """Tells of each line in the ledger how things stood when it was written, from what the store has now."""

    def __init__(self, logs: Mapping[RunId, Log], witness: Witnessed, around: Surroundings) -> None:
        self._logs, self._witness, self._around = logs, witness, around
        self._outcomes: dict[tuple[RunId, StepId], list[Row]] = {}
        self._tokens: dict[str, int] = {}
        for log in logs.values():
            self._read(RunLog(log))

    def of(self, begun: Sequence[Begun]) -> list[Effect]:
        return [self._effect(one) for one in begun]

    def _read(self, log: RunLog) -> None:
        for row in log.of("step_completed", "step_failed"):
            if row.seq not in log.taken_back:
                self._outcomes.setdefault((log.run_id, step_id(log.step_of, row.key)), []).append(row)
        for row in log.of("hook_created"):
            token = row.fact["token"]
            self._tokens[token] = min(row.at_ms, self._tokens.get(token, row.at_ms))

    def _effect(self, one: Begun) -> Effect:
        return Effect(
            run_id=one.run_id,
            step_id=one.step_id,
            step=one.step,
            attempt=one.attempt,
            worker_id=one.worker_id,
            epoch=one.epoch,
            at_ms=one.at_ms,
            recorded=any(self._is_before(row, one) for row in self._outcomes.get((one.run_id, one.step_id), [])),
            owner=one.epoch is not None,
            lease_live=self._witness.is_live(one.worker_id, one.at_ms) or self._thaws(one),
            missing=tuple(told for told in one.told if not self._was_there(told, one.at_ms)),
        )

    def _is_before(self, row: Row, one: Begun) -> bool:
        """Whether this outcome was in the log of the owner that began the body."""
        if one.epoch is None:
            return False
        return row.epoch < one.epoch or (row.epoch == one.epoch and row.fact["attempt"] < one.attempt)

    def _thaws(self, one: Begun) -> bool:
        spans = self._around.frozen.get(one.worker_id, ())
        return any(from_ms <= one.at_ms <= to_ms + THAW_MS for from_ms, to_ms in spans)

    def _was_there(self, told: str, at_ms: int) -> bool:
        if is_run_id(told):
            log = self._logs.get(RunId(told))
            since_ms = None if log is None else log.run.created_at_ms
        else:
            since_ms = self._tokens.get(told)
        return since_ms is not None and since_ms <= at_ms + self._around.skew_ms
