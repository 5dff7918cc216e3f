"""What a lab tells a test that waits in vain, or that finds something broken: assertions that failed, with their reasons."""

from perdure.errors import PerdureError


class LabStuck(PerdureError, AssertionError):
    """A test waits for what doesn't come by itself. Fields: `run_id`, `awaited`, `standing` (what the run does instead)."""

    def __init__(self, run_id: str, awaited: str, standing: str) -> None:
        self.run_id, self.awaited, self.standing = run_id, awaited, standing
        super().__init__(f"{awaited} of run {run_id} doesn't come by itself: {standing}")


class LabBusy(PerdureError, AssertionError):
    """A lab doesn't come to rest. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the lab doesn't come to rest: {reason}")


class NotSurvived(PerdureError, AssertionError):
    """A run comes to something else where its worker dies. Fields: `run_id`, `where` (the crash), `expected`, `found`."""

    def __init__(self, run_id: str, where: str, expected: str, found: str) -> None:
        self.run_id, self.where, self.expected, self.found = run_id, where, expected, found
        super().__init__(f"run {run_id} doesn't survive a crash {where}: expected {expected}, found {found}")
