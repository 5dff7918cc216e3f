"""Each rule of letters in appends, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.model.status import ENDED
from perdure.testing.conformance.letter import CHECKS
from perdure.world import Append, Appended, Outcome
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle, told

pytestmark = pytest.mark.anyio


class SendsBeforeRefusal(Altered):
    def alter_append(self, append: Append) -> Append:
        for letter in append.letters:
            kept = self._state.runs.get(letter.run_id)
            if kept is not None and kept.record.status not in ENDED and not kept.knows(letter.mail_id):
                inbox = (*kept.inbox, letter)
                self._state.runs[letter.run_id] = replace(
                    kept, inbox=inbox, record=replace(kept.record, mail=len(inbox))
                )
        return append


class OnlyTheFirstLetter(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, letters=append.letters[:1])


class SendsTwice(Altered):
    def alter_append(self, append: Append) -> Append:
        again = tuple(replace(letter, mail_id=letter.mail_id + "'") for letter in append.letters)
        return replace(append, letters=append.letters + again)


class LettersBeforeChildren(Altered):
    def alter_append(self, append: Append) -> Append:
        born = {child.run_id for child in append.children}
        return replace(append, letters=tuple(letter for letter in append.letters if letter.run_id not in born))


class TakesAll(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is None or not append.mail_taken:
            return append
        return replace(append, mail_taken=tuple(letter.mail_id for letter in kept.inbox))


class CountsWhatItWasTold(Altered):
    """`mail` falls by the number of letters named, whether they were there or not."""

    def commit(self, operations):
        outcomes = super().commit(operations)
        for operation in operations:
            kept = isinstance(operation, Append) and self._state.runs.get(operation.run_id)
            if kept and operation.mail_taken:
                gone = sum(1 for mail_id in operation.mail_taken if not kept.logged(mail_id))
                self._state.runs[operation.run_id] = replace(
                    kept, record=replace(kept.record, mail=kept.record.mail - gone + 1)
                )
        return outcomes


class AllMailIsAnEnd(Altered):
    """Takes what waits with it."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is None or not append.all_mail:
            return append
        return replace(append, mail_taken=tuple(letter.mail_id for letter in kept.inbox))


class AllMailCountsTheTaken(Altered):
    """Compares how many letters are taken with how many wait, not which."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is None or len(append.mail_taken) < len(kept.inbox):
            return append
        return replace(append, all_mail=False)


class AllMailNeverFits(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, epoch=-1) if append.all_mail else append


class AllStay(Altered):
    """Whoever owns the runs."""

    def commit(self, operations):
        return self._commit(operations)

    async def _commit(self, operations):
        outcomes = await super().commit(operations)
        return [
            replace(outcome, near=tuple(letter.run_id for letter in operation.letters))
            if isinstance(outcome, Appended)
            else outcome
            for operation, outcome in zip(operations, outcomes, strict=True)
        ]


def none_stays(outcome: Outcome) -> Outcome:
    return replace(outcome, near=()) if isinstance(outcome, Appended) else outcome


def no_mail(outcome: Outcome) -> Outcome:
    return replace(outcome, mail=0) if isinstance(outcome, Appended) else outcome


FAULTS: tuple[Fault, ...] = (
    SendsBeforeRefusal,
    OnlyTheFirstLetter,
    SendsTwice,
    LettersBeforeChildren,
    TakesAll,
    CountsWhatItWasTold,
    AllMailIsAnEnd,
    AllMailCountsTheTaken,
    AllMailNeverFits,
    forgets(all_mail=False),
    forgets(letters=()),
    forgets(mail_taken=()),
    AllStay,
    told(no_mail),
    told(none_stays),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
