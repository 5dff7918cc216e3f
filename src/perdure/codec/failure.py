"""Exceptions to the log and back. What is kept of them is `exception`'s; this gives it the codec of values."""

from perdure.codec import exception
from perdure.codec.value import decode, encode
from perdure.model.failure import Failure


def to_failure(error: BaseException) -> Failure:
    """The exception as data, at most about a MiB of it. Never raises: what can't be recorded is left out."""
    try:
        return exception.write(error, lambda part: encode(part, "error"), for_people=True)
    except BaseException as second:  # its own code ran: whatever that did must not hide that there was an error
        message = f"(it can't be recorded: reading it raised {type(second).__name__})"
        return Failure(type=exception.type_name(error), message=message)


def from_failure(failure: Failure, *, control_flow: bool = False) -> BaseException:
    """The exception, as itself where its class is built in, perdure's, registered, or from a trusted module.

    Else a RemoteError; so too KeyboardInterrupt, SystemExit, CancelledError and their like, unless `control_flow`.
    Its class's own code doesn't run. Never raises.
    """
    return exception.read(failure, decode, control_flow=control_flow)
