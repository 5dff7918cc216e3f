"""Each rule of mail, taken out, fails a check."""

import itertools
from collections.abc import Awaitable, Sequence

import pytest
from msgspec.structs import replace

from perdure.model.ids import MailId, RunId
from perdure.testing.conformance.mail import CHECKS
from perdure.world import Letter, Operation, Outcome, Refusal, Refused, Send, Sent
from perdure.worlds.memory import MemoryWorld, hook
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle, told, without

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


class AnyHook(Altered):
    """Whatever the hook, the run takes it."""

    def alter_send(self, send: Send) -> Send:
        return replace(send, hook=None)


class NoHook(Altered):
    def alter_send(self, send: Send) -> Send:
        return send if send.hook is None else replace(send, hook="none")


class NeedsAHook(Altered):
    """Takes no letter but for hooks."""

    def alter_send(self, send: Send) -> Send:
        return send if send.hook is not None else replace(send, hook="none")


class AnyRunsHook(Altered):
    """A hook with that key is open, somewhere."""

    def alter_send(self, send: Send) -> Send:
        keys = {key for hooks in self._state.hooks.values() for key, each in hooks.items() if not each.closed}
        return replace(send, hook=None) if send.hook in keys else send


class HookBeforeLetter(Altered):
    """A second try is refused where the hook takes nothing any more."""

    def alter_send(self, send: Send) -> Send:
        each = self._state.hooks.get(send.letter.run_id, {}).get(send.hook or "")
        over = each is not None and (each.closed or hook._expired(each, self._clock()))
        return replace(send, letter=replace(send.letter, mail_id=send.letter.mail_id + "!")) if over else send


class HookBeforeRun(Altered):
    """The dead are told that their hook is closed."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(operations)

    async def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        outcomes = await super().commit(operations)
        return [
            Refused(refusal=Refusal.HOOK)
            if isinstance(operation, Send) and operation.hook and outcome == Refused(refusal=Refusal.ENDED)
            else outcome
            for operation, outcome in zip(operations, outcomes, strict=True)
        ]


class HooksAreBlindToTheirCommit(Altered):
    """A letter meets the hooks as they were before the commit."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        sends = [operation for operation in operations if isinstance(operation, Send)]
        inner = super().commit([*sends, *(operation for operation in operations if operation not in sends)])

        async def sorted_again() -> list[Outcome]:
            outcomes = await inner
            of_sends, others = iter(outcomes[: len(sends)]), iter(outcomes[len(sends) :])
            return [next(of_sends if isinstance(operation, Send) else others) for operation in operations]

        return sorted_again()


class AnySenderIsTold(Altered):
    """Whoever owns the run."""

    def alter_send(self, send: Send) -> Send:
        kept = self._state.runs.get(send.letter.run_id)
        return send if kept is None else replace(send, owner=kept.record.owner)


class EveryLetterIsAlone(Altered):
    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(operations)

    async def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        outcomes = await super().commit(operations)
        return [Sent(mail=1) if isinstance(each, Sent) and each.mail else each for each in outcomes]


class TellsOfASecondTry(EveryLetterIsAlone):
    async def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        outcomes = await super(EveryLetterIsAlone, self).commit(operations)
        return [
            Sent(mail=len(self._state.runs[operation.letter.run_id].inbox))
            if isinstance(each, Sent) and isinstance(operation, Send) and operation.owner
            else each
            for operation, each in zip(operations, outcomes, strict=True)
        ]


def late(each, now_ms: int) -> bool:
    return each.expires_at_ms is not None and each.expires_at_ms < now_ms


def early(each, now_ms: int) -> bool:
    return each.expires_at_ms is not None and each.expires_at_ms <= now_ms + 1


def never(each, now_ms: int) -> bool:
    return False


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
    AnyHook,
    NoHook,
    NeedsAHook,
    AnyRunsHook,
    HookBeforeLetter,
    HookBeforeRun,
    HooksAreBlindToTheirCommit,
    forgets(hooks=()),
    without(hook, "_expired", late),
    without(hook, "_expired", early),
    without(hook, "_expired", never),
    AnySenderIsTold,
    EveryLetterIsAlone,
    TellsOfASecondTry,
    told(silence),
    told(never_heard_of),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
