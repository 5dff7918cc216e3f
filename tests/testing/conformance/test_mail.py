"""Each rule of mail, taken out, fails a check."""

import itertools
from collections.abc import Awaitable, Sequence

import pytest
from msgspec.structs import replace

from perdure.model.ids import MailId, RunId
from perdure.testing.conformance.mail import CHECKS
from perdure.world import Letter, Operation, Outcome, Refusal, Refused, Send, Sent
from perdure.worlds.memory import MemoryWorld
from tests.testing.conformance.planted import Altered, Fault, caught, faults, idle, told

pytestmark = pytest.mark.anyio


class EveryTryIsNew(Altered):
    _tries = itertools.count()

    def alter_letter(self, send: Send) -> Letter:
        kept = self._state.runs.get(send.letter.run_id)
        if kept is not None and kept.knows(send.letter.mail_id):
            return replace(send.letter, mail_id=f"{send.letter.mail_id}-{next(self._tries)}")
        return send.letter


class ForgetsTheLog(Altered):
    """A letter is looked for in the inbox only."""

    _tries = itertools.count()

    def alter_letter(self, send: Send) -> Letter:
        kept = self._state.runs.get(send.letter.run_id)
        if kept is not None and kept.logged(send.letter.mail_id):
            return replace(send.letter, mail_id=f"{send.letter.mail_id}-{next(self._tries)}")
        return send.letter


class NewestFirst(MemoryWorld):
    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        return tuple(reversed(await super().read_mail(run_id)))


class SortedMail(MemoryWorld):
    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        return tuple(sorted(await super().read_mail(run_id), key=lambda letter: letter.mail_id))


class EverybodysMail(MemoryWorld):
    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        return any(kept.knows(mail_id) for kept in self._state.runs.values())


class OnlyTheInbox(MemoryWorld):
    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        return any(letter.mail_id == mail_id for letter in await self.read_mail(run_id))


class OnlyTheLog(MemoryWorld):
    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        log = await self.read_log(run_id)
        return log is not None and any(row.mail_id == mail_id for row in log.rows)


class LastTryWins(Altered):
    def alter_letter(self, send: Send) -> Letter:
        kept = self._state.runs.get(send.letter.run_id)
        if kept is not None:
            inbox = tuple(
                replace(letter, payload=send.letter.payload) if letter.mail_id == send.letter.mail_id else letter
                for letter in kept.inbox
            )
            self._state.runs[send.letter.run_id] = replace(kept, inbox=inbox)
        return send.letter


class BlindToItsOwnCommit(Altered):
    """Doesn't see the letters of operations before it."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        ids: list[MailId] = []
        changed: list[Operation] = []
        for operation in operations:
            if isinstance(operation, Send):
                ids.append(operation.letter.mail_id)
                mail_id = f"{ids[-1]}-{len(ids)}" if ids[-1] in ids[:-1] else ids[-1]
                operation = replace(operation, letter=replace(operation.letter, mail_id=mail_id))
            changed.append(operation)
        return super().commit(changed)


class OnlyRunningRunsHear(Altered):
    def alter_letter(self, send: Send) -> Letter:
        kept = self._state.runs.get(send.letter.run_id)
        heard = kept is None or kept.record.status != "pending"
        return send.letter if heard else replace(send.letter, run_id="nowhere")


def silence(outcome: Outcome) -> Outcome:
    return Sent() if isinstance(outcome, Refused) else outcome


def never_heard_of(outcome: Outcome) -> Outcome:
    return replace(outcome, refusal=Refusal.UNKNOWN) if isinstance(outcome, Refused) else outcome


FAULTS: tuple[Fault, ...] = (
    EveryTryIsNew,
    ForgetsTheLog,
    NewestFirst,
    SortedMail,
    EverybodysMail,
    OnlyTheInbox,
    OnlyTheLog,
    LastTryWins,
    BlindToItsOwnCommit,
    OnlyRunningRunsHear,
    told(silence),
    told(never_heard_of),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
