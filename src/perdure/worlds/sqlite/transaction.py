"""A write transaction, as the jobs in it see it."""

from collections.abc import Iterable

from perdure.model.ids import RunId
from perdure.world import NewRow
from perdure.worlds.sqlite.connection import Connection

_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NO_CONFLICTS: dict[int, RunId] = {}


class Transaction:
    """Rows of logs are gathered and inserted together: nothing reads them before, but a letter that looks for its id.

    `now_ms`: the store's clock. `stirs`: something was written that another worker may claim. `execute`: as the connection's,
    but with one cursor for all, which is cheaper: the rows of a statement are there until the next.
    """

    __slots__ = ("_rows", "connection", "execute", "now_ms", "stirs")

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self.connection = connection
        self.execute = connection.cursor().execute
        self.now_ms = now_ms
        self.stirs = False
        self._rows: list[tuple[str | int | bytes | None, ...]] = []

    def insert(
        self,
        run_id: RunId,
        seq: int,
        epoch: int,
        at_ms: int,
        rows: Iterable[NewRow],
        conflicts: dict[int, RunId] = _NO_CONFLICTS,
        times_ms: tuple[int, ...] = (),
    ) -> None:
        """`conflicts`: rows, by their place, that met a taken token, and the run that has it. `times_ms`: see `Append`."""
        gathered, first = self._rows, len(self._rows)
        for row in rows:
            gathered.append((run_id, seq, row.turn, epoch, row.type, row.key, row.payload, at_ms, row.mail_id, None))
            seq += 1
        for place, row_ms in enumerate(times_ms, first):
            gathered[place] = (*gathered[place][:7], row_ms, *gathered[place][8:])
        for place, holder in conflicts.items():
            conflict = gathered[first + place]
            gathered[first + place] = (*conflict[:4], "hook_conflict", *conflict[5:9], holder)

    def flush(self) -> None:
        """From here on all rows are in the table."""
        if self._rows:
            self.connection.executemany(_INSERT, self._rows)
            self._rows = []
