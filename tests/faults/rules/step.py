"""S: what takes the rules of steps, waits, children and cancels out."""

from typing import Any

from msgspec.structs import replace

from perdure.engine import append as appending
from perdure.engine import retry as retrying
from perdure.engine import seizure as seizing
from perdure.engine.attempt import Attempts
from perdure.engine.run import LiveRun
from perdure.engine.running import Running
from perdure.engine.wait import Waits
from perdure.model.event import Event, RunRetried, StepFailed, StepStarted
from perdure.world import Append, Refusal
from perdure.worlds.memory import commit as writing
from perdure.worlds.memory.state import Kept
from tests.faults.rules.patching import Patching, patch


def due_when_the_worker_says_so() -> Patching:
    """S1: the store completes a wait that isn't due by its own clock."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        return strict(kept, replace(append, due_ms=0), now_ms)

    return patch.object(writing, "_refusal", refusal)


def interruptions_cost() -> Patching:
    """S2: an interrupted attempt takes of the retry budget."""
    strict = retrying._worth_retrying

    def worth_retrying(step: Any, definition: Any, error: BaseException) -> bool:
        return strict(step, definition, error) and step.attempts <= definition.retry.max_retries

    return patch.object(retrying, "_worth_retrying", worth_retrying)


def impatient_owners() -> Patching:
    """S2: a new owner doesn't wait for the end of a back-off."""
    strict = Attempts.recover

    def recover(attempts: Attempts, *rest: Any) -> None:
        for step in attempts._run.pending.steps.values():
            step.retry_at_ms = 0
        strict(attempts, *rest)

    return patch.object(Attempts, "recover", recover)


def started_when_it_suits() -> Patching:
    """S3: an at-most-once body begins while its start is on its way."""
    strict = Attempts.slot_came

    def slot_came(attempts: Attempts, running: Running) -> None:
        step = running.step
        if not step.at_most_once:
            strict(attempts, running)
            return
        step.fresh, running.attempt = False, step.attempts + 1
        attempts._run.note(step.key, StepStarted(attempt=running.attempt), urgent=False)
        attempts._run.host.steps.go(running)

    return patch.object(Attempts, "slot_came", slot_came)


def once_more() -> Patching:
    """S3: an at-most-once attempt that was cut off is repeated."""
    strict = Attempts.recover

    def recover(attempts: Attempts, *rest: Any) -> None:
        for step in attempts._run.pending.steps.values():
            step.interruptible = False
        strict(attempts, *rest)

    return patch.object(Attempts, "recover", recover)


def without_letters(*kinds: str) -> Patching:
    strict = appending.last_letters

    def last_letters(*args: Any) -> Any:
        return [letter for letter in strict(*args) if letter.kind not in kinds]

    return patch.object(appending, "last_letters", last_letters)


def parents_untold() -> Patching:
    """S4: a child's end sends no mail."""
    return without_letters("child_completed", "child_failed", "child_cancelled")


def children_left() -> Patching:
    """S4: a cancelled parent leaves its children."""
    return without_letters("cancel_requested")


def cancelled_too_late() -> Patching:
    """S5: a run that was cancelled before its first activation runs all the same."""

    def open_(run: LiveRun, preface: Any, letters: Any) -> None:
        if run.departure.gone:
            return
        run.mail_came(run.mailbox.fresh(letters))
        if preface is None:
            run._begin()
        else:
            run.outbox.add("", preface)
            run.offer(urgent=True)

    return patch.object(LiveRun, "open", open_)


def no_force() -> Patching:
    """S5: nobody looks at the end of a cancel's grace."""
    return patch.object(Waits, "arm_force", lambda waits: None)


def any_failure_taken_back() -> Patching:
    """S6: a failure that the body has acted on is taken back."""

    def failures(events: list[Event]) -> list[int]:
        skipped = {event.fact.failure_seq for event in events if isinstance(event.fact, RunRetried)}
        return [event.seq for event in events if isinstance(event.fact, StepFailed) and event.seq not in skipped]

    return patch.object(seizing, "_unanswered_failures", failures)
