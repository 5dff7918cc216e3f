"""An append that is a commit by itself: what a run that has its worker for itself waits for, step after step."""

from typing import Any

from perdure.world import Append
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import write, write_optional

# Text where the driver would look at each element of a list, whether it is a list itself.
APPEND = """
    SELECT perdure.append_alone($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::bigint[], $13, $14, $15, $16)
"""


async def append_alone(store: Store, append: Append) -> int | None:
    """The `at` of its rows; None: nothing was written, and `commit_all` says why, or does it. For simple ones only."""
    [[at_ms]] = await store.fetch(APPEND, store.told_ms, *told(append))
    return at_ms


def told(append: Append) -> tuple[Any, ...]:
    """Of the function, but for the clock."""
    rows = append.rows
    return (
        write(append.run_id),
        write(append.owner),
        append.epoch,
        append.seq - 1,
        len(rows),
        append.due_ms,
        append.turn_completed,
        append.status,
        append.release,
        append.wake_at_ms,
        f"{{{','.join([str(row.turn) for row in rows])}}}",
        [write(row.type) for row in rows],
        [write(row.key) for row in rows],
        [row.payload for row in rows],
        [write_optional(row.mail_id) for row in rows],
    )
