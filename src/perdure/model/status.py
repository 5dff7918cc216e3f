"""Where a run stands, in one word."""

from typing import Literal

Status = Literal["pending", "running", "completed", "failed", "cancelled", "blocked"]

ENDED: frozenset[Status] = frozenset(("completed", "failed", "cancelled"))
