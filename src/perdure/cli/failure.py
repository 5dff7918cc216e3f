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


class InspectorUnusable(PerdureError):
    """There is no inspector at a URL that answers as one does. Fields: `url`, without its token, and `reason`."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"no inspector at {url}: {reason}")


class InspectorRefused(PerdureError):
    """An inspector answered that it doesn't do what was asked. Fields: `url`, without its token, `status`, `detail`."""

    def __init__(self, url: str, status: int, detail: str) -> None:
        self.url, self.status, self.detail = url, status, detail
        super().__init__(f"{url}: {detail}")


def exit_code(error: PerdureError) -> int:
    """1: the run ended badly; 2: asked wrongly; 3: not found; 4: no such world, or it, an address or an inspector can't
    be had."""
    match error:
        case RunFailed() | RunCancelled() | RunBlocked():
            return FAILED
        case RunNotFound() | StepNotFound() | HookNotFound() | InspectorRefused(status=404):
            return NOT_FOUND
        case WorldError() | AddressUnusable() | InspectorUnusable():
            return NO_WORLD
        case InspectorRefused() if error.status >= 500:
            return NO_WORLD
        case _:
            return USAGE
