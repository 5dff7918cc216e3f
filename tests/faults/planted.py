"""Planted faults: each rule of docs/design.md taken out, one at a time, so that the simulation shows that it can see.

A plant replaces one small thing of the engine, the machine or the memory World while a simulation runs; the checker runs
afterwards, on honest code. `programs` and `rates` are where it shows soonest, `seed` is one that has shown it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from perdure.core.history import History
from perdure.core.machine import Machine, Verdict
from perdure.core.pending import Pending
from perdure.engine import append as appending
from perdure.engine import committer as committing
from perdure.engine import ownership as sweeping
from perdure.engine import retry as retrying
from perdure.engine import seizure as seizing
from perdure.engine.attempt import Attempts
from perdure.engine.committer import Committer
from perdure.engine.departure import Departure
from perdure.engine.engine import Engine
from perdure.engine.lease import LeaseKeeper
from perdure.engine.opening import Opener
from perdure.engine.outbox import Outbox
from perdure.engine.ownership import Sweeper
from perdure.engine.run import LiveRun
from perdure.engine.wait import Waits
from perdure.errors import WorldError
from perdure.model.event import REQUESTS, Event, PatchMarked, RunResumed, RunRetried, RunStarted, StepFailed, StepStarted
from perdure.replay import body as replaying
from perdure.testing.simulation.faults import ALL, NONE, Rates
from perdure.testing.simulation.simulation import Plan
from perdure.world import Append, Refusal, Refused, Started
from perdure.worlds.memory import commit as writing
from perdure.worlds.memory import ownership as owning
from perdure.worlds.memory.state import Draft, Kept
from perdure.worlds.memory.world import MemoryWorld
from tests.faults.programs import BYSTANDER, PROGRAMS, SUITE

Patching = AbstractContextManager[Any]
EVERYTHING = tuple(program.name.removeprefix("sim:") for program in PROGRAMS)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A rule without effect. `each`: every program once, instead of some of them."""

    rule: str
    what: str
    apply: Callable[[], Patching]
    programs: tuple[str, ...] = EVERYTHING
    rates: Rates | None = None
    each: bool = False
    restarts: float = 0.3
    workers: int | None = None
    seed: int = 0
    most: Rates = field(default=ALL)

    @property
    def plan(self) -> Plan:
        known = {program.name: program for program in (*PROGRAMS, BYSTANDER)}
        return Plan(
            suite=SUITE,
            programs=tuple(known[f"sim:{name}"] for name in self.programs),
            each=self.each,
            rates=self.rates,
            restarts=self.restarts,
            workers=self.workers,
            most=self.most,
        )


@contextmanager
def several(*patches: Patching) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


# -- T: turns


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
    """T2, first half: a request that an answered turn doesn't have is taken for new."""
    strict = Machine.request

    def request(machine: Machine, key: str, asked: Any, *rest: Any) -> Any:
        if not machine.closed and machine._history.request(key) is None:
            machine._awaited[key] = True
            return Verdict.NEW
        return strict(machine, key, asked, *rest)

    return patch.object(Machine, "request", request)


def missing_requests() -> Patching:
    """T2, second half: what an answered turn has may be left out."""
    return patch.object(Machine, "rest", lambda machine: None)


def other_events_count() -> Patching:
    """T3: any event makes a turn, also one that is told of a turn to come."""
    strict, plain = History.__init__, Outbox.add

    def init(history: History, events: Any = ()) -> None:
        strict(history, events)
        history.last_turn = history.next_turn - 1

    def add(outbox: Outbox, key: str, fact: Any, mail_id: Any = None) -> None:
        plain(outbox, key, fact, mail_id)
        if isinstance(fact, RunResumed):
            outbox._entries[-1] = outbox._entries[-1]._replace(turn=outbox.turn + 1)

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
        return whole(body)._replace(marks=list[PatchMarked]())

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


# -- L: the append


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
        return committing.Appended(at_ms=world.now_ms(), mail=0)

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
    never = property(lambda run: 0, lambda run, value: None)
    return patch.object(LiveRun, "_unregistered", never, create=True)


def at_of_the_clock() -> Patching:
    """L6: `at` is what the clock says, though it was set back."""
    return patch.object(writing, "max", lambda clock, last: clock, create=True)


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


# -- M: mail


def uncounted_mail() -> Patching:
    """M1: a letter lies in the inbox, and the run's row doesn't say so."""
    strict = writing._send

    def send(draft: Draft, letter: Any) -> Any:
        outcome, kept = strict(draft, letter), draft.runs.get(letter.run_id)
        if kept is not None:
            draft.runs[letter.run_id] = replace(kept, record=replace(kept.record, mail=0))
        return outcome

    return patch.object(writing, "_send", send)


def mail_for_the_dead() -> Patching:
    """M1: letters are accepted for runs that have ended."""
    return patch.object(writing, "ENDED", frozenset())


def end_with_mail() -> Patching:
    """M2: an end is not refused while mail waits."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        found = strict(kept, append, now_ms)
        return None if found is Refusal.MAIL and not append.release else found

    return patch.object(writing, "_refusal", refusal)


def forgotten_letters() -> Patching:
    """M3: a second try is looked for in the inbox alone, and the owner takes what its log has."""
    return several(
        patch.object(Kept, "knows", lambda kept, mail_id: any(letter.mail_id == mail_id for letter in kept.inbox)),
        patch.object(Kept, "logged", lambda kept, mail_id: False),
        patch("perdure.engine.mailbox.Mailbox.fresh", lambda mailbox, letters: list(letters)),
    )


# -- O: ownership


def old_snapshots() -> Patching:
    """O1: a log that reads shorter than the claim said is not read again."""
    strict = Opener.adopt

    async def adopt(opener: Opener, claimed: Any) -> None:
        await strict(opener, replace(claimed, length=0))

    return patch.object(Opener, "adopt", adopt)


def born_to_anyone() -> Patching:
    """O2: a run is born with an owner whose lease is over."""
    return patch.object(Draft, "is_live", lambda draft, worker_id: True)


def never_looking() -> Patching:
    """O3: a worker doesn't look for runs that it owns and doesn't hold."""

    async def find_owned(sweeper: Sweeper) -> None:
        sweeper._owned_at = sweeper._loop.time()

    return patch.object(Sweeper, "find_owned", find_owned)


def endless_lease() -> Patching:
    """O3: a worker begins steps though its lease has lapsed."""
    return patch.object(LeaseKeeper, "live", property(lambda keeper: True))


def leaving_without_a_word() -> Patching:
    """O4: a worker that stops hands nothing back."""

    async def retire(world: MemoryWorld, worker_id: Any, *, died: bool) -> None:
        pass

    return several(
        patch.object(Departure, "hand_back", lambda departure: None),
        patch.object(MemoryWorld, "retire", retire),
    )


def asleep_for_ever() -> Patching:
    """O5: a run that is put away doesn't say when it is due."""
    return patch.object(Pending, "next_ms", lambda pending: None)


def every_death_counts() -> Patching:
    """O6: deaths of runs that aren't on probation count as well."""
    strict = owning._take
    return patch.object(owning, "_take", lambda state, kept, worker: strict(state, replace(kept, probation=True), worker))


def no_death_counts() -> Patching:
    """O6: nobody counts."""
    strict = owning._hand_over

    def hand_over(state: Any, kept: Kept, worker_id: Any, recoveries: int, *, died: bool) -> Any:
        return strict(state, kept, worker_id, 0, died=died)

    return patch.object(owning, "_hand_over", hand_over)


def probation_together() -> Patching:
    """O6: all suspects are on probation at once."""
    strict = Opener.next_suspect

    async def next_suspect(opener: Opener) -> None:
        while opener._suspects:
            opener._on_probation = None
            await strict(opener)

    return patch.object(Opener, "next_suspect", next_suspect)


def parked_runs_are_claimed() -> Patching:
    """O7: a parked run is claimable, though nobody has retried it."""
    strict = owning.claim

    def claim(state: Any, asked: Any, now_ms: int) -> Any:
        parked = {run_id: kept for run_id, kept in state.runs.items() if kept.record.status == "blocked"}
        for run_id, kept in parked.items():
            state.runs[run_id] = replace(kept, record=replace(kept.record, status="running", wake_at_ms=0))
        claimed = strict(state, asked, now_ms)
        for run_id in parked.keys() - {run.run_id for run in claimed}:
            state.runs[run_id] = parked[run_id]
        return claimed

    return patch.object(owning, "claim", claim)


def hints_alone() -> Patching:
    """O8: a worker sweeps when it is told to, and only then."""
    return patch.object(sweeping, "SWEEP_S", 1e6)


# -- S: steps, waits, children, cancel


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
    strict = Attempts._begin

    def begin(attempts: Attempts, step: Any) -> None:
        if not step.at_most_once:
            strict(attempts, step)
            return
        step.fresh, attempt = False, step.attempts + 1
        attempts._run.note(step.key, StepStarted(attempt=attempt), urgent=False)
        attempts._launch(step, attempt)

    return patch.object(Attempts, "_begin", begin)


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
            run._offer(urgent=True)

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


# -- P: promises that no single rule keeps


def acknowledged_early() -> Patching:
    """P1: a start returns before it is durable."""
    strict = Committer.submit

    async def submit(committer: Committer, operation: Any) -> Any:
        if not hasattr(operation, "created"):
            return await strict(committer, operation)
        asyncio.get_running_loop().create_task(strict(committer, operation)).add_done_callback(_retrieve)
        at_ms = committer._world.now_ms()
        return Started(run_id=operation.run_id, created=True, owned=operation.owner is not None, at_ms=at_ms)

    return patch.object(Committer, "submit", submit)


def _retrieve(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()


assert Engine is not None

# What can be planted in this issue. Left out: T5 (what the World decides: tokens of hooks, and keys of children, which
# derive from the parent here), S7 (streams), and of O4 the heartbeat's thread and the process's death, which need real
# threads and processes.
PLANTED = (
    Planted(rule="T1", what="an answer is split", apply=split_answers),
    Planted(rule="T2 new", what="an answered turn gets new requests", apply=new_requests_anywhere, programs=("widened", "changed")),
    Planted(rule="T2 missing", what="an answered turn lacks requests", apply=missing_requests, programs=("widened",)),
    Planted(rule="T3", what="other events count as turns", apply=other_events_count),
    Planted(rule="T4", what="mail is taken before the replay", apply=mail_before_the_answer, programs=("saga", "parent", "guardian"), rates=Rates(kill=0.04)),
    Planted(rule="T6 always", what="patched() is True in any place", apply=patched_always, programs=("patched",)),
    Planted(rule="T6 unrecorded", what="patched() is not recorded", apply=patch_unrecorded, programs=("patched",)),
    Planted(rule="T7", what="a divergence can be caught", apply=catchable_divergence, programs=("changed",)),
    Planted(rule="L1 owner", what="owner and epoch aren't compared", apply=unfenced, rates=Rates(lost=0.3, kill=0.03, slow=0.2)),
    Planted(rule="L1 place", what="the place isn't compared", apply=anywhere_in_the_log),
    Planted(rule="L2 blind", what="a blind second try", apply=blind_second_try),
    Planted(rule="L2 hopeful", what="a lost answer is taken for a good one", apply=taken_for_landed),
    Planted(rule="L3", what="urgent overtakes lazy", apply=urgent_first),
    Planted(rule="L4", what="one run's append spoils the batch", apply=one_for_all, programs=("indigestible", "nested", "queued"), each=True),
    Planted(rule="L5", what="steps don't wait for children", apply=steps_before_children, programs=("parent", "guardian")),
    Planted(rule="L6 at", what="time goes back with the clock", apply=at_of_the_clock, most=Rates(clock=0.3)),
    Planted(rule="L6 start", what="the body runs before run_started", apply=activated_before_started),
    Planted(rule="M1 count", what="mail isn't counted", apply=uncounted_mail, programs=("sleeper", "stubborn", "guardian", "parent")),
    Planted(rule="M1 alive", what="the dead get mail", apply=mail_for_the_dead),
    Planted(rule="M2", what="an end leaves mail behind", apply=end_with_mail, programs=("gathered", "saga", "sequence", "guardian"), rates=Rates(slow=0.4, kill=0.01)),
    Planted(rule="M3", what="letters are taken twice", apply=forgotten_letters),
    Planted(rule="O1", what="an old snapshot is believed", apply=old_snapshots, programs=("grouped", "gathered", "queued", "nested"), rates=Rates(stale=1.0, pause=0.01), restarts=1),
    Planted(rule="O2", what="birth with a lapsed lease", apply=born_to_anyone),
    Planted(rule="O3 owned", what="nobody looks for what it owns", apply=never_looking),
    Planted(rule="O3 lease", what="steps begin without a lease", apply=endless_lease, rates=Rates(pause=0.03, slow=0.1)),
    Planted(rule="O4", what="a stop hands nothing back", apply=leaving_without_a_word, programs=("sleeper", "patient", "sequence"), rates=NONE, restarts=1),
    Planted(rule="O5", what="put away without a due time", apply=asleep_for_ever),
    Planted(rule="O6 all", what="every death counts", apply=every_death_counts, programs=("crashing", "bystander"), rates=NONE, each=True, workers=1),
    Planted(rule="O6 none", what="no death counts", apply=no_death_counts, programs=("crashing",), rates=NONE),
    Planted(rule="O6 together", what="suspects share a probation", apply=probation_together, programs=("crashing", "bystander"), rates=NONE, each=True, workers=1),
    Planted(rule="O7", what="parked runs are claimed", apply=parked_runs_are_claimed, programs=("indigestible", "changed", "widened")),
    Planted(rule="O8", what="hints are relied on", apply=hints_alone),
    Planted(rule="S1", what="waits end by the worker's clock", apply=due_when_the_worker_says_so),
    Planted(rule="S2 budget", what="interruptions cost retries", apply=interruptions_cost, programs=("retrying", "saga"), rates=Rates(kill=0.03)),
    Planted(rule="S2 back-off", what="a new owner doesn't back off", apply=impatient_owners, programs=("backing",), rates=Rates(kill=0.02)),
    Planted(rule="S3 first", what="an at-most-once start isn't committed first", apply=started_when_it_suits, programs=("sequence", "parent"), rates=Rates(kill=0.03, slow=0.3)),
    Planted(rule="S3 again", what="an at-most-once attempt is repeated", apply=once_more, programs=("sequence", "mixed", "parent")),
    Planted(rule="S4 parent", what="parents aren't told", apply=parents_untold, programs=("parent", "mixed")),
    Planted(rule="S4 children", what="children aren't cancelled", apply=children_left, programs=("guardian",)),
    Planted(rule="S5 early", what="an early cancel comes too late", apply=cancelled_too_late),
    Planted(rule="S5 force", what="force never comes", apply=no_force, programs=("stubborn",)),
    Planted(rule="S6", what="a failure that was acted on is taken back", apply=any_failure_taken_back, programs=("acted", "mending")),
    Planted(rule="P1", what="a start returns too early", apply=acknowledged_early),
)  # fmt: skip
