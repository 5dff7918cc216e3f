"""`perdure db upgrade`."""

from pathlib import Path

import apsw

from tests.cli.shop import Shop, say


def test_a_database_is_made(folder: Path) -> None:
    for _ in range(2):
        done = say("db", "upgrade", "--world", "sqlite:///runs.db")
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == "the schema of sqlite:///runs.db is up to date\n"
    assert say("inspect", "runs", "--world", "sqlite:///runs.db").exit_code == 0


def test_a_newer_one_is_left_alone(shop: Shop) -> None:
    connection = apsw.Connection(str(shop.file))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    done = say("db", "upgrade")
    assert done.exit_code == 4
    assert done.stderr.endswith("upgrade perdure in this process\n")
