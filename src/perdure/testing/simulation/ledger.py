"""What the steps of a simulation did to the world outside: a ledger that perdure knows nothing of."""

from dataclasses import dataclass
from itertools import count

import msgspec

from perdure.model.ids import RunId, StepId, WorkerId, is_run_id, step_id
from perdure.model.queue import queue_of
from perdure.testing.simulation.store import Store
from perdure.world import Log


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A step's body has begun, on a worker that believes that it owns the run in `epoch` (None: it doesn't hold it).

    At that moment, in the store: `recorded`, the step's outcome was there; `owner`, the run was this worker's, in that
    epoch; `lease_live`, so was its lease; `missing`, runs and tokens that the step was told of and that aren't there.
    """

    run_id: RunId
    step_id: StepId
    step: str
    attempt: int
    worker_id: WorkerId
    epoch: int | None
    at_ms: int
    recorded: bool
    owner: bool
    lease_live: bool
    missing: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Written:
    """A step wrote a chunk (None: the end) to a stream of `run_id`; `kept` for its completion. `drained`: it was told
    that the chunk is in the store."""

    run_id: RunId
    stream: str
    data: bytes | None
    writer: RunId
    step_id: StepId
    attempt: int
    worker_id: WorkerId
    epoch: int | None
    kept: bool
    drained: bool = False


class Ledger:
    """Every effect, and every chunk, in order."""

    def __init__(self, store: Store) -> None:
        self.effects: list[Effect] = []
        self.written: list[Written] = []
        self.numbers = count()  # of chunks: what was refused is taken out again, its number isn't given twice
        self._store = store

    def begin(
        self,
        worker_id: WorkerId,
        epoch: int | None,
        run_id: RunId,
        step: tuple[StepId, str, int],
        told: tuple[str, ...],
    ) -> None:
        """A body begins: its step's id, name and attempt; `told`: the ids of runs, and tokens, that it was given.

        Of a run that isn't there, too: the checker says what is wrong with that, the step would only be retried.
        """
        log = self._store.log(run_id)
        self.effects.append(
            Effect(
                run_id=run_id,
                step_id=step[0],
                step=step[1],
                attempt=step[2],
                worker_id=worker_id,
                epoch=epoch,
                at_ms=self._store.now_ms(),
                recorded=any(_has_outcome(known, step[0]) for known in self._logs_of(log)),
                owner=log is not None and (log.run.owner, log.run.epoch) == (worker_id, epoch),
                lease_live=self._store.is_live(worker_id),
                missing=tuple(one for one in told if not self._is_there(one)),
            )
        )

    def _logs_of(self, log: Log | None) -> list[Log]:
        """The log, and that of the run whose step it is, where it is one."""
        if log is None:
            return []
        parent = self._store.log(step_of(log))
        return [log] if parent is None or parent.run.run_id == log.run.run_id else [log, parent]

    def _is_there(self, told: str) -> bool:
        if is_run_id(told):
            return self._store.log(RunId(told)) is not None
        return self._store.knows(told)

    def count(self, step: StepId) -> int:
        """How often this step has begun."""
        return sum(effect.step_id == step for effect in self.effects)


def step_of(log: Log) -> RunId:
    """The run that the steps of this log are of: a queued step's is its parent."""
    parent_id = log.run.parent_id
    return parent_id if parent_id is not None and queue_of(log.run.workflow) is not None else log.run.run_id


def _has_outcome(log: Log, wanted: StepId) -> bool:
    """Whether the log has an outcome of the step that no retry of the run has taken back."""
    taken_back = {msgspec.json.decode(row.payload)["failure_seq"] for row in log.rows if row.type == "run_retried"}
    return any(
        row.type in ("step_completed", "step_failed")
        and row.seq not in taken_back
        and step_id(step_of(log), row.key) == wanted
        for row in log.rows
    )
