"""`perdure db status`."""

from pathlib import Path

import apsw
import msgspec

from tests.cli.shop import Shop, say

RUNS = {"running": 2, "completed": 1, "failed": 1, "cancelled": 1, "pending": 1}


def test_json(shop: Shop) -> None:
    done = say("db", "status", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    shown = msgspec.json.decode(done.stdout)
    assert shown.pop("schemaFound") == shown.pop("schemaKnown") >= 1
    assert shown == {"world": shop.url, "path": str(shop.file), "sizeBytes": shop.file.stat().st_size, "runs": RUNS}


def test_in_a_pipe(shop: Shop) -> None:
    shown = dict(line.split("\t") for line in say("db", "status").stdout.splitlines())
    assert shown["path"] == str(shop.file)
    assert shown["sizeBytes"] == str(shop.file.stat().st_size)
    assert msgspec.json.decode(shown["runs"]) == RUNS


def test_a_relative_path_is_shown_whole(folder: Path) -> None:
    say("db", "upgrade", "--world", "sqlite:///runs.db")
    shown = msgspec.json.decode(say("db", "status", "--json", "--world", "sqlite:///runs.db").stdout)
    assert (shown["path"], shown["runs"]) == (str(folder / "runs.db"), {})


def test_a_newer_schema(shop: Shop) -> None:
    connection = apsw.Connection(str(shop.file))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    done = say("db", "status", "--json")
    assert done.exit_code == 4
    shown = msgspec.json.decode(done.stdout)
    assert (shown["schemaFound"], shown["runs"]) == (99, None)
    assert done.stderr.startswith(f"perdure: {shop.url} has schema version 99, this perdure knows up to ")


def test_none_is_made(folder: Path) -> None:
    done = say("db", "status")
    assert (done.exit_code, done.stdout) == (4, "")
    assert list(folder.iterdir()) == []


def test_an_older_schema_stays_as_it_is(folder: Path) -> None:
    (folder / "runs.db").touch()
    done = say("db", "status", "--json", "--world", "sqlite:///runs.db")
    shown = msgspec.json.decode(done.stdout)
    assert (done.exit_code, shown["schemaFound"], shown["runs"]) == (0, 0, None)
    assert (folder / "runs.db").stat().st_size == 0
