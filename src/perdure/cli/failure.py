"""What an error means to a shell. The sentences are the errors' own; only the exit codes are decided here."""

from perdure.errors import (
    HookNotFound,
    PerdureError,
    RunBlocked,
    RunCancelled,
    RunFailed,
    RunNotFound,
    WorldError,
)
from perdure.inspector.reference import StepNotFound

FAILED = 1
USAGE = 2
NOT_FOUND = 3
NO_WORLD = 4
INTERRUPTED = 130
"""128 + SIGINT, as shells have it: never mistaken for a run that failed."""
UNREAD = 141
"""128 + SIGPIPE: whoever read the output has gone."""


class AddressUnusable(PerdureError):
    """A server can't listen here. Fields: `host`, `port`, `reason`."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(f"{host} port {port} can't be served: {reason}")


def exit_code(error: PerdureError) -> int:
    """1: the run ended badly; 2: asked wrongly; 3: not found; 4: no such world, or it (or an address) can't be had."""
    match error:
        case RunFailed() | RunCancelled() | RunBlocked():
            return FAILED
        case RunNotFound() | StepNotFound() | HookNotFound():
            return NOT_FOUND
        case WorldError() | AddressUnusable():
            return NO_WORLD
        case _:
            return USAGE
