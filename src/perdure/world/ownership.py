"""Ownership: leases of workers, claims of runs. One heartbeat row per worker, none per run."""

from msgspec import Struct

from perdure.model.ids import RunId, WorkerId
from perdure.model.status import Status

SUSPECT_FROM = 2
"""From so many deaths on a run is a suspect: it goes on under probation, and only deaths during probation count."""


REMEMBERED_MS = 24 * 3_600_000
"""A worker that was seen last so long ago is forgotten, if it owns nothing: the clock may go back."""


class Lease(Struct, frozen=True, gc=False, kw_only=True):
    """A worker's heartbeat. `process` names its process on its host (see `engine/process.py`), opaque to the World."""

    worker_id: WorkerId
    lease_ms: int
    process: str
    workflows: tuple[str, ...]
    deployment: str = ""


class WorkerRecord(Struct, frozen=True, gc=False, kw_only=True):
    """A worker as the World knows it; `lease_until_ms` and `now_ms` by the store's clock."""

    worker_id: WorkerId
    lease_until_ms: int
    now_ms: int
    process: str
    workflows: tuple[str, ...]
    deployment: str
    runs: int

    @property
    def leased(self) -> bool:
        """Whether its lease lasts."""
        return self.lease_until_ms > self.now_ms

    def serves(self, workflow: str, pin: str) -> bool:
        """Whether it claims runs of this workflow that are pinned so."""
        return self.leased and workflow in self.workflows and pin in ("", self.deployment)


class Claim(Struct, frozen=True, gc=False, kw_only=True):
    """Ask for up to `limit` runs of `workflows` that no live lease owns and that have mail or are due.

    Only runs that are pinned to this `deployment`, or to none.
    """

    worker_id: WorkerId
    workflows: tuple[str, ...]
    limit: int
    deployment: str = ""


class Claimed(Struct, frozen=True, gc=False, kw_only=True):
    """A run that changed hands: `epoch` is the new one, `length` the events that its log then had.

    `recoveries`: deaths of owners without a completed turn in between. A claim from a dead owner adds one; once there are
    `SUSPECT_FROM` of them, only if that owner had put the run on `probation`. Every claim takes the probation back.
    `died`: this claim is from a dead owner.
    """

    run_id: RunId
    workflow: str
    status: Status
    epoch: int
    length: int
    recoveries: int
    died: bool


class Owned(Struct, frozen=True, gc=False, kw_only=True):
    """A run as its owner finds it in a sweep. `mail` counts the letters that wait."""

    run_id: RunId
    epoch: int
    mail: int
