"""From facts to an append: everything that must be true in the transaction of an event follows from the event itself."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from perdure.codec.compression import compressed
from perdure.codec.fact import pack
from perdure.core.transitions import advance
from perdure.model.event import (
    DELIVERIES,
    ENDS,
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
    RunCompleted,
    RunCreated,
    RunFailed,
    RunStarted,
    StreamClosed,
    StreamWritten,
    WaitCompleted,
)
from perdure.model.ids import MailId, RunId, WorkerId, letter_id, token_hash
from perdure.model.status import Status
from perdure.world.hook import HookChange, HookClosing, NewHook
from perdure.world.log import NewRow
from perdure.world.mail import Letter
from perdure.world.operation import Append, Start
from perdure.world.stream import NewChunks

_COMPLETE_TURNS = frozenset(DELIVERIES)
_HAVE_EFFECTS = frozenset(
    (
        WaitCompleted, ChildCreated, AttributesSet, HookCreated, HookDisposed, HookExpired, StreamWritten, StreamClosed,
        *ENDS,
    )
)  # fmt: skip


class Entry(NamedTuple):
    """A fact on its way into the log."""

    turn: int
    key: str
    fact: Fact
    mail_id: MailId | None = None


class Header(NamedTuple):
    """What an append must know of its run. `parent_key` is None for a run that nobody waits for."""

    run_id: RunId
    root_id: RunId
    owner: WorkerId
    parent_id: RunId | None
    parent_key: str | None
    deployment: str


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
    open_children: Callable[[], list[RunId]],
) -> tuple[Append, Status]:
    """The append of these entries, and the run's status after it."""
    rows: list[NewRow] = []
    effects: _Effects | None = None
    after, turn_completed = status, False
    for entry in entries:
        turn, key, fact, mail_id = entry
        after = advance(after, fact)
        rows.append(NewRow(turn=turn, type=fact.type, key=key, payload=pack(fact), mail_id=mail_id))
        kind = type(fact)
        turn_completed = turn_completed or kind in _COMPLETE_TURNS
        if mail_id is not None or kind in _HAVE_EFFECTS:
            effects = effects or _Effects()
            effects.see(header, len(rows) - 1, entry, births, open_children)
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


class _Effects:
    """What the entries do beside being rows."""

    def __init__(self) -> None:
        self.due_ms = 0
        self.mail_taken: list[str] = []
        self.letters: list[Letter] = []
        self.children: list[Start] = []
        self.attributes: dict[str, str | None] = {}
        self.hooks: list[HookChange] = []
        self.chunks: list[NewChunks] = []
        self.all_mail = False

    def see(
        self, header: Header, place: int, entry: Entry, births: Births, open_children: Callable[[], list[RunId]]
    ) -> None:
        """`place`: of its row in the append."""
        key, fact = entry.key, entry.fact
        if entry.mail_id is not None:
            self.mail_taken.append(entry.mail_id)
        if isinstance(fact, WaitCompleted):
            self.due_ms = self.due_ms if fact.woken else max(self.due_ms, fact.due_ms)
        elif isinstance(fact, ChildCreated):
            self.children.append(birth(header, key, fact, births))
        elif isinstance(fact, AttributesSet):
            self.attributes.update(fact.changes)
        elif isinstance(fact, ENDS):
            self.letters.extend(last_letters(header, fact, open_children()))
        elif isinstance(fact, HookCreated | HookDisposed | HookExpired):
            self._see_hook(place, key, fact)
        elif isinstance(fact, StreamWritten | StreamClosed):
            self.chunks.append(written(header.run_id, fact))

    def _see_hook(self, place: int, key: str, fact: HookCreated | HookDisposed | HookExpired) -> None:
        if isinstance(fact, HookCreated):
            new = NewHook(
                key=key,
                token_hash=token_hash(fact.token),
                row=place,
                webhook=fact.webhook is not None,
                expires_at_ms=fact.expires_ms,
            )
            self.hooks.append(new)
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
            hooks=tuple(self.hooks),
            chunks=tuple(self.chunks),
            all_mail=self.all_mail,
        )


def written(run_id: RunId, fact: StreamWritten | StreamClosed) -> NewChunks:
    """What a body's write does to the stream."""
    data = (compressed(bytes(fact.data)),) if isinstance(fact, StreamWritten) else ()
    return NewChunks(run_id=fact.run_id or run_id, stream=fact.stream, data=data, close=isinstance(fact, StreamClosed))


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
    )


def last_letters(header: Header, end: Fact, open_children: Iterable[RunId]) -> list[Letter]:
    """What a run's end tells others: its parent always; its children only where it was cancelled (S4)."""
    letters: list[Letter] = []
    if header.parent_id is not None and header.parent_key is not None:
        letters.append(end_letter(header.run_id, header.parent_id, header.parent_key, end))
    if not isinstance(end, RunCompleted | RunFailed):
        cancel = pack(CancelRequested(reason=f"its parent {header.run_id} was cancelled"))
        letters += [
            Letter(mail_id=letter_id(child, "parent"), run_id=child, kind=CancelRequested.type, key="", payload=cancel)
            for child in open_children
        ]
    return letters


def end_letter(child: RunId, parent: RunId, parent_key: str, end: Fact) -> Letter:
    """How a parent hears of its child's end."""
    told = _told(child, end)
    return Letter(mail_id=letter_id(child, "end"), run_id=parent, kind=told.type, key=parent_key, payload=pack(told))


def _told(run_id: RunId, end: Fact) -> ChildCompleted | ChildFailed | ChildCancelled:
    if isinstance(end, RunCompleted):
        return ChildCompleted(run_id=run_id, result=end.result)
    if isinstance(end, RunFailed):
        return ChildFailed(run_id=run_id, error=end.error)
    return ChildCancelled(run_id=run_id, reason=getattr(end, "reason", None))
