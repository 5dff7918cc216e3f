"""A recorded run and today's code for it: which events there are, which of them a body gets to, and what was known when."""

from perdure.core.retried import taken_back
from perdure.engine.registry import Registry
from perdure.errors import UsageError
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import (
    DELIVERIES,
    ENDS,
    REQUESTS,
    AttributesSet,
    Event,
    HookConflict,
    RunCreated,
    RunRetried,
    RunStarted,
)
from perdure.model.ids import RunId


class Recording:
    """`events`: the whole log; `definition`: today's code."""

    def __init__(self, run_id: RunId, events: list[Event], registry: Registry) -> None:
        """Raises: WorkflowNotRegistered, UsageError where there is nothing to replay."""
        created = events[0].fact
        assert isinstance(created, RunCreated), "L1: a log begins with run_created"
        if created.step is not None:
            raise UsageError(f"run {run_id} is a step of run {created.parent_id}: debug that")
        started = next((event for event in events if isinstance(event.fact, RunStarted)), None)
        if started is None:
            raise UsageError(f"run {run_id} hasn't begun: there is nothing of its body to see yet")
        self.run_id, self.events, self.created = run_id, events, created
        self.definition: WorkflowDefinition = registry.workflow(created.workflow)
        self.started_seq = started.seq
        self._asked = {event.key: event.seq for event in events if is_request(event)}

    @property
    def last_seq(self) -> int:
        return self.events[-1].seq

    def event(self, seq: int) -> Event:
        """Raises: UsageError where there is none with that number."""
        if not 1 <= seq <= self.last_seq:
            raise UsageError(f"run {self.run_id} has the events 1 to {self.last_seq}, and no event {seq}")
        return self.events[seq - 1]

    def asked_by(self, key: str) -> int | None:
        """The event of the request with this key; None: it isn't in the log yet."""
        return self._asked.get(key)

    def as_of(self, seq: int | None) -> list[Event]:
        """The log before the next retry of the run after that event: until then, what the retry takes back held."""
        later = (event.seq for event in self.events if isinstance(event.fact, RunRetried))
        until = next((retry for retry in later if seq is not None and retry > seq), None)
        return self.events if until is None else self.events[: until - 1]

    def rest_after(self, seq: int) -> int:
        """The turn at whose end the body rests as it did when this event was recorded."""
        events = self.as_of(seq)
        skipped = taken_back(events)
        reached = (event for event in events if event.seq <= seq and event.seq not in skipped and is_reached(event))
        return max((event.turn for event in reached), default=0)

    def reached_before(self, seq: int) -> int | None:
        """The event before this one that the body gets to, or got to before a retry; None: there is none."""
        return max((event.seq for event in self.events if event.seq < seq and is_reached(event)), default=None)

    def reached_after(self, seq: int) -> int | None:
        return next((event.seq for event in self.events if event.seq > seq and is_reached(event)), None)


def is_request(event: Event) -> bool:
    """Whether the body asked for it."""
    if isinstance(event.fact, AttributesSet):
        return not event.fact.by_step
    return isinstance(event.fact, (*REQUESTS, HookConflict))


def is_reached(event: Event) -> bool:
    """Whether it is the body's: it begins or ends with it, asks for it, or gets it. What else is in a log changes nothing."""
    return is_request(event) or isinstance(event.fact, (RunStarted, *DELIVERIES, *ENDS))
