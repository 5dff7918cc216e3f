from pathlib import Path

from perdure.testing.conformance.sample import row, run_id
from perdure.worlds.sqlite.connection import connect
from perdure.worlds.sqlite.location import prepare
from perdure.worlds.sqlite.schema import migrate
from perdure.worlds.sqlite.transaction import Transaction


def test_rows_are_inserted_together_in_their_places(tmp_path: Path) -> None:
    prepare("url", tmp_path / "x.db", create=True)
    connection = connect(tmp_path / "x.db")
    migrate(connection, "url")
    transaction = Transaction(connection, now_ms=5)
    transaction.insert(run_id(1), 3, 2, 9, [row(), row()])
    transaction.insert(run_id(2), 1, 0, 9, [row()])
    query = "SELECT run_id, seq, epoch, at_ms FROM events ORDER BY run_id, seq"
    assert connection.execute(query).fetchall() == []
    for _ in range(2):
        transaction.flush()
        assert connection.execute(query).fetchall() == [
            (run_id(1), 3, 2, 9),
            (run_id(1), 4, 2, 9),
            (run_id(2), 1, 0, 9),
        ]
