"""An append: the hot path of everything.

Most appends only add rows. Those to runs that nothing else in their commit touches are done together, as arrays: one
UPDATE states the conditions for all of them. Any other is told in words, and done by itself, or together with others of
its kind: see `commit.py`.
"""

from collections.abc import Iterable
from typing import Any

from perdure.model.ids import RunId
from perdure.world import Append, Appended, Start
from perdure.worlds.postgres.array import numbers, optional_texts, texts
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.hook import hook_words
from perdure.worlds.postgres.mail import letter_words
from perdure.worlds.postgres.start import start_words
from perdure.worlds.postgres.stream import chunk_words
from perdure.worlds.postgres.text import read, write, write_optional

_EMPTY = [()] * 9


class Rows:
    """All rows of logs in a commit. Places count from 1."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: list[tuple[int, str, int, int, int, str, str, bytes, str | None]] = []
        """Of the operation with this number, if it may be done together with others (else 0), its run, seq, turn, epoch,
        type, key, payload, mail id."""

    def put(self, op: int, append: Append) -> int:
        """The place of the first; the others follow."""
        values, run_id, epoch, seq = self.values, append.run_id, append.epoch, append.seq
        first = len(values) + 1
        for row in append.rows:
            values.append((op, run_id, seq, row.turn, epoch, row.type, row.key, row.payload, row.mail_id))
            seq += 1
        return first

    def put_start(self, op: int, start: Start) -> int:
        """The place of `run_created`; `run_started` follows, if it is to be owned."""
        run_id, epoch, first = start.run_id, 0 if start.owner is None else 1, len(self.values) + 1
        self.values.append((op, run_id, 1, 0, epoch, "run_created", "", start.created, None))
        if epoch:
            self.values.append((op, run_id, 2, 0, epoch, "run_started", "", start.started, None))
        return first

    def columns(self) -> list[Any]:
        op, run_id, seq, turn, epoch, type, key, payload, mail_id = (
            zip(*self.values, strict=True) if self.values else _EMPTY
        )
        return [
            numbers(op),
            texts(run_id),
            numbers(seq),
            numbers(turn),
            numbers(epoch),
            texts(type),
            texts(key),
            payload,
            optional_texts(mail_id),
        ]


def append_words(append: Append, rows: Rows, data: Data, op: int = 0) -> dict[str, Any]:
    """What `append_one` is told: of most fields nothing, where they ask for nothing. `op`: as in `Rows`."""
    words: dict[str, Any] = {
        "run": write(append.run_id),
        "owner": write(append.owner),
        "epoch": append.epoch,
        "seq": append.seq,
        "first": rows.put(op, append),
        "rows": len(append.rows),
        "due": append.due_ms,
        "wake": append.wake_at_ms,
    }
    flags = ("release", "hand_back", "all_mail", "turn_completed", "probation", "seize")
    words |= {flag: True for flag in flags if getattr(append, flag)}
    if append.status is not None:
        words["status"] = append.status
    if append.mail_taken:
        words["taken"] = [write(mail_id) for mail_id in append.mail_taken]
    if append.attributes:
        words["attributes"] = {write(key): write_optional(value) for key, value in append.attributes.items()}
    if append.hooks:
        words["hooks"] = [hook_words(change) for change in append.hooks]
    if append.chunks:
        words["writes"] = append.writes
        words["chunks"] = [chunk_words(new, data) for new in append.chunks]
    if append.pin is not None:
        words["pin"] = write(append.pin)
    if append.times_ms:
        words["times"] = append.times_ms
    if append.letters or append.children or append.pin is not None or append.times_ms:
        words["others"] = True
        words["letters"] = [letter_words(letter, data) for letter in append.letters]
        words["children"] = [
            start_words(child, data.put(child.created), data.put(child.started)) for child in append.children
        ]
    return words


def appended(told: dict[str, Any]) -> Appended:
    return Appended(
        at_ms=told["at"],
        mail=told["mail"],
        existing={RunId(read(child)): RunId(read(there)) for child, there in told.get("existing", {}).items()},
        born=tuple(RunId(read(child)) for child in told.get("born", ())),
        conflicts={int(row): RunId(read(holder)) for row, holder in told.get("conflicts", {}).items()},
        refused=tuple(told.get("chunks", ())),
        near=tuple(RunId(read(run)) for run in told.get("near", ())),
    )


def touched(append: Append) -> Iterable[RunId]:
    """The runs whose rows it may change or ask, more than once where it does so more than once."""
    yield append.run_id
    yield from (new.run_id for new in append.chunks if new.run_id != append.run_id)
    yield from (letter.run_id for letter in append.letters)
    yield from (child.run_id for child in append.children)
