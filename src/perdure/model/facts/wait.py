"""A sleep or a deadline: its beginning and its end."""

from typing import ClassVar

from perdure.model.facts.fact import Fact


class WaitCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A sleep, or (`timeout`) a deadline around something else, which `wake_up` leaves alone."""

    type: ClassVar[str] = "wait_created"
    due_ms: int
    timeout: bool = False


class WaitCompleted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "wait_completed"
    due_ms: int
    woken: bool = False
