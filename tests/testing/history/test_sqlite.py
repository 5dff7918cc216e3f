"""The witness in a SQLite World's file."""

from pathlib import Path

import pytest

from perdure.testing.history.sqlite import install, read
from perdure.worlds.sqlite import SqliteWorld
from perdure.worlds.sqlite.connection import connect
from tests.testing.history.witnesses import act, saw_it

pytestmark = pytest.mark.anyio


async def test_it_sees_what_happens(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    world = SqliteWorld(url)
    await world.open()
    try:
        install(url)
        await act(world)
        saw_it(read(url), world.now_ms())
    finally:
        await world.close()


async def test_it_sees_a_birth_with_a_dead_owner(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    world = SqliteWorld(url)
    await world.open()
    await world.close()
    install(url)
    sql = "INSERT INTO runs (run_id, workflow, status, owner, epoch, length, at_ms, deployment, created_at_ms)"
    connection = connect(tmp_path / "runs.db")
    connection.execute(f"{sql} VALUES ('wrun_x', 'f', 'running', 'wrkr_1', 1, 0, 9, '', 9)")
    connection.close()
    assert read(url).watched.born_dead == ["wrun_x"]
