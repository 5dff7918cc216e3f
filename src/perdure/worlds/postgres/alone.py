"""A commit of one operation: an append, as a run that has its worker for itself waits for step after step, a start, or a
letter."""

from typing import Any

from msgspec import json

from perdure.model.status import ENDED
from perdure.world import Append, HookClosing, NewRow, Send, Start
from perdure.worlds.postgres.array import numbers, optional_texts, texts
from perdure.worlds.postgres.connection import Call
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import write, write_optional, write_pairs

APPEND = Call(f"""
    SELECT perdure.append_alone(
        {", ".join([f"${place}" for place in range(1, 22)])},
        $22::text::bigint[], $23::text::text[], $24::text::text[], $25, $26::text::text[], $27, $28
    )
""")
START = Call("SELECT perdure.start_alone($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
SEND = Call("SELECT perdure.send_alone($1, $2, $3, $4, $5, $6, $7, $8)")
_NONE = (None,) * 5


def goes_alone(append: Append) -> bool:
    """Whether it is simple, or nearly: it may take one letter, and close one hook. An end closes them all."""
    if append.is_simple:
        return True
    closings = [change for change in append.hooks if isinstance(change, HookClosing)]
    return (
        append.is_private
        and len(append.mail_taken) <= 1
        and len(closings) == len(append.hooks)
        and (len(closings) <= 1 or append.status in ENDED)
    )


async def append_alone(store: Store, append: Append) -> int | None:
    """The `at` of its rows; None: nothing was written, and `commit_all` says why, or does it. For those that go alone."""
    [[at_ms]] = await store.fetch(APPEND, store.told_ms, *told(append))
    return at_ms


async def start_alone(store: Store, start: Start) -> int | None:
    """When it was made, as it asked; None: it wasn't, and `commit_all` says how it stands."""
    [[at_ms]] = await store.fetch(START, store.told_ms, *asked(start))
    return at_ms


async def send_alone(store: Store, send: Send) -> int | None:
    """As `Sent.mail`; None: it was refused, or sent before, and `commit_all` says which."""
    [[mail]] = await store.fetch(SEND, store.told_ms, *sent(send))
    return mail


def sent(send: Send) -> tuple[Any, ...]:
    """Of the function, but for the clock."""
    letter = send.letter
    return (
        write(letter.run_id),
        write(letter.mail_id),
        write(letter.kind),
        write(letter.key),
        letter.payload,
        write_optional(send.hook),
        write_optional(send.owner),
    )


def asked(start: Start) -> tuple[Any, ...]:
    """Of the function, but for the clock."""
    return (
        write(start.run_id),
        write(start.workflow),
        write_optional(start.owner),
        start.wake_at_ms,
        write_optional(start.idempotency_key),
        write_optional(start.parent_id),
        write_optional(start.root_id),
        json.encode(write_pairs(start.attributes)).decode() if start.attributes else "{}",
        write(start.deployment),
        write(start.pin),
        start.created,
        start.started,
    )


def told(append: Append) -> tuple[Any, ...]:
    """Of the function, but for the clock. Two rows as they are; of more, which few have, the others as arrays."""
    rows = append.rows
    count = len(rows)
    return (
        write(append.run_id),
        write(append.owner),
        append.epoch,
        append.seq - 1,
        append.due_ms,
        append.turn_completed,
        append.status,
        append.release,
        append.wake_at_ms,
        count,
        *(_row(rows[0]) if count else _NONE),
        *(_row(rows[1]) if count > 1 else _NONE),
        *(_columns(rows[2:]) if count > 2 else _NONE),
        write(append.mail_taken[0]) if append.mail_taken else None,
        write(append.hooks[0].key) if append.hooks else None,
    )


def _row(row: NewRow) -> tuple[Any, ...]:
    return row.turn, write(row.type), write(row.key), row.payload, write_optional(row.mail_id)


def _columns(rows: tuple[NewRow, ...]) -> tuple[Any, ...]:
    return (
        numbers([row.turn for row in rows]),
        texts([row.type for row in rows]),
        texts([row.key for row in rows]),
        [row.payload for row in rows],
        optional_texts([row.mail_id for row in rows]),
    )
