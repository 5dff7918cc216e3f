"""What the steps of a simulation did to the world outside: a ledger that perdure knows nothing of."""

from dataclasses import dataclass

import msgspec

from perdure.model.ids import RunId, StepId, WorkerId, step_id
from perdure.testing.simulation.store import Store
from perdure.world import Log


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A step's body has begun, on a worker that believes that it owns the run in `epoch` (None: it doesn't hold it).

    At that moment, in the store: `recorded`, the step's outcome was there; `owner`, the run was this worker's, in that
    epoch; `lease_live`, so was its lease; `missing`, runs that the step was told of and that aren't there.
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


class Ledger:
    """Every effect, in order."""

    def __init__(self, store: Store) -> None:
        self.effects: list[Effect] = []
        self._store = store

    def begin(
        self,
        worker_id: WorkerId,
        epoch: int | None,
        run_id: RunId,
        step: tuple[StepId, str, int],
        told: tuple[str, ...],
    ) -> None:
        """A body begins: its step's id, name and attempt; `told`: the ids of runs that it was given."""
        log = self._store.log(run_id)
        assert log is not None, "a step of a run that isn't there"
        self.effects.append(
            Effect(
                run_id=run_id,
                step_id=step[0],
                step=step[1],
                attempt=step[2],
                worker_id=worker_id,
                epoch=epoch,
                at_ms=self._store.now_ms(),
                recorded=_has_outcome(log, step[0]),
                owner=(log.run.owner, log.run.epoch) == (worker_id, epoch),
                lease_live=self._store.is_live(worker_id),
                missing=tuple(run for run in told if self._store.log(RunId(run)) is None),
            )
        )

    def count(self, step: StepId) -> int:
        """How often this step has begun."""
        return sum(effect.step_id == step for effect in self.effects)


def _has_outcome(log: Log, wanted: StepId) -> bool:
    """Whether the log has an outcome of the step that no retry of the run has taken back."""
    taken_back = {msgspec.json.decode(row.payload)["failure_seq"] for row in log.rows if row.type == "run_retried"}
    return any(
        row.type in ("step_completed", "step_failed")
        and row.seq not in taken_back
        and step_id(log.run.run_id, row.key) == wanted
        for row in log.rows
    )
