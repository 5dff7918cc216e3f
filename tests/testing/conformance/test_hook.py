"""Each rule of hooks, taken out, fails a check."""

from collections.abc import Awaitable, Sequence

import pytest
from msgspec.structs import replace

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.testing.conformance.hook import CHECKS
from perdure.world import (
    Append,
    Appended,
    HookClosing,
    HookFilter,
    HookFinding,
    HookRecord,
    Log,
    NewHook,
    Operation,
    Outcome,
    Refused,
)
from perdure.worlds.memory import MemoryWorld, hook
from tests.testing.conformance.planted import Fault, Tampering, caught, faults, forgets, idle, told, without

pytestmark = pytest.mark.anyio


class TakesOver(Tampering):
    """Who asks last has the token."""

    def alter_append(self, append: Append) -> Append:
        asked = {new.token_hash for new in append.hooks if isinstance(new, NewHook)}
        for each in self.known_hooks():
            if each.token_hash in asked:
                self.change_hook(each, closed=True)
        return append


class OwnHooksGiveWay(Tampering):
    def alter_append(self, append: Append) -> Append:
        asked = {new.token_hash for new in append.hooks if isinstance(new, NewHook)}
        for each in self.known_hooks():
            if each.run_id == append.run_id and each.token_hash in asked:
                self.change_hook(each, closed=True)
        return append


class ClosesByKeyAlone(Tampering):
    def alter_append(self, append: Append) -> Append:
        keys = {closing.key for closing in append.hooks if isinstance(closing, HookClosing)}
        for each in self.known_hooks():
            if each.key in keys:
                self.change_hook(each, closed=True)
        return append


class ClosesByToken(Tampering):
    """Gives the token back, whoever has it by now."""

    def alter_append(self, append: Append) -> Append:
        mine = self._state.hooks.get(append.run_id, {})
        asked = {mine[closing.key].token_hash for closing in append.hooks if closing.key in mine}
        for each in self.known_hooks():
            if each.token_hash in asked:
                self.change_hook(each, closed=True)
        return append


class ClosingsFirst(Tampering):
    def alter_append(self, append: Append) -> Append:
        return replace(append, hooks=tuple(sorted(append.hooks, key=lambda change: isinstance(change, NewHook))))


class RegistrationsFirst(Tampering):
    def alter_append(self, append: Append) -> Append:
        return replace(append, hooks=tuple(sorted(append.hooks, key=lambda change: not isinstance(change, NewHook))))


class KeysAreReused(Tampering):
    def alter_append(self, append: Append) -> Append:
        asked = {new.key for new in append.hooks if isinstance(new, NewHook)}
        mine = self._state.hooks.get(append.run_id, {})
        self._state.hooks[append.run_id] = {key: each for key, each in mine.items() if key not in asked}
        for token_hash, places in self._state.tokens.items():
            kept = tuple((run_id, key) for run_id, key in places if key in self._state.hooks[run_id])
            self._state.tokens[token_hash] = kept
        return append


class FirstRow(Tampering):
    """Every hook belongs to the append's first row."""

    def alter_append(self, append: Append) -> Append:
        return replace(append, hooks=tuple(_with(change, row=0) for change in append.hooks))


class NoWebhooks(Tampering):
    def alter_append(self, append: Append) -> Append:
        return replace(append, hooks=tuple(_with(change, webhook=False) for change in append.hooks))


class NeverExpires(Tampering):
    def alter_append(self, append: Append) -> Append:
        return replace(append, hooks=tuple(_with(change, expires_at_ms=None) for change in append.hooks))


class AfterRefusal(Tampering):
    """Does something of an append that was refused."""

    def do(self, append: Append) -> None:
        raise NotImplementedError

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(operations)

    async def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        outcomes = await super().commit(operations)
        for operation, outcome in zip(operations, outcomes, strict=True):
            if isinstance(operation, Append) and isinstance(outcome, Refused):
                self.do(operation)
        return outcomes


class RefusedRegisters(AfterRefusal):
    def do(self, append: Append) -> None:
        for each in self.known_hooks():
            for new in append.hooks:
                if isinstance(new, NewHook):
                    self._state.hooks[each.run_id][new.key] = replace(each, key=new.key, token_hash=new.token_hash)


class RefusedCloses(AfterRefusal):
    def do(self, append: Append) -> None:
        for each in self.known_hooks():
            if HookClosing(key=each.key) in append.hooks:
                self.change_hook(each, closed=True)


class After(Tampering):
    """Does something to hooks after a commit."""

    def after(self, append: Append) -> None:
        raise NotImplementedError

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        outcomes = super().commit(operations)
        for operation in operations:
            if isinstance(operation, Append):
                self.after(operation)
        return outcomes


class BornByTheClock(After):
    """A hook may be older than its row."""

    def after(self, append: Append) -> None:
        for each in self.known_hooks():
            if each.seq >= append.seq and each.run_id == append.run_id:
                self.change_hook(each, created_at_ms=self._clock())


class ClosesWhatItHadBefore(After):
    """What the append that ends registers stays open."""

    def after(self, append: Append) -> None:
        for each in self.known_hooks():
            if append.status in ENDED and each.run_id == append.run_id and each.seq >= append.seq:
                self.change_hook(each, closed=False)


class BlockedIsClosed(After):
    def after(self, append: Append) -> None:
        for each in self.known_hooks():
            if append.status == "blocked" and each.run_id == append.run_id:
                self.change_hook(each, closed=True)


class PutAwayIsClosed(After):
    def after(self, append: Append) -> None:
        for each in self.known_hooks():
            if append.release and each.run_id == append.run_id:
                self.change_hook(each, closed=True)


class Backwards(MemoryWorld):
    """Operations are done in another order."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        inner = super().commit(list(reversed(operations)))

        async def turned() -> list[Outcome]:
            return list(reversed(await inner))

        return turned()


class CreatedAllTheSame(MemoryWorld):
    """The log doesn't say that the token was taken."""

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        log = await super().read_log(run_id, from_seq, limit)
        return log and replace(log, rows=tuple(replace(row, type=_created(row.type)) for row in log.rows))


class DecidesNothing(MemoryWorld):
    """The log doesn't say who has the token."""

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        log = await super().read_log(run_id, from_seq, limit)
        return log and replace(log, rows=tuple(replace(row, decided=None) for row in log.rows))


class Asking(MemoryWorld):
    """Answers other questions than those that were asked."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self._inner, self.hooks = self.hooks, self

    async def find(self, token_hash: str) -> HookFinding | None:
        return await self._inner.find(token_hash)

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        return await self._inner.list(filter)


class FindsTheYoungest(Asking):
    """By its time, which may be wrong."""

    async def find(self, token_hash: str) -> HookFinding | None:
        had = [self._state.hooks[run_id][key] for run_id, key in self._state.tokens.get(token_hash, ())]
        still = [each for each in had if not each.closed]
        youngest = max(still or had, key=lambda each: (each.created_at_ms, each.seq), default=None)
        found = await super().find(token_hash)
        return found and youngest and replace(found, record=youngest)


class FindsOnlyTheOpen(Asking):
    async def find(self, token_hash: str) -> HookFinding | None:
        found = await super().find(token_hash)
        return None if found is None or found.record.closed else found


class FindsTheRowBefore(Asking):
    async def find(self, token_hash: str) -> HookFinding | None:
        found = await super().find(token_hash)
        rows = self._state.runs[found.record.run_id].rows if found is not None else ()
        return found and replace(found, row=rows[found.record.seq - 2])


class FindsInAnyCase(Asking):
    async def find(self, token_hash: str) -> HookFinding | None:
        return await super().find(token_hash.lower())


class TheExpiredAreClosed(Asking):
    async def find(self, token_hash: str) -> HookFinding | None:
        found = await super().find(token_hash)
        over = found is not None and hook._expired(found.record, self._clock())
        return replace(found, record=replace(found.record, closed=True)) if over else found


class ListsTheExpired(Asking):
    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        known = [each for hooks in self._state.hooks.values() for each in hooks.values() if not each.closed]
        return tuple(sorted(known, key=lambda each: (each.run_id, each.seq), reverse=True)[: filter.limit])


class ListsTheClosed(Asking):
    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        known = [each for hooks in self._state.hooks.values() for each in hooks.values()]
        return tuple(sorted(known, key=lambda each: (each.run_id, each.seq), reverse=True)[: filter.limit])


class OldestOfARunFirst(Asking):
    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        found = sorted(await super().list(filter), key=lambda each: each.seq)
        return tuple(sorted(found, key=lambda each: each.run_id, reverse=True))


class CursorsAreRuns(Asking):
    """The rest of a run is lost between two pages."""

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        return await super().list(replace(filter, before=filter.before and (filter.before[0], 0)))


class CursorInclusive(Asking):
    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        return await super().list(replace(filter, before=filter.before and (filter.before[0], filter.before[1] + 1)))


class NoLimit(Asking):
    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        return await super().list(replace(filter, limit=20))


def _with(change, **changes):
    return replace(change, **changes) if isinstance(change, NewHook) else change


def _created(type: str) -> str:
    return "hook_created" if type == "hook_conflict" else type


def no_conflicts(outcome: Outcome) -> Outcome:
    return replace(outcome, conflicts={}) if isinstance(outcome, Appended) else outcome


def the_first_row_conflicts(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Appended) and outcome.conflicts:
        return replace(outcome, conflicts=dict(enumerate(outcome.conflicts.values())))
    return outcome


def always(hook: HookRecord, now_ms: int) -> bool:
    return True


def never(hook: HookRecord, now_ms: int) -> bool:
    return False


def late(hook: HookRecord, now_ms: int) -> bool:
    return hook.expires_at_ms is not None and hook.expires_at_ms < now_ms


def early(hook: HookRecord, now_ms: int) -> bool:
    return hook.expires_at_ms is not None and hook.expires_at_ms <= now_ms + 1


def nothing(*_: object) -> None:
    """What was to be done isn't."""


def everybodys(draft, run_id: RunId) -> None:
    for hooks in list(draft.hooks.values()):
        for each in hooks.values():
            draft.put_hook(replace(each, closed=True))


FAULTS: tuple[Fault, ...] = (
    TakesOver,
    OwnHooksGiveWay,
    ClosesByKeyAlone,
    ClosesByToken,
    ClosingsFirst,
    RegistrationsFirst,
    KeysAreReused,
    FirstRow,
    NoWebhooks,
    NeverExpires,
    RefusedRegisters,
    RefusedCloses,
    BornByTheClock,
    ClosesWhatItHadBefore,
    BlockedIsClosed,
    PutAwayIsClosed,
    Backwards,
    CreatedAllTheSame,
    DecidesNothing,
    FindsTheYoungest,
    FindsOnlyTheOpen,
    FindsTheRowBefore,
    FindsInAnyCase,
    TheExpiredAreClosed,
    ListsTheExpired,
    ListsTheClosed,
    OldestOfARunFirst,
    CursorsAreRuns,
    CursorInclusive,
    NoLimit,
    forgets(hooks=()),
    told(no_conflicts),
    told(the_first_row_conflicts),
    without(hook, "_expired", always),
    without(hook, "_expired", never),
    without(hook, "_expired", late),
    without(hook, "_expired", early),
    without(hook, "_free", nothing),
    without(hook, "close_all", nothing),
    without(hook, "close_all", everybodys),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
