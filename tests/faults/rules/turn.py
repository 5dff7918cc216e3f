"""T: what takes the rules of turns out."""

from typing import Any

from msgspec.structs import replace

from perdure.core.history import History
from perdure.core.machine import Machine, Verdict
from perdure.engine.outbox import Outbox
from perdure.engine.run import LiveRun
from perdure.model.event import REQUESTS, PatchMarked, RunResumed
from perdure.replay import body as replaying
from perdure.world import Append
from tests.faults.rules.patching import Patching, patch, several


def split_answers() -> Patching:
    """T1: each request of an answer is an append of its own."""
    whole = LiveRun.take

    def take(run: LiveRun) -> Append | None:
        outbox = run.outbox
        asked = [place for place, entry in enumerate(outbox._entries) if isinstance(entry.fact, REQUESTS)]
        if len(asked) < 2:
            return whole(run)
        later, outbox._entries = outbox._entries[asked[1] :], outbox._entries[: asked[1]]
        arrivals, outbox._arrivals = outbox._arrivals, []
        append = whole(run)
        outbox._entries, outbox._arrivals = later + outbox._entries, arrivals + outbox._arrivals
        run.host.committer.offer(run, urgent=False)
        return append

    return patch.object(LiveRun, "take", take)


def new_requests_anywhere() -> Patching:
    """T2: a request that an answered turn doesn't have is taken for new."""
    strict = Machine.request

    def request(machine: Machine, key: str, asked: Any, *rest: Any) -> Any:
        if not machine.closed and machine._history.request(key) is None:
            machine._awaited[key] = True
            return Verdict.NEW
        return strict(machine, key, asked, *rest)

    return patch.object(Machine, "request", request)


def missing_requests() -> Patching:
    """T2: what an answered turn has may be left out."""
    return patch.object(Machine, "rest", lambda machine: None)


def other_events_count() -> Patching:
    """T3: any event makes a turn, also one that is told of a turn to come."""
    strict, plain = History.__init__, Outbox.add

    def init(history: History, events: Any = ()) -> None:
        strict(history, events)
        history.last_turn = history.next_turn - 1

    def add(outbox: Outbox, key: str, fact: Any, *rest: Any, **options: Any) -> None:
        plain(outbox, key, fact, *rest, **options)
        if isinstance(fact, RunResumed):
            outbox._entries[-1].turn = outbox.turn + 1

    return several(patch.object(History, "__init__", init), patch.object(Outbox, "add", add))


def mail_before_the_answer() -> Patching:
    """T4: a new owner takes the mail that came with its claim before it has replayed."""
    strict = Outbox.take

    def take(outbox: Outbox, wanted: Any, *rest: Any, **options: Any) -> Append | None:
        return strict(outbox, wanted or (lambda key: True), *rest, **options)

    return patch.object(Outbox, "take", take)


def patched_always() -> Patching:
    """T6: the first call is True, wherever the log stands."""

    def patched(machine: Machine, name: str) -> tuple[bool, bool]:
        new = name not in machine._patches
        return machine._patches.setdefault(name, True), new

    return patch.object(Machine, "patched", patched)


def patch_unrecorded() -> Patching:
    """T6: the answer isn't recorded."""
    whole = replaying.Body.take_answer

    def take_answer(body: Any) -> Any:
        return replace(whole(body), marks=list[PatchMarked]())

    return patch.object(replaying.Body, "take_answer", take_answer)


def catchable_divergence() -> Patching:
    """T7: a divergence is an exception like any other, and forgotten when it is caught."""
    strict = Machine._diverge

    def diverge(machine: Machine, *sides: Any) -> Any:
        found = strict(machine, *sides)
        machine.divergence, machine.closed = None, False
        return found

    class Diverged(Exception):
        pass

    return several(patch.object(Machine, "_diverge", diverge), patch.object(replaying, "BodyDiverged", Diverged))
