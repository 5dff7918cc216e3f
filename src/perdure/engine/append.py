"""From facts to an append: everything that must be true in the transaction of an event follows from the event itself."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from perdure.codec.compression import compressed
from perdure.codec.fact import pack
from perdure.core.pending import OpenStep, Pending
from perdure.core.transitions import advance
from perdure.engine.telemetry import NO_TRACE
from perdure.model.event import (
    DELIVERIES,
    ENDS,
    NOTHING,
    AttributesSet,
    CancelRequested,
    ChildCancelled,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Fact,
    HookCreated,
    HookDisposed,
    HookExpired,
    QueuedStep,
    RequestsReleased,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRepinned,
    RunStarted,
    StepCompleted,
    StepFailed,
    StepQueued,
    StepStopped,
    StreamClosed,
    StreamWritten,
    WaitCompleted,
)
from perdure.model.ids import MailId, RunId, WorkerId, letter_id, token_hash
from perdure.model.queue import queued_name
from perdure.model.status import ENDED, Status
from perdure.world.hook import HookChange, HookClosing, NewHook
from perdure.world.log import NewRow
from perdure.world.mail import Letter
from perdure.world.operation import Append, Start
from perdure.world.stream import NewChunks

_COMPLETE_TURNS = frozenset(DELIVERIES)
_HAVE_EFFECTS = frozenset(
    (
        WaitCompleted, ChildCreated, AttributesSet, HookCreated, HookDisposed, HookExpired, StreamWritten, StreamClosed,
        StepQueued, RequestsReleased, RunRepinned, *ENDS,
    )
)  # fmt: skip
_HAVE_EFFECTS_IN_A_STEP = _HAVE_EFFECTS | {StepCompleted, StepFailed}


class Entry(Struct, gc=False):
    """A fact on its way into the log. An arrival gets its `turn` when it is written. `start`: of the run that a step is sent
    to a queue as. It is made when the step is sent: by the time that this is written nobody may wait for the step any more.
    """

    turn: int
    key: str
    fact: Fact
    mail_id: MailId | None = None
    start: Start | None = None


class Header(NamedTuple):
    """What an append must know of its run. `parent_key` is None for a run that nobody waits for; `step` is set where the
    run is a step of its parent. Its children, and the steps that it sends to queues, share its pin and its trace."""

    run_id: RunId
    root_id: RunId
    owner: WorkerId
    parent_id: RunId | None
    parent_key: str | None
    deployment: str
    step: QueuedStep | None = None
    pin: str = ""
    trace: dict[str, str] = NO_TRACE

    @property
    def step_of(self) -> RunId:
        """The run that its steps are of, as they see it."""
        return self.parent_id if self.step is not None and self.parent_id is not None else self.run_id


class Births(NamedTuple):
    """Which workflows this worker serves: their children are its own at birth."""

    owner: WorkerId
    workflows: frozenset[str]


def compose(
    header: Header,
    epoch: int,
    seq: int,
    status: Status,
    entries: Iterable[Entry],
    births: Births,
    pending: Pending,
) -> tuple[Append, Status]:
    """The append of these entries, and the run's status after it."""
    rows: list[NewRow] = []
    effects: _Effects | None = None
    after, turn_completed = status, False
    have_effects = _HAVE_EFFECTS if header.step is None else _HAVE_EFFECTS_IN_A_STEP
    for entry in entries:
        fact, mail_id = entry.fact, entry.mail_id
        kind = type(fact)
        after = advance(after, fact)
        rows.append(NewRow(turn=entry.turn, type=kind.type, key=entry.key, payload=pack(fact), mail_id=mail_id))
        if kind in _COMPLETE_TURNS:
            turn_completed = True
        if mail_id is not None or (kind in have_effects and not _ends_in_silence(header, kind, pending)):
            effects = effects or _Effects(header, births, pending)
            effects.see(seq, len(rows) - 1, entry)
    append = Append(
        run_id=header.run_id,
        owner=header.owner,
        epoch=epoch,
        seq=seq,
        rows=tuple(rows),
        status=after if after != status else None,
        turn_completed=turn_completed,
    )
    return (append if effects is None else effects.onto(append)), after


def _ends_in_silence(header: Header, kind: type[Fact], pending: Pending) -> bool:
    """Whether it is the end of a run of which nobody has to hear, as most are."""
    return kind is RunCompleted and header.parent_id is None and not pending.steps


class _Effects:
    """What the entries do beside being rows."""

    def __init__(self, header: Header, births: Births, pending: Pending) -> None:
        self._header, self._births, self._pending = header, births, pending
        self.due_ms = 0
        self.mail_taken: list[str] = []
        self.letters: list[Letter] = []
        self.children: list[Start] = []
        self.attributes: dict[str, str | None] = {}
        self.pin: str | None = None
        self.hooks: list[HookChange] = []
        self.chunks: list[NewChunks] = []
        self.all_mail = False

    def see(self, seq: int, place: int, entry: Entry) -> None:
        """`seq`: of the append's first row; `place`: of the entry's row after it."""
        key, fact, header = entry.key, entry.fact, self._header
        if entry.mail_id is not None:
            self.mail_taken.append(entry.mail_id)
        if isinstance(fact, WaitCompleted):
            self.due_ms = self.due_ms if fact.woken else max(self.due_ms, fact.due_ms)
        elif isinstance(fact, ChildCreated):
            self.children.append(birth(header, key, fact, self._births))
        elif entry.start is not None:
            self.children.append(entry.start)
        elif isinstance(fact, AttributesSet):
            self._set_attributes(seq + place, fact)
        elif isinstance(fact, RunRepinned):
            self.pin = fact.pin
        elif isinstance(fact, ENDS):
            self.letters.extend(last_letters(header, fact, self._pending))
        elif isinstance(fact, RequestsReleased):
            self.letters += [_stop(run, f"its run {header.run_id} waits for it no more") for run in fact.runs]
        elif isinstance(fact, StepCompleted | StepFailed) and header.step is not None:
            self.letters.append(_home(header, "end", fact))
        elif isinstance(fact, HookCreated | HookDisposed | HookExpired):
            self._see_hook(place, key, fact)
        elif isinstance(fact, StreamWritten | StreamClosed):
            self.chunks.append(written(header.run_id, fact))

    def _set_attributes(self, seq: int, fact: AttributesSet) -> None:
        """Those of the run whose step sets them: the parent hears of it where the step is a run."""
        if self._header.step is None:
            self.attributes.update(fact.changes)
        else:
            self.letters.append(_home(self._header, f"attr.{seq}", fact))

    def _see_hook(self, place: int, key: str, fact: HookCreated | HookDisposed | HookExpired) -> None:
        if isinstance(fact, HookCreated):
            self.hooks.append(new_hook(place, key, fact))
            return
        self.hooks.append(HookClosing(key=key))
        if isinstance(fact, HookExpired):  # what was accepted before stands before it
            self.due_ms, self.all_mail = max(self.due_ms, fact.due_ms), True

    def onto(self, append: Append) -> Append:
        return replace(
            append,
            due_ms=self.due_ms,
            mail_taken=tuple(self.mail_taken),
            letters=tuple(self.letters),
            children=tuple(self.children),
            attributes=self.attributes,
            pin=self.pin,
            hooks=tuple(self.hooks),
            chunks=tuple(self.chunks),
            all_mail=self.all_mail,
        )


def written(run_id: RunId, fact: StreamWritten | StreamClosed) -> NewChunks:
    """What a body's write does to the stream."""
    data = (compressed(bytes(fact.data)),) if isinstance(fact, StreamWritten) else ()
    return NewChunks(run_id=fact.run_id or run_id, stream=fact.stream, data=data, close=isinstance(fact, StreamClosed))


def last_chunks(append: Append, pending: Pending) -> tuple[NewChunks, ...]:
    """What the end in this append writes to the run's streams, behind all else (S7)."""
    if append.status not in ENDED or not pending.epilogues:
        return ()
    told = [(epilogue.stream, getattr(epilogue, append.status)) for epilogue in pending.epilogues.values()]
    return tuple(
        NewChunks(run_id=append.run_id, stream=stream, data=tuple(compressed(bytes(chunk)) for chunk in data))
        for stream, data in told
        if data
    )


def new_hook(place: int, key: str, fact: HookCreated) -> NewHook:
    """`place`: of its row in the append."""
    return NewHook(
        key=key,
        token_hash=token_hash(fact.token),
        row=place,
        webhook=fact.webhook is not None,
        expires_at_ms=fact.expires_ms,
    )


def birth(parent: Header, key: str, child: ChildCreated, births: Births) -> Start:
    """The start of a child, in the transaction of the event that asks for it."""
    born = child.due_ms is None and child.workflow in births.workflows
    return Start(
        run_id=child.run_id,
        workflow=child.workflow,
        created=pack(child_created_fact(parent, key, child)),
        started=pack(RunStarted(deployment=parent.deployment)),
        owner=births.owner if born else None,
        wake_at_ms=child.due_ms,
        parent_id=parent.run_id,
        root_id=parent.root_id,
        attributes=child.attributes,
        deployment=parent.deployment,
        pin=parent.pin,
    )


def child_created_fact(parent: Header, key: str, child: ChildCreated) -> RunCreated:
    """The first event of the child's own log."""
    return RunCreated(
        workflow=child.workflow,
        input=child.input,
        deployment=parent.deployment,
        parent_id=parent.run_id,
        parent_key=key,
        due_ms=child.due_ms,
        pin=parent.pin,
        trace=parent.trace,
    )


def queued_birth(parent: Header, step: OpenStep, queued: StepQueued) -> Start:
    """The start of a step that goes to a queue, as a run: nobody's at birth."""
    created = RunCreated(
        workflow=queued_name(queued.queue, step.name),
        input=step.input,
        deployment=parent.deployment,
        parent_id=parent.run_id,
        parent_key=step.key,
        step=QueuedStep(
            name=step.name,
            at_most_once=step.at_most_once,
            attempt=queued.attempt,
            failures=step.failures,
            first_at_ms=step.first_at_ms,
            progress=step.progress or NOTHING,
            max_recoveries=queued.max_recoveries,
        ),
        pin=parent.pin,
        trace=parent.trace,
    )
    return Start(
        run_id=queued.run_id,
        workflow=created.workflow,
        created=pack(created),
        started=b"",
        parent_id=parent.run_id,
        root_id=parent.root_id,
        deployment=parent.deployment,
        pin=parent.pin,
    )


def last_letters(header: Header, end: Fact, pending: Pending) -> list[Letter]:
    """What a run's end tells others: its parent always; its children only where it was cancelled (S4); the workers that
    have steps of it, for which nobody waits any more."""
    letters: list[Letter] = []
    was_cancelled = not isinstance(end, RunCompleted | RunFailed)
    if header.step is None:
        if header.parent_id is not None and header.parent_key is not None:
            letters.append(end_letter(header.run_id, header.parent_id, header.parent_key, end))
    elif was_cancelled:  # else its outcome was its last word
        letters.append(_home(header, "end", stopped(header.step, end, pending)))
    if was_cancelled:
        reason = f"its parent {header.run_id} was cancelled"
        letters += [_stop(child, reason) for child in pending.open_children()]
    letters += [_stop(run, f"its run {header.run_id} has ended") for run in pending.queued_runs()]
    return letters


def stopped(step: QueuedStep, end: Fact, pending: Pending) -> StepStopped:
    """The last word of a queued step that was cancelled."""
    reason, last = getattr(end, "reason", None), pending.last_step
    if last is None:
        return StepStopped(attempt=step.attempt - 1, reason=reason)
    return StepStopped(attempt=last.attempts, interrupted=last.interruptible, reason=reason)


def end_letter(child: RunId, parent: RunId, parent_key: str, end: Fact) -> Letter:
    """How a parent hears of its child's end."""
    return letter_home(child, parent, parent_key, "end", _told(child, end))


def letter_home(child: RunId, parent: RunId, parent_key: str, purpose: str, fact: Fact) -> Letter:
    """The letter by which this becomes part of the parent's log."""
    payload = pack(fact)
    return Letter(mail_id=letter_id(child, purpose), run_id=parent, kind=fact.type, key=parent_key, payload=payload)


def _home(header: Header, purpose: str, fact: Fact) -> Letter:
    """The same, from a queued step."""
    assert header.parent_id is not None and header.parent_key is not None, "a queued step has a parent"
    return letter_home(header.run_id, header.parent_id, header.parent_key, purpose, fact)


def _stop(run: RunId, reason: str) -> Letter:
    """The letter of a parent that wants its child to end: one, whatever it has for reasons."""
    cancel = pack(CancelRequested(reason=reason))
    return Letter(mail_id=letter_id(run, "parent"), run_id=run, kind=CancelRequested.type, key="", payload=cancel)


def _told(run_id: RunId, end: Fact) -> ChildCompleted | ChildFailed | ChildCancelled:
    if isinstance(end, RunCompleted):
        return ChildCompleted(run_id=run_id, result=end.result)
    if isinstance(end, RunFailed):
        return ChildFailed(run_id=run_id, error=end.error)
    return ChildCancelled(run_id=run_id, reason=getattr(end, "reason", None))
