"""Two Worlds that do the same agree; one with a rule taken out is found within a few seeds."""

import pytest
from msgspec.structs import replace

from perdure.testing.conformance import VirtualClock, compare
from perdure.world import Append, Claim, Claimed, Log, Operation, Send
from perdure.worlds.memory import MemoryWorld, hook, stream
from tests.testing.conformance.planted import Altered, Fault, faults, forgets, starts_without, without

pytestmark = pytest.mark.anyio


class ForgetsProbation(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        for run_id, kept in self._state.runs.items():
            self._state.runs[run_id] = replace(kept, probation=False)
        return await super().claim(claim)


class WakesByAt(Altered):
    """At once by the run's last `at`, which may be ahead of the clock."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if append.seize and kept is not None and append.wake_at_ms is None:
            return replace(append, wake_at_ms=max(kept.at_ms, self._clock()))
        return append


class LosesAnEpoch(MemoryWorld):
    async def read_log(self, run_id, from_seq: int = 1, limit: int | None = None) -> Log | None:
        log = await super().read_log(run_id, from_seq, limit)
        return log and replace(log, rows=tuple(replace(row, epoch=min(row.epoch, 3)) for row in log.rows))


class AnyPlaceOfChunks(Altered):
    """A second try writes again."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return append if kept is None else replace(append, writes=kept.record.writes)


class AnyHook(Altered):
    def alter_send(self, send: Send) -> Operation:
        return replace(send, hook=None)


class MailOfAll(MemoryWorld):
    async def owned(self, worker_id, *, with_mail: bool = False):
        return await super().owned(worker_id)


def nothing(*_: object) -> None:
    """What was to be done isn't."""


async def test_twins_agree() -> None:
    for seed in range(10):
        clock = VirtualClock()
        await compare(MemoryWorld(clock=clock), MemoryWorld(clock=clock), clock, seed)


async def test_a_seed_reproduces() -> None:
    sentences: list[str] = []
    for _ in range(2):
        clock = VirtualClock()
        with pytest.raises(AssertionError) as caught:
            await compare(MemoryWorld(clock=clock), forgets(seize=False)(clock=clock), clock, seed=1)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]
    assert sentences[0].startswith("seed 1, ")


@faults(
    (
        ForgetsProbation,
        WakesByAt,
        LosesAnEpoch,
        AnyPlaceOfChunks,
        AnyHook,
        MailOfAll,
        without(hook, "is_taken", nothing),
        without(hook, "_expired", nothing),
        without(hook, "_free", nothing),
        without(hook, "close_all", nothing),
        without(stream, "close_all", nothing),
        without(stream, "reopen", nothing),
        forgets(hooks=()),
        forgets(all_mail=False),
        forgets(chunks=()),
        forgets(due_ms=0),
        forgets(seize=False),
        forgets(hand_back=False),
        forgets(letters=()),
        forgets(mail_taken=()),
        forgets(children=()),
        forgets(attributes={}),
        forgets(turn_completed=False),
        starts_without(owner=None),
        starts_without(idempotency_key=None),
        starts_without(wake_at_ms=None),
    )
)
async def test_a_fault_is_found(fault: Fault) -> None:
    for seed in range(40):
        clock = VirtualClock()
        try:
            await compare(MemoryWorld(clock=clock), fault(clock=clock), clock, seed)
        except AssertionError:
            return
    pytest.fail("40 seeds found nothing")
