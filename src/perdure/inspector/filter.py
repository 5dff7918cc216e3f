"""Which runs a list is about, as people say it."""

from datetime import datetime
from typing import NamedTuple

from perdure.model.queue import PREFIX
from perdure.model.status import Status
from perdure.world.query import RunFilter, RunRecord


class Wanted(NamedTuple):
    """Runs that meet every condition; None and empty ones are none.

    `q`: a beginning of a run's id, or a part of a workflow's name or of an attribute's value, in any case.
    """

    workflow: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    q: str = ""

    @property
    def everything(self) -> bool:
        """Whether there is no condition."""
        return self == Wanted()

    @property
    def searches(self) -> bool:
        """Whether runs have to be looked through, which no World does: `filter` lets more through than are wanted."""
        return bool(self.q) and not self.q.startswith("wrun_")

    def matches(self, run: RunRecord) -> bool:
        """Whether a run that the filter let through is wanted."""
        if not self.searches:
            return True
        word = self.q.casefold()
        return any(word in text.casefold() for text in (run.workflow, *run.attributes.values()))

    def filter(self, status: tuple[Status, ...] = (), limit: int = 20) -> RunFilter:
        return RunFilter(
            status=status,
            workflow=self.workflow,
            without=PREFIX if self.workflow is None else None,  # a step in a queue is a run: shown as its parent's step
            since_ms=None if self.since is None else round(self.since.timestamp() * 1000),
            until_ms=None if self.until is None else round(self.until.timestamp() * 1000),
            attributes=dict(self.attributes),
            prefix=self.q if self.q and not self.searches else None,
            limit=limit,
        )
