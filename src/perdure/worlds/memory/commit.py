"""What one operation does to a draft, and when it is refused. The port says the same in words."""

from msgspec.structs import replace

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.world import (
    Append,
    Appended,
    NewRow,
    Operation,
    Outcome,
    Refusal,
    Refused,
    Row,
    RunRecord,
    Send,
    Sent,
    Start,
    Started,
)
from perdure.worlds.memory import hook, stream
from perdure.worlds.memory.state import Draft, Kept


def apply(draft: Draft, operation: Operation) -> Outcome:
    match operation:
        case Append():
            return _append(draft, operation)
        case Start():
            return _start(draft, operation)
        case Send():
            return _send(draft, operation)


def _start(draft: Draft, start: Start, at_ms: int | None = None) -> Started:
    """`at_ms`: of the append whose child this is; None: the store's clock. What it waits for goes by that clock anyway."""
    there = draft.runs.get(start.run_id)
    if there is not None:
        owned = start.owner is not None and there.record.owner == start.owner and there.record.epoch == 1
        return Started(run_id=start.run_id, created=False, owned=owned, at_ms=there.record.created_at_ms)
    if start.idempotency_key is not None and start.idempotency_key in draft.keys:
        holder = draft.runs[draft.keys[start.idempotency_key]].record
        return Started(run_id=holder.run_id, created=False, owned=False, at_ms=holder.created_at_ms)
    owner = start.owner if start.owner is not None and draft.is_live(start.owner) else None
    rows = [NewRow(turn=0, type="run_created", key="", payload=start.created)]
    if owner is not None:
        rows.append(NewRow(turn=0, type="run_started", key="", payload=start.started))
    else:
        draft.stirs = True
    begun_ms, epoch = draft.now_ms if at_ms is None else at_ms, 0 if owner is None else 1
    record = RunRecord(
        run_id=start.run_id,
        workflow=start.workflow,
        status="pending" if owner is None else "running",
        owner=owner,
        epoch=epoch,
        length=len(rows),
        mail=0,
        wake_at_ms=None if owner is not None else draft.now_ms if start.wake_at_ms is None else start.wake_at_ms,
        idempotency_key=start.idempotency_key,
        parent_id=start.parent_id,
        root_id=start.root_id,
        attributes=dict(start.attributes),
        deployment=start.deployment,
        pin=start.pin,
        recoveries=0,
        created_at_ms=begun_ms,
        started_at_ms=None if owner is None else begun_ms,
        ended_at_ms=None,
    )
    log = tuple(_row(seq, epoch, begun_ms, row) for seq, row in enumerate(rows, 1))
    draft.runs[start.run_id] = Kept(record=record, rows=log, inbox=(), at_ms=begun_ms, probation=False)
    if start.idempotency_key is not None:
        draft.keys[start.idempotency_key] = start.run_id
    return Started(run_id=start.run_id, created=True, owned=owner is not None, at_ms=begun_ms)


def _append(draft: Draft, append: Append) -> Appended | Refused:
    kept = draft.runs.get(append.run_id)
    refusal = Refusal.UNKNOWN if kept is None else _refusal(kept, append, draft.now_ms)
    if refusal is None and hook.is_taken(draft, append):
        refusal = Refusal.HOOK
    if kept is None or refusal is not None:
        assert refusal is not None
        return Refused(refusal=refusal, now_ms=draft.now_ms if refusal is Refusal.EARLY else 0)
    at_ms = max(draft.now_ms, kept.at_ms)
    epoch = kept.record.epoch + append.seize
    conflicts = hook.change(draft, append, at_ms)
    times_ms = append.times_ms or (at_ms,) * len(append.rows)
    rows = tuple(
        _row(append.seq + place, epoch, row_ms, row, conflicts.get(place))
        for place, (row, row_ms) in enumerate(zip(append.rows, times_ms, strict=True))
    )
    letters = [row.mail_id for row in rows if row.mail_id is not None]
    twice = [mail_id for mail_id in letters if kept.logged(mail_id) or letters.count(mail_id) > 1]
    assert not twice, f"M3: the log of {append.run_id} would have letters twice: {twice}"
    inbox = tuple(letter for letter in kept.inbox if letter.mail_id not in append.mail_taken)
    refused = _write_streams(draft, append)
    draft.runs[append.run_id] = Kept(
        record=_after(kept.record, append, at_ms, draft.now_ms, len(inbox)),
        rows=kept.rows + rows,
        inbox=inbox,
        at_ms=max((at_ms, *append.times_ms)),
        probation=kept.probation or append.probation,
    )
    draft.stirs = draft.stirs or append.hand_back or append.seize
    existing: dict[RunId, RunId] = {}
    born: list[RunId] = []
    for child in append.children:
        started = _start(draft, child, at_ms)
        if started.run_id != child.run_id:
            existing[child.run_id] = started.run_id
        elif started.created and started.owned:
            born.append(child.run_id)
    near = _send_all(draft, append)
    return Appended(
        at_ms=at_ms,
        mail=draft.runs[append.run_id].record.mail,
        existing=existing,
        born=tuple(born),
        conflicts=conflicts,
        refused=refused,
        near=near,
    )


def _send_all(draft: Draft, append: Append) -> tuple[RunId, ...]:
    """The runs that got one of its letters, and are its owner's own."""
    near: list[RunId] = []
    for letter in append.letters:
        sent = _send(draft, Send(letter=letter, owner=append.owner))
        if isinstance(sent, Sent) and sent.mail:
            near.append(letter.run_id)
    return tuple(near)


def _write_streams(draft: Draft, append: Append) -> tuple[int, ...]:
    """What the append brings, before its end closes everything; the places of chunks that were refused."""
    if draft.runs[append.run_id].record.status in ENDED:  # it goes on
        stream.reopen(draft, append.run_id)
    refused = stream.write(draft, append)
    if append.status in ENDED:
        hook.close_all(draft, append.run_id)
        stream.close_all(draft, append.run_id)
    return refused


def _refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
    """The first that applies, in this order."""
    record = kept.record
    runs_again = append.seize and append.status in ("pending", "running")
    if record.status in ENDED and not runs_again:
        return Refusal.ENDED
    if append.epoch != record.epoch or (append.owner != record.owner and not append.seize):
        return Refusal.FENCED
    if append.seq != record.length + 1 and not (append.seize and not append.rows):
        return Refusal.PLACE
    if append.chunks and append.writes != record.writes:
        return Refusal.PLACE
    leaves = append.status in ENDED or append.all_mail or (append.release and not append.hand_back)
    if leaves and any(letter.mail_id not in append.mail_taken for letter in kept.inbox):
        return Refusal.MAIL
    if append.due_ms > now_ms:
        return Refusal.EARLY
    return None


def _after(record: RunRecord, append: Append, at_ms: int, now_ms: int, mail: int) -> RunRecord:
    """The run's row after the append."""
    status = append.status or record.status
    owner, wake_at_ms = record.owner, record.wake_at_ms
    if status in ENDED or status == "blocked":
        owner, wake_at_ms = None, None
    elif append.seize:
        owner, wake_at_ms = None, now_ms if append.wake_at_ms is None else append.wake_at_ms
    elif append.release:
        owner, wake_at_ms = None, append.wake_at_ms
    attributes = {**record.attributes, **append.attributes}
    first_start = record.started_at_ms is None and append.status == "running"
    return replace(
        record,
        status=status,
        owner=owner,
        epoch=record.epoch + append.seize,
        length=record.length + len(append.rows),
        mail=mail,
        writes=record.writes + bool(append.chunks),
        wake_at_ms=wake_at_ms,
        attributes={key: value for key, value in attributes.items() if value is not None},
        pin=record.pin if append.pin is None else append.pin,
        recoveries=0 if append.turn_completed else record.recoveries,
        started_at_ms=at_ms if first_start else record.started_at_ms,
        ended_at_ms=at_ms if append.status in ENDED else record.ended_at_ms if append.status is None else None,
    )


def _send(draft: Draft, send: Send) -> Sent | Refused:
    letter, to_hook = send.letter, send.hook
    kept = draft.runs.get(letter.run_id)
    if kept is None:
        return Refused(refusal=Refusal.UNKNOWN)
    if kept.knows(letter.mail_id):
        return Sent()
    if kept.record.status in ENDED:
        return Refused(refusal=Refusal.ENDED)
    if to_hook is not None and not hook.takes(draft, letter.run_id, to_hook):
        return Refused(refusal=Refusal.HOOK)
    inbox = (*kept.inbox, letter)
    draft.runs[letter.run_id] = replace(kept, inbox=inbox, record=replace(kept.record, mail=len(inbox)))
    owned = send.owner is not None and kept.record.owner == send.owner
    draft.stirs = draft.stirs or not owned
    return Sent(mail=len(inbox) if owned else 0)


def _row(seq: int, epoch: int, at_ms: int, row: NewRow, holder: RunId | None = None) -> Row:
    return Row(
        seq=seq,
        turn=row.turn,
        epoch=epoch,
        type=row.type if holder is None else "hook_conflict",
        key=row.key,
        payload=row.payload,
        at_ms=at_ms,
        mail_id=row.mail_id,
        decided=holder,
    )
