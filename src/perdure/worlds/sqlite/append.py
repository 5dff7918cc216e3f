"""An append: the hot path of everything.

Most appends only add rows. For these one UPDATE states all the conditions, and its row count is the answer. Whatever
else an append may bring, or be refused for, is decided from the run's row, which the transaction's lock keeps still.
"""

from typing import NamedTuple

from perdure.model.ids import RunId
from perdure.model.status import ENDED, Status
from perdure.world import Append, Appended, Refusal, Refused, Send, Sent
from perdure.worlds.sqlite import hook, mail, stream
from perdure.worlds.sqlite.row import from_json, to_json
from perdure.worlds.sqlite.start import start
from perdure.worlds.sqlite.transaction import Transaction

# With no mail and no later `at` in the row, the outcome is known without asking. A factor of 0 resets the deaths.
_PLAIN = """
    UPDATE runs SET length = ?1 + ?2, at_ms = ?3, recoveries = recoveries * ?4
    WHERE run_id = ?5 AND owner = ?6 AND epoch = ?7 AND length = ?1 AND mail = 0 AND at_ms <= ?3
"""

_READ = """
    SELECT status, owner, epoch, length, mail, at_ms, wake_at_ms, recoveries, probation, attributes, started_at_ms,
           ended_at_ms, writes, pin
    FROM runs WHERE run_id = ?
"""

_WRITE = """
    UPDATE runs
    SET status = ?, owner = ?, epoch = ?, length = ?, mail = ?, at_ms = ?, wake_at_ms = ?, recoveries = ?,
        probation = ?, attributes = ?, started_at_ms = ?, ended_at_ms = ?,
        writes = ?, pin = ?
    WHERE run_id = ?
"""


class _Run(NamedTuple):
    """What an append may change, in the order of _READ and _WRITE."""

    status: Status
    owner: str | None
    epoch: int
    length: int
    mail: int
    at_ms: int
    wake_at_ms: int | None
    recoveries: int
    probation: int
    attributes: str | None
    started_at_ms: int | None
    ended_at_ms: int | None
    writes: int
    pin: str


def append(transaction: Transaction, append: Append) -> Appended | Refused:
    if not _is_plain(append, transaction.now_ms):
        return _append_more(transaction, append)
    now_ms, keep = transaction.now_ms, not append.turn_completed
    transaction.execute(
        _PLAIN, (append.seq - 1, len(append.rows), now_ms, keep, append.run_id, append.owner, append.epoch)
    )
    if not transaction.connection.changes():
        return _append_more(transaction, append)
    transaction.insert(append.run_id, append.seq, append.epoch, now_ms, append.rows)
    return Appended(at_ms=now_ms, mail=0)


def _is_plain(append: Append, now_ms: int) -> bool:
    return append.is_plain and append.due_ms <= now_ms


def _append_more(transaction: Transaction, append: Append) -> Appended | Refused:
    now_ms = transaction.now_ms
    found = transaction.execute(_READ, (append.run_id,)).fetchall()
    if not found:
        return Refused(refusal=Refusal.UNKNOWN)
    run = _Run(*found[0])
    taken = mail.waiting(transaction, append.run_id, append.mail_taken) if append.mail_taken and run.mail else []
    left = run.mail - len(taken)
    refusal = _refusal(run, append, left, now_ms)
    if refusal is None and append.hooks and hook.is_taken(transaction, append):
        refusal = Refusal.HOOK
    if refusal is not None:
        return Refused(refusal=refusal, now_ms=now_ms if refusal is Refusal.EARLY else 0)
    after = _after(run, append, left, now_ms)
    conflicts = hook.change(transaction, append, after.at_ms) if append.hooks else {}
    refused = _write_streams(transaction, run, append)
    last = after._replace(at_ms=max(after.at_ms, *append.times_ms)) if append.times_ms else after
    transaction.execute(_WRITE, (*last, append.run_id))
    transaction.insert(append.run_id, append.seq, after.epoch, after.at_ms, append.rows, conflicts, append.times_ms)
    if taken:
        mail.remove(transaction, append.run_id, taken)
    transaction.stirs = transaction.stirs or append.hand_back or append.seize
    existing: dict[RunId, RunId] = {}
    born: list[RunId] = []
    for child in append.children:
        started = start(transaction, child, after.at_ms)
        if started.run_id != child.run_id:
            existing[child.run_id] = started.run_id
        elif started.created and started.owned:
            born.append(child.run_id)
    near: list[RunId] = []
    for letter in append.letters:
        sent = mail.send(transaction, Send(letter=letter, owner=append.owner))
        if isinstance(sent, Sent) and sent.mail:
            near.append(letter.run_id)
    if append.letters and any(letter.run_id == append.run_id for letter in append.letters):
        [[left]] = transaction.execute("SELECT mail FROM runs WHERE run_id = ?", (append.run_id,)).fetchall()
    return Appended(
        at_ms=after.at_ms,
        mail=left,
        existing=existing,
        born=tuple(born),
        conflicts=conflicts,
        refused=refused,
        near=tuple(near),
    )


def _write_streams(transaction: Transaction, before: _Run, append: Append) -> tuple[int, ...]:
    """What the append brings, before its end closes everything; the places of chunks that were refused."""
    if before.status in ENDED:  # it goes on
        stream.reopen(transaction, append.run_id)
    refused = stream.write(transaction, append) if append.chunks else ()
    if append.status in ENDED:
        hook.close_all(transaction, append.run_id)
        stream.close_all(transaction, append.run_id)
    return refused


def _refusal(run: _Run, append: Append, left: int, now_ms: int) -> Refusal | None:
    """The first that applies, in this order. `left` counts the letters that the append doesn't take."""
    if run.status in ENDED and not (append.seize and append.status in ("pending", "running")):
        return Refusal.ENDED
    if append.epoch != run.epoch or (append.owner != run.owner and not append.seize):
        return Refusal.FENCED
    if append.seq != run.length + 1 and not (append.seize and not append.rows):
        return Refusal.PLACE
    if append.chunks and append.writes != run.writes:
        return Refusal.PLACE
    if left and (append.status in ENDED or append.all_mail or (append.release and not append.hand_back)):
        return Refusal.MAIL
    if append.due_ms > now_ms:
        return Refusal.EARLY
    return None


def _after(run: _Run, append: Append, left: int, now_ms: int) -> _Run:
    status = append.status or run.status
    owner, wake_at_ms = run.owner, run.wake_at_ms
    if status in ENDED or status == "blocked":
        owner, wake_at_ms = None, None
    elif append.seize:
        owner, wake_at_ms = None, now_ms if append.wake_at_ms is None else append.wake_at_ms
    elif append.release:
        owner, wake_at_ms = None, append.wake_at_ms
    at_ms = max(now_ms, run.at_ms)
    starts = append.status == "running" and run.started_at_ms is None
    return _Run(
        status=status,
        owner=owner,
        epoch=run.epoch + append.seize,
        length=run.length + len(append.rows),
        mail=left,
        at_ms=at_ms,
        wake_at_ms=wake_at_ms,
        recoveries=0 if append.turn_completed else run.recoveries,
        probation=run.probation or append.probation,
        attributes=_merged(run.attributes, append.attributes) if append.attributes else run.attributes,
        started_at_ms=at_ms if starts else run.started_at_ms,
        ended_at_ms=at_ms if append.status in ENDED else None,
        writes=run.writes + bool(append.chunks),
        pin=run.pin if append.pin is None else append.pin,
    )


def _merged(before: str | None, changes: dict[str, str | None]) -> str | None:
    merged = {**from_json(before), **changes}
    return to_json({key: value for key, value in merged.items() if value is not None})
