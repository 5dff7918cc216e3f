"""Planted faults: each rule of docs/design.md taken out, one at a time, so that the simulation shows that it can see.

A fault replaces one small thing of the engine, the machine or the memory World while a simulation runs; the checker looks
afterwards, when all is honest again. `programs` and `rates` say where it shows soonest. The
search begins at `seed`, which has shown it once.

Of O4 the heartbeat's own thread and the death of a process on this host are left out: they need real threads and
processes, which tests/engine and `test_kill_process.py` have.
"""

from collections.abc import Callable
from dataclasses import dataclass

from perdure.testing.simulation.faults import NONE, Rates
from perdure.testing.simulation.simulation import Plan
from tests.faults.programs import PLAIN, SUITE
from tests.faults.rules import append, fork, hook, mail, ownership, queue, step, stream, transaction, turn
from tests.faults.rules.patching import Patching

NOT_PLANTED: dict[str, str] = {}
"""Rules and promises that nothing here can break yet: why."""

CRASHES = ("crashing", "bystander")
CONCURRENT = ("nested", "gathered", "queued", "raced")
SEQUENTIAL = ("sequence", "parent")
HOOKED = ("circles", "rivals", "again", "handed")
QUEUED = ("shipped", "launched")
STREAMS = ("streaming", "shutting", "publisher")
FORKED = ("forking",)
BOOKED = ("booking", "booked_cleanup")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A rule without effect; its name and what happens instead are in the docstring of `apply`."""

    apply: Callable[[], Patching]
    seed: int
    programs: tuple[str, ...] = ()
    each: bool = False
    rates: Rates | None = None
    restarts: float = 0.3
    workers: int | None = None

    @property
    def rule(self) -> str:
        return (self.apply.__doc__ or "").partition(": ")[0]

    @property
    def what(self) -> str:
        return (self.apply.__doc__ or "").partition(": ")[2]

    @property
    def plan(self) -> Plan:
        named = tuple(program for program in SUITE.programs if program.name.removeprefix("sim:") in self.programs)
        return Plan(
            suite=SUITE,
            programs=named or PLAIN,
            each=self.each,
            rates=self.rates,
            restarts=self.restarts,
            workers=self.workers,
        )


PLANTED = (
    Planted(apply=turn.split_answers, seed=11),
    Planted(apply=turn.new_requests_anywhere, seed=0, programs=("widened",)),
    Planted(apply=turn.missing_requests, seed=7, programs=("widened",)),
    Planted(apply=turn.other_events_count, seed=0),
    Planted(
        apply=turn.mail_before_the_answer, seed=13, programs=("saga", "parent", "guardian"), rates=Rates(kill=0.04)
    ),
    Planted(apply=turn.patched_always, seed=0, programs=("patched",)),
    Planted(apply=turn.patch_unrecorded, seed=2, programs=("patched",)),
    Planted(apply=turn.catchable_divergence, seed=0, programs=("changed",)),
    Planted(apply=append.unfenced, seed=0, programs=CONCURRENT, rates=Rates(lost=0.3, pause=0.03, slow=0.3)),
    Planted(apply=append.anywhere_in_the_log, seed=12),
    Planted(apply=append.blind_second_try, seed=0),
    Planted(apply=append.taken_for_landed, seed=0),
    Planted(apply=append.urgent_first, seed=0),
    Planted(apply=append.one_for_all, seed=4, programs=("indigestible", "nested", "queued"), each=True),
    Planted(apply=append.steps_before_children, seed=0, programs=("parent", "guardian")),
    Planted(apply=append.at_of_the_clock, seed=0, rates=Rates(clock=0.2)),
    Planted(apply=append.activated_before_started, seed=0),
    Planted(apply=append.acknowledged_early, seed=0),
    Planted(apply=mail.uncounted, seed=0, programs=("sleeper", "stubborn", "guardian", "parent")),
    Planted(apply=mail.for_the_dead, seed=0),
    Planted(
        apply=mail.left_behind,
        seed=9,
        programs=("gathered", "saga", "sequence", "guardian"),
        rates=Rates(slow=0.4, kill=0.01),
    ),
    Planted(apply=mail.taken_twice, seed=3, rates=Rates(lost=0.2, kill=0.01)),
    Planted(apply=mail.out_of_turn, seed=0, programs=HOOKED),
    Planted(apply=mail.handed_over_anyhow, seed=0, programs=HOOKED),
    Planted(
        apply=ownership.old_snapshots,
        seed=16,
        programs=("grouped", "gathered", "queued", "nested"),
        rates=Rates(stale=1.0, pause=0.01),
        restarts=1,
    ),
    Planted(apply=ownership.born_to_anyone, seed=9, rates=Rates(pause=0.03, slow=0.1)),
    Planted(apply=ownership.never_looking, seed=6),
    Planted(apply=ownership.endless_lease, seed=0, rates=Rates(pause=0.03, slow=0.1)),
    Planted(apply=ownership.lease_looked_at_once, seed=2, programs=SEQUENTIAL, rates=Rates(pause=0.1, slow=0.6)),
    Planted(
        apply=ownership.leaving_without_a_word,
        seed=0,
        programs=("sleeper", "patient", "sequence"),
        rates=NONE,
        restarts=1,
    ),
    Planted(apply=ownership.asleep_for_ever, seed=0),
    Planted(apply=ownership.every_death_counts, seed=7, programs=CRASHES, each=True, rates=NONE, workers=1),
    Planted(apply=ownership.no_death_counts, seed=0, programs=("crashing",), rates=NONE),
    Planted(apply=ownership.probation_together, seed=0, programs=CRASHES, each=True, rates=NONE, workers=1),
    Planted(apply=ownership.parked_runs_are_claimed, seed=8, programs=("indigestible", "changed", "widened")),
    Planted(apply=ownership.hints_alone, seed=4),
    Planted(apply=step.due_when_the_worker_says_so, seed=0),
    Planted(apply=step.interruptions_cost, seed=0, programs=("retrying", "saga"), rates=Rates(kill=0.03)),
    Planted(apply=step.impatient_owners, seed=1, programs=("backing",), rates=Rates(kill=0.02)),
    Planted(apply=step.started_when_it_suits, seed=0, programs=SEQUENTIAL, rates=Rates(kill=0.03, slow=0.3)),
    Planted(apply=step.once_more, seed=0, programs=SEQUENTIAL, rates=Rates(kill=0.02)),
    Planted(apply=step.parents_untold, seed=0, programs=("parent", "mixed")),
    Planted(apply=step.children_left, seed=0, programs=("guardian",)),
    Planted(apply=step.cancelled_too_late, seed=21),
    Planted(apply=step.no_force, seed=0, programs=("stubborn",)),
    Planted(apply=step.any_failure_taken_back, seed=0, programs=("acted", "mending")),
    Planted(apply=fork.forgetful, seed=0, programs=FORKED),
    Planted(apply=fork.in_two_commits, seed=0, programs=FORKED),
    Planted(apply=fork.begun_anew, seed=0, programs=FORKED, rates=Rates(lost=0.2)),
    Planted(apply=fork.chance_of_its_own, seed=0, programs=FORKED),
    Planted(apply=hook.decided_at_once, seed=0, programs=HOOKED),
    Planted(apply=hook.never_told, seed=0, programs=HOOKED),
    Planted(apply=hook.told_last, seed=0, programs=("tangled",), rates=Rates(slow=0.4)),
    Planted(apply=hook.steps_before_hooks, seed=0, programs=("handed",)),
    Planted(apply=hook.nobody_decides, seed=0, programs=("rivals",)),
    Planted(apply=hook.for_closed_hooks, seed=0, programs=("again", "ready")),
    Planted(apply=hook.for_expired_hooks, seed=0, programs=("expiring",)),
    Planted(apply=hook.resolved_anew, seed=0, programs=("again",)),
    Planted(apply=hook.known_by_another_name, seed=0, programs=("echoing",)),
    Planted(apply=hook.not_reopened, seed=0, programs=("repairing",)),
    Planted(apply=hook.expired_too_soon, seed=0, programs=("expiring",)),
    Planted(apply=hook.expired_by_the_worker, seed=0, programs=("expiring",)),
    Planted(apply=stream.open_after_the_end, seed=0, programs=STREAMS),
    Planted(apply=stream.numbers_left_out, seed=0, programs=STREAMS),
    Planted(apply=stream.closed_for_ever, seed=0, programs=("repairing",)),
    Planted(apply=stream.written_late, seed=0, programs=STREAMS),
    Planted(apply=stream.refused_together, seed=0, programs=("shutting",)),
    Planted(apply=stream.written_by_anybody, seed=0, programs=STREAMS),
    Planted(apply=stream.written_again, seed=0, programs=STREAMS, rates=Rates(lost=0.2)),
    Planted(apply=stream.kept_by_nobody, seed=0, programs=("streaming",)),
    Planted(apply=stream.taken_for_written, seed=0, programs=("shutting",), rates=Rates(lost=0.2)),
    Planted(apply=stream.speechless, seed=0, programs=("parted",)),
    Planted(apply=stream.interrupted, seed=0, programs=("parting",)),
    Planted(apply=queue.sent_again, seed=0, programs=QUEUED),
    Planted(apply=queue.begun_here_too, seed=0, programs=QUEUED),
    Planted(apply=queue.left_in_the_queue, seed=0, programs=("outrun", "deserting")),
    Planted(apply=queue.outcome_kept_to_itself, seed=0, programs=("shipped",)),
    Planted(apply=queue.last_word_lost, seed=0, programs=("restored", "gathering")),
    Planted(apply=queue.never_interrupted, seed=0, programs=("restored",)),
    Planted(apply=transaction.sent_again, seed=0, programs=BOOKED),
    Planted(apply=transaction.rows_whatever_happens, seed=0, programs=BOOKED, rates=Rates(pause=0.05, slow=0.3)),
    Planted(apply=transaction.completed_first, seed=0, programs=BOOKED, rates=Rates(kill=0.03)),
)
