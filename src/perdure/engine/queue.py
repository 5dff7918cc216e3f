"""Steps for other workers: what a worker serves, how a step goes to a queue, and how its outcome comes back.

A step whose queue its run's owner doesn't serve is sent: the append that says so starts a run of that one step, which
whoever serves the queue claims as any run. Its outcome comes as mail. Which workers a step goes to is the owner's matter:
the body asks for it all the same, so code may move a step to another queue while runs are under way.
"""

from typing import Protocol

from msgspec.structs import replace

from perdure.codec.failure import to_failure
from perdure.codec.keyring import KeyRing
from perdure.core.pending import OpenStep, Pending
from perdure.core.standing import StepStanding, steps_of
from perdure.engine.append import Entry, Header, end_letter, letter_home, queued_birth, stopped
from perdure.engine.log import to_events
from perdure.engine.registry import Registry
from perdure.engine.running import BUILT_IN
from perdure.errors import RunCancelled, StepNotRegistered
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import (
    ENDS,
    Event,
    Fact,
    QueuedStep,
    RunCreated,
    StepCompleted,
    StepFailed,
    StepQueued,
    StepStopped,
)
from perdure.model.ids import RunId, queued_run_id
from perdure.model.queue import DEFAULT, queued_name
from perdure.world.mail import Letter
from perdure.world.operation import Start
from perdure.world.world import World

NOTHING_SERVED: frozenset[str] = frozenset()


class Service:
    """What one worker runs, of all that its registry knows. `queues` None: every queue's."""

    def __init__(self, registry: Registry, queues: frozenset[str] | None = None) -> None:
        self._registry, self._queues = registry, queues
        self._owns = queues is None or DEFAULT in queues

    @property
    def workflows(self) -> frozenset[str]:
        """Those whose runs it owns: all, if it serves the default queue."""
        return self._registry.served if self._owns else NOTHING_SERVED

    def queued(self) -> tuple[str, ...]:
        """The names of the runs that are steps for it: every step that it knows, for each of its queues. Also those that
        its code has moved to another queue since: somebody has to run what lies there."""
        steps = [step for step in self._registry.steps() if not step.name.startswith(BUILT_IN)]
        queues = {step.queue for step in steps} if self._queues is None else self._queues
        return tuple(sorted(queued_name(queue, step.name) for queue in queues - {DEFAULT} for step in steps))

    def queue_of(self, step: str) -> str | None:
        """The queue that the step has to be sent to; None: it runs here."""
        if self._queues is None:
            return None
        try:
            queue = self._registry.step(step).queue
        except StepNotRegistered:
            return None  # its attempt will say so
        return None if queue in self._queues else queue


class Sender(Protocol):
    """The run that sends a step."""

    run_id: RunId
    header: Header
    definition: WorkflowDefinition

    def note(self, key: str, fact: Fact, *, urgent: bool, start: Start | None = None) -> None: ...


def send(run: Sender, step: OpenStep, queue: str) -> None:
    """The step goes to this queue. Attempt numbers go on, so each sending has an id of its own."""
    attempt = step.next_attempt
    step.fresh = False
    queued = StepQueued(
        queue=queue,
        run_id=queued_run_id(run.run_id, step.key, attempt),
        attempt=attempt,
        max_recoveries=run.definition.max_recoveries,
    )
    run.note(step.key, queued, urgent=True, start=queued_birth(run.header, step, queued))


def received(entry: Entry, pending: Pending) -> Entry:
    """What becomes of a letter. A step whose run somebody cancelled, and not on behalf of this run, has failed."""
    fact, step = entry.fact, pending.steps.get(entry.key)
    if not isinstance(fact, StepStopped) or step is None or step.queued is None or step.cut_off:
        return entry
    error = to_failure(RunCancelled(step.queued.run_id, fact.reason))
    return replace(entry, fact=StepFailed(attempt=fact.attempt, error=error))


def last_word(run_id: RunId, events: list[Event]) -> Letter | None:
    """The letter by which a child has told its parent of its end; a queued step, which does so before, of its outcome.
    None: it hasn't yet, or wasn't to."""
    created, last = events[0].fact, events[-1].fact
    assert isinstance(created, RunCreated), "L1: a log begins with run_created"
    if created.parent_id is None or created.parent_key is None:
        return None
    ended = isinstance(last, ENDS)
    if created.step is None:
        return end_letter(run_id, created.parent_id, created.parent_key, last) if ended else None
    outcomes = (event.fact for event in events if isinstance(event.fact, StepCompleted | StepFailed))
    word = next(outcomes, None) or (stopped(created.step, last, Pending(events)) if ended else None)
    return None if word is None else letter_home(run_id, created.parent_id, created.parent_key, "end", word)


def definition_of(step: QueuedStep, workflow: str, registry: Registry) -> WorkflowDefinition:
    """The workflow of a run that is this step: nobody wrote it. Raises: StepNotRegistered."""
    known = registry.step(step.name)
    return WorkflowDefinition(
        name=workflow,
        function=known.function,
        place=known.place,
        signature=known.signature,
        max_recoveries=step.max_recoveries,
    )


async def steps_with_queued(world: World, events: list[Event], keys: KeyRing | None = None) -> list[StepStanding]:
    """The run's steps; those that lie in a queue, or run there, as their own runs tell. Raises: DecodeError."""
    steps = steps_of(events)
    for step in steps:
        if step.queued is not None and step.completed_at_ms is None:
            log = await world.read_log(step.queued.run_id)
            for there in steps_of(to_events(log, keys)) if log is not None else ():
                step.status, step.attempt, step.error = there.status, there.attempt, there.error
                step.retry_at_ms = there.retry_at_ms
                step.started_at_ms = there.started_at_ms if step.started_at_ms is None else step.started_at_ms
    return steps
