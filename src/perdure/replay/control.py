"""Control flow that user code must not catch: BaseExceptions, raised by the body and unwrapped in one place."""


class BodyControl(BaseException):
    """The body can't go on; why is known to its machine. Never an outcome, never shown to a user."""


class BodyClosed(BodyControl):
    """The body is being put away: nothing more may be asked for."""


class BodyDiverged(BodyControl):
    """Today's code doesn't fit the run's log: the run is parked (T7)."""
