"""Each rule of ends and of waits, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.model.status import ENDED
from perdure.testing.conformance.end import CHECKS
from perdure.world import Append, Outcome, Refusal, Refused, Send
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle, told

pytestmark = pytest.mark.anyio


class EndsWithMail(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is None or append.status is None:
            return append
        return replace(append, mail_taken=tuple(letter.mail_id for letter in kept.inbox))


class CountsTheTaken(Altered):
    """Compares how many letters are taken with how many wait, not which."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is None or len(append.mail_taken) < len(kept.inbox):
            return append
        return replace(append, mail_taken=tuple(letter.mail_id for letter in kept.inbox))


class BlockedForgetsItsMail(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is None or append.status != "blocked":
            return append
        return replace(append, mail_taken=tuple(letter.mail_id for letter in kept.inbox))


class BlockedIsDeaf(Altered):
    def alter_letter(self, send: Send):
        kept = self._state.runs.get(send.letter.run_id)
        if kept is not None and kept.record.status == "blocked":
            return replace(send.letter, run_id="nowhere")
        return send.letter


class EndedGoesOn(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is not None and kept.record.status in ENDED:
            self._state.runs[append.run_id] = replace(
                kept, record=replace(kept.record, status="running", owner=append.owner, epoch=append.epoch)
            )
        return append


class KeepsTheOwner(Altered):
    """An end leaves the run with its worker."""

    def commit(self, operations):
        owners = {run_id: kept.record.owner for run_id, kept in self._state.runs.items()}
        outcomes = super().commit(operations)
        for run_id, owner in owners.items():
            kept = self._state.runs[run_id]
            if kept.record.status in (*ENDED, "blocked"):
                self._state.runs[run_id] = replace(kept, record=replace(kept.record, owner=owner))
        return outcomes


class EarlyByAMillisecond(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, due_ms=append.due_ms - 1)


class LateByAMillisecond(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, due_ms=append.due_ms + 1) if append.due_ms else append


class DueByAt(Altered):
    """Compares with the run's last `at`, which the clock may be behind."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return replace(append, due_ms=0) if kept is not None and kept.at_ms >= append.due_ms else append


def no_clock(outcome: Outcome) -> Outcome:
    return replace(outcome, now_ms=0) if isinstance(outcome, Refused) else outcome


def mail_after_early(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Refused) and outcome.refusal is Refusal.MAIL:
        return replace(outcome, refusal=Refusal.EARLY)
    return outcome


FAULTS: tuple[Fault, ...] = (
    EndsWithMail,
    CountsTheTaken,
    BlockedForgetsItsMail,
    BlockedIsDeaf,
    EndedGoesOn,
    KeepsTheOwner,
    EarlyByAMillisecond,
    LateByAMillisecond,
    DueByAt,
    forgets(due_ms=0),
    forgets(status=None),
    forgets(mail_taken=()),
    told(no_clock),
    told(mail_after_early),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
