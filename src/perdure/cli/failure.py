"""What an error means to a shell. The sentences are the errors' own; only the exit codes are decided here."""

from perdure.errors import PerdureError, RunBlocked, RunCancelled, RunFailed, RunNotFound, WorldError

FAILED = 1
USAGE = 2
NOT_FOUND = 3
NO_WORLD = 4
INTERRUPTED = 130
"""128 + SIGINT, as shells have it: never mistaken for a run that failed."""


class StepNotFound(PerdureError):
    """No step has this id. Field: `step_id`."""

    def __init__(self, step_id: str, where: str, *, malformed: bool = False) -> None:
        self.step_id = step_id
        super().__init__(
            f"{step_id!r} is not a step's id: one looks like step_ and 26 letters and digits"
            if malformed
            else f"there is no step {step_id} in {where}: check the id and the world's URL"
        )


def exit_code(error: PerdureError) -> int:
    """1: the run ended badly; 2: asked wrongly; 3: not found; 4: no such world, or it can't be reached."""
    match error:
        case RunFailed() | RunCancelled() | RunBlocked():
            return FAILED
        case RunNotFound() | StepNotFound():
            return NOT_FOUND
        case WorldError():
            return NO_WORLD
        case _:
            return USAGE
