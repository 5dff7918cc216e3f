"""Which runs a list is about, as people say it."""

from datetime import datetime
from typing import NamedTuple

from perdure.model.queue import PREFIX
from perdure.model.status import Status
from perdure.world.query import RunFilter


class Wanted(NamedTuple):
    """Runs that meet every condition; None and empty ones are none."""

    workflow: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def everything(self) -> bool:
        """Whether there is no condition."""
        return self == Wanted()

    def filter(self, status: tuple[Status, ...] = (), limit: int = 20) -> RunFilter:
        return RunFilter(
            status=status,
            workflow=self.workflow,
            without=PREFIX if self.workflow is None else None,  # a step in a queue is a run: shown as its parent's step
            since_ms=None if self.since is None else round(self.since.timestamp() * 1000),
            until_ms=None if self.until is None else round(self.until.timestamp() * 1000),
            attributes=dict(self.attributes),
            limit=limit,
        )
