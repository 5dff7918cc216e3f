"""The lab for sync tests: the same, blocking. What it does happens on the loop that carries `perdure.sync`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from perdure.api.step import Step
from perdure.model.duration import Duration
from perdure.sync.background import BACKGROUND
from perdure.sync.blocking import BlockingMethod
from perdure.testing.kit.lab import PATIENCE_S, Lab
from perdure.testing.kit.spy import Call, Replaced


class SyncLab:
    """`with sync_lab() as lab`, or the fixture `lab` in a sync test: `Lab`, for the verbs of `perdure.sync`.

    `as_async` is the lab for async code.
    """

    def __init__(self, *, at: datetime | None = None, patience: Duration = PATIENCE_S) -> None:
        self.as_async = Lab(at=at, patience=patience)

    def __enter__(self) -> "SyncLab":
        BACKGROUND.run("lab", self.as_async.__aenter__)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            BACKGROUND.run("lab", lambda: self.as_async.__aexit__(*error))
        finally:
            BACKGROUND.stop()

    advance = BlockingMethod(Lab.advance)
    rest = BlockingMethod(Lab.rest)
    wait_for_hook = BlockingMethod(Lab.wait_for_hook)
    wait_for_sleep = BlockingMethod(Lab.wait_for_sleep)
    crash = BlockingMethod(Lab.crash)
    crash_everywhere = BlockingMethod(Lab.crash_everywhere)
    replay = BlockingMethod(Lab.replay)
    story = BlockingMethod(Lab.story)

    def now(self) -> datetime:
        """As `Lab.now`."""
        return self.as_async.now()

    def replace(self, step: "Step[..., Any] | str", fake: Callable[..., Any]) -> Replaced:
        """As `Lab.replace`."""
        return self.as_async.replace(step, fake)

    def calls(self, step: "Step[..., Any] | str") -> list[Call]:
        """As `Lab.calls`."""
        return self.as_async.calls(step)

    def answer(self, token: str, payload: Any) -> None:
        """As `Lab.answer`."""

        async def answer() -> None:
            self.as_async.answer(token, payload)

        BACKGROUND.run("lab.answer", answer)


def sync_lab(*, at: datetime | None = None, patience: Duration = PATIENCE_S) -> SyncLab:
    """As `lab`, for code without an event loop: `with sync_lab() as lab`, and the verbs of `perdure.sync`. `at`,
    `patience`: as there."""
    return SyncLab(at=at, patience=patience)
