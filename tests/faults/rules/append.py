"""L: what takes the rules of the append out; and the promise of a start (P1)."""

import asyncio
from typing import Any

from msgspec.structs import replace

from perdure.engine import committer as committing
from perdure.engine.answer import Answers
from perdure.engine.committer import Committer
from perdure.engine.outbox import Outbox
from perdure.engine.run import LiveRun
from perdure.errors import WorldError
from perdure.model.event import Event, RunStarted
from perdure.world import Append, Appended, Refusal, Refused, Started
from perdure.worlds.memory import commit as writing
from perdure.worlds.memory.state import Kept
from tests.faults.rules.patching import Patching, patch


def unfenced() -> Patching:
    """L1: the store compares neither owner nor epoch."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        found = strict(kept, append, now_ms)
        if found is Refusal.FENCED:
            mine: Any = kept.record.owner
            found = strict(kept, replace(append, owner=mine, epoch=kept.record.epoch), now_ms)
        return found

    return patch.object(writing, "_refusal", refusal)


def anywhere_in_the_log() -> Patching:
    """L1: the store doesn't compare the place."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        return strict(kept, replace(append, seq=kept.record.length + 1), now_ms)

    return patch.object(writing, "_refusal", refusal)


def blind_second_try() -> Patching:
    """L2: after a lost answer the append is sent again, wherever the log ends by then."""

    async def resolve(world: Any, operation: Any) -> Any:
        while True:
            try:
                outcome = (await world.commit([operation]))[0]
                if not (isinstance(outcome, Refused) and outcome.refusal is Refusal.PLACE):
                    return outcome
                log = await world.read_log(operation.run_id)
                operation = replace(operation, seq=log.run.length + 1)
            except WorldError:
                await asyncio.sleep(0.03)

    return patch.object(committing, "resolve", resolve)


def taken_for_landed() -> Patching:
    """L2: a lost answer is taken for a good one."""

    async def landed(world: Any, append: Append) -> Any:
        return Appended(at_ms=world.now_ms(), mail=0)

    return patch("perdure.engine.resolve._landed", landed)


def urgent_first() -> Patching:
    """L3: what is urgent, a delivery, overtakes what is lazy, the answer before it."""
    strict = Outbox._with_arrivals

    def with_arrivals(outbox: Outbox, entries: Any, wanted: Any) -> Any:
        together = strict(outbox, entries, wanted)
        if outbox.ending or outbox.parking:
            return together
        return [*together[len(entries) :], *entries]

    return patch.object(Outbox, "_with_arrivals", with_arrivals)


def one_for_all() -> Patching:
    """L4: a batch that fails fails for everybody in it."""

    async def recover(committer: Committer, batch: Any, error: BaseException) -> Any:
        if isinstance(error, WorldError):
            return await strict(committer, batch, error)
        return [error for _ in batch]

    strict = Committer._recover
    return patch.object(Committer, "_recover", recover)


def steps_before_children() -> Patching:
    """L5: steps don't wait for the children of their run to be registered."""
    return patch.object(Answers, "unregistered", property(lambda answers: 0, lambda answers, value: None))


def at_of_the_clock() -> Patching:
    """L6: `at` is what the clock says, though it was set back."""

    def later(*given: Any) -> Any:
        return given[0] if len(given) > 1 else max(given[0])

    return patch.object(writing, "max", later, create=True)


def activated_before_started() -> Patching:
    """L6: the body runs while run_started is on its way."""
    strict = LiveRun.open

    def open_(run: LiveRun, preface: Any, letters: Any) -> None:
        if not isinstance(preface, RunStarted):
            strict(run, preface, letters)
            return
        run.outbox.add("", preface)
        now_ms = run.host.world.now_ms()
        run._events.append(Event(seq=2, turn=0, epoch=run.outbox.epoch, key="", at_ms=now_ms, fact=preface))
        strict(run, None, letters)

    return patch.object(LiveRun, "open", open_)


def acknowledged_early() -> Patching:
    """P1: a start returns before it is durable."""
    strict = Committer.submit

    async def submit(committer: Committer, operation: Any, *heard: Any) -> Any:
        if not hasattr(operation, "created"):
            return await strict(committer, operation, *heard)
        strict(committer, operation, *heard).add_done_callback(_retrieve)
        at_ms = committer._world.now_ms()
        return Started(run_id=operation.run_id, created=True, owned=operation.owner is not None, at_ms=at_ms)

    return patch.object(Committer, "submit", submit)


def _retrieve(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()
