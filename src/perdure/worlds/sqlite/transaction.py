"""A write transaction, as the jobs in it see it."""

from collections.abc import Iterable

from perdure.model.ids import RunId
from perdure.world import NewRow
from perdure.worlds.sqlite.connection import Connection

_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NO_CONFLICTS: dict[int, RunId] = {}


class Transaction:
    """Rows of logs are gathered and inserted together: nothing reads them before, but a letter that looks for its id.

    `now_ms`: the store's clock. `stirs`: something was written that another worker may claim.
    """

    __slots__ = ("_rows", "connection", "now_ms", "stirs")

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self.connection = connection
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
        for place, row in enumerate(rows):
            type, holder = row.type, None
            if conflicts and place in conflicts:
                type, holder = "hook_conflict", conflicts[place]
            row_ms = times_ms[place] if times_ms else at_ms
            self._rows.append(
                (run_id, seq + place, row.turn, epoch, type, row.key, row.payload, row_ms, row.mail_id, holder)
            )

    def flush(self) -> None:
        """From here on all rows are in the table."""
        if self._rows:
            self.connection.executemany(_INSERT, self._rows)
            self._rows = []
