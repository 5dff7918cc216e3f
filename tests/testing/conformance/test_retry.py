"""Each rule of retries in place, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.model.status import ENDED
from perdure.testing.conformance.retry import CHECKS
from perdure.world import Append, HookRecord, HookReopening, NewHook, Outcome, Refusal, Refused
from perdure.worlds.memory import commit, hook, stream
from tests.testing.conformance.planted import Fault, Tampering, caught, faults, forgets, idle, told, without

pytestmark = pytest.mark.anyio

reopenable, open_hook, reopen = hook._reopenable, hook._open_hook, stream.reopen


class OpensAll(Tampering):
    """Also hooks that the append doesn't name."""

    def alter_append(self, append: Append) -> Append:
        mine = self._state.hooks.get(append.run_id, {})
        more = tuple(HookReopening(key=key) for key in mine) if append.seize else ()
        return replace(append, hooks=append.hooks + more)


class OpensNone(Tampering):
    def alter_append(self, append: Append) -> Append:
        return replace(append, hooks=tuple(change for change in append.hooks if not isinstance(change, HookReopening)))


class OpensOnlyOne(Tampering):
    def alter_append(self, append: Append) -> Append:
        reopenings = [change for change in append.hooks if isinstance(change, HookReopening)]
        return replace(append, hooks=tuple(change for change in append.hooks if change not in reopenings[1:]))


class OpensByKeyAlone(Tampering):
    def alter_append(self, append: Append) -> Append:
        for each in self.known_hooks():
            if HookReopening(key=each.key) in append.hooks and each.run_id != append.run_id:
                self.change_hook(each, closed=True)
        return append


class OpensAfresh(Tampering):
    """As if it had been registered now."""

    def alter_append(self, append: Append) -> Append:
        for each in self.known_hooks():
            if HookReopening(key=each.key) in append.hooks and each.run_id == append.run_id:
                self.change_hook(each, created_at_ms=self._clock())
        return append


class OpenOnesHinder(Tampering):
    """A reopening of an open hook finds the token taken, by itself."""

    def alter_append(self, append: Append) -> Append:
        taken = any(
            HookReopening(key=each.key) in append.hooks and each.run_id == append.run_id and not each.closed
            for each in self.known_hooks()
        )
        return replace(append, epoch=-1) if taken else append


class RegistersFirst(Tampering):
    """What is registered in the same append has the token already."""

    def alter_append(self, append: Append) -> Append:
        new = [change for change in append.hooks if isinstance(change, NewHook)]
        return replace(append, hooks=tuple(new) if new else append.hooks)


def never(*_: object) -> bool:
    return False


def with_the_expired(draft, append: Append) -> list[HookRecord]:
    mine = draft.hooks.get(append.run_id, {})
    keys = [asked.key for asked in append.hooks if isinstance(asked, HookReopening) and asked.key in mine]
    return [mine[key] for key in keys if mine[key].closed]


def but_for_those_that_expire(draft, append: Append) -> list[HookRecord]:
    return [each for each in reopenable(draft, append) if each.expires_at_ms is None]


def whoever_has_it(hooks, tokens, token_hash: str) -> HookRecord | None:
    """The expired too."""
    found = open_hook(hooks, tokens, token_hash)
    return found and replace(found, expires_at_ms=None)


def one_by_one(draft, append: Append) -> bool:
    """Doesn't see that two want the same."""
    return any(
        (holder := open_hook(draft.hooks, draft.tokens, each.token_hash)) is not None
        and not hook._expired(holder, draft.now_ms)
        for each in reopenable(draft, append)
    )


def nothing(*_: object) -> None:
    """What was to be done isn't."""


def what_writers_closed_too(draft, run_id) -> None:
    for name, each in draft.streams.get(run_id, {}).items():
        draft.put_stream(run_id, name, replace(each, closed=False, by_end=False))


def everybodys(draft, run_id) -> None:
    for each in list(draft.streams):
        reopen(draft, each)


def as_the_run_stands(draft, writer, new) -> bool:
    """The append's own run is dead until the append is done."""
    return draft.runs[writer].record.status not in ENDED and write(draft, writer, new)


def after_the_end(draft, append: Append) -> tuple[int, ...]:
    """The end closes what its own append would have closed."""
    if append.status in ENDED:
        append = replace(append, chunks=tuple(replace(new, close=False) for new in append.chunks))
    return write_streams(draft, append)


def taken_first(outcome: Outcome) -> Outcome:
    early = isinstance(outcome, Refused) and outcome.refusal is Refusal.EARLY
    return Refused(refusal=Refusal.HOOK) if early else outcome


def with_the_clock(outcome: Outcome) -> Outcome:
    return replace(outcome, now_ms=1) if isinstance(outcome, Refused) else outcome


write, write_streams = stream._write, commit._write_streams

FAULTS: tuple[Fault, ...] = (
    OpensAll,
    OpensNone,
    OpensOnlyOne,
    OpensByKeyAlone,
    OpensAfresh,
    OpenOnesHinder,
    RegistersFirst,
    forgets(hooks=()),
    forgets(chunks=()),
    told(taken_first),
    told(with_the_clock),
    without(hook, "is_taken", never),
    without(hook, "is_taken", one_by_one),
    without(hook, "_reopenable", with_the_expired),
    without(hook, "_reopenable", but_for_those_that_expire),
    without(hook, "_open_hook", whoever_has_it),
    without(hook, "_free", nothing),
    without(stream, "reopen", nothing),
    without(stream, "reopen", what_writers_closed_too),
    without(stream, "reopen", everybodys),
    without(stream, "_write", as_the_run_stands),
    without(commit, "_write_streams", after_the_end),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
