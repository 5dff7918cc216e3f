"""S8: what takes the rules of steps in queues out."""

from typing import Any

from msgspec.structs import replace

from perdure.core.pending import Pending
from perdure.engine import append as appending
from perdure.engine.attempt import Attempts
from perdure.engine.opening import Opener
from perdure.engine.queue import Service
from perdure.model.event import StepStopped
from perdure.world import Log
from tests.faults.rules.patching import Patching, patch, several


def sent_again() -> Patching:
    """S8: a new owner sends what lies in a queue already."""
    strict = Attempts.recover

    def recover(attempts: Attempts, *rest: Any) -> None:
        for step in attempts._run.pending.steps.values():
            step.queued = None
        strict(attempts, *rest)

    return patch.object(Attempts, "recover", recover)


def begun_here_too() -> Patching:
    """S8: a new owner begins what lies in a queue itself."""
    return several(sent_again(), patch.object(Service, "queue_of", _sent_at_first()))


def _sent_at_first() -> Any:
    strict, asked = Service.queue_of, dict[tuple[Service, str], None]()

    def queue_of(service: Service, step: str) -> str | None:
        first = (service, step) not in asked
        asked[service, step] = None
        return strict(service, step) if first else None

    return queue_of


def left_in_the_queue() -> Patching:
    """S8: nobody tells a step in a queue that it isn't waited for any more."""
    return patch.object(Pending, "queued_runs", lambda pending, keys=None: [])


def outcome_kept_to_itself() -> Patching:
    """S8: a step in a queue doesn't send its outcome."""
    return patch.object(appending, "_HAVE_EFFECTS_IN_A_STEP", appending._HAVE_EFFECTS)


def last_word_lost() -> Patching:
    """S8: a retried run isn't told what ended while it had failed."""

    async def told_again(opener: Opener, log: Log) -> bool:
        return False

    return patch.object(Opener, "_told_again", told_again)


def never_interrupted() -> Patching:
    """S8: an at-most-once attempt that was cut off in a queue counts as not begun."""
    strict = appending.stopped

    def stopped(*args: Any) -> StepStopped:
        return replace(strict(*args), interrupted=False)

    return patch.object(appending, "stopped", stopped)
