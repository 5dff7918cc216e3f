from pathlib import Path
from typing import Any, cast

import pytest

from perdure.testing.conformance.sample import born, do, run_id, start_of
from perdure.world import RunFilter
from perdure.worlds.sqlite.connection import Connection, connect
from perdure.worlds.sqlite.query import has_attributes, listing, read_log
from tests.worlds.sqlite.opened import opened
from tests.worlds.sqlite.plan import plan_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("attributes", "wanted", "has"),
    [
        (None, '{"a": "b"}', False),
        ('{"a": "b", "c": "d"}', '{"a": "b"}', True),
        ('{"a": "b"}', '{"a": "b", "c": "d"}', False),
        ('{"a": "b"}', '{"a": "B"}', False),
    ],
)
def test_has_attributes(attributes: str | None, wanted: str, has: bool) -> None:
    assert has_attributes(attributes, wanted) is has


async def test_reading_a_log_leaves_nothing_open(tmp_path: Path) -> None:
    """A reader that stayed in its transaction would never see what is written later."""
    async with opened(tmp_path) as world:
        assert await world.read_log(run_id(1)) is None
        await born(world)
        for number in range(2, 8):
            for _ in range(3):  # both readers
                log = await world.read_log(run_id(1))
                assert log is not None
                assert log.run.length == len(log.rows) == 2
            await do(world, start_of(number))
            assert await world.read_run(run_id(number)) is not None
            assert await world.read_log(run_id(number)) is not None


class Interrupted:
    """A reader's connection, with somebody who commits just before it reads the rows."""

    def __init__(self, reader: Connection, writer: Connection) -> None:
        self._reader, self._writer = reader, writer

    def execute(self, sql: str, *bindings: Any) -> Any:
        if "FROM events" in sql:
            self._writer.execute("UPDATE runs SET length = length + 1")
            self._writer.execute("INSERT INTO events SELECT run_id, 99, 1, 1, 'late', '', x'', 0, NULL, NULL FROM runs")
        return self._reader.execute(sql, *bindings)


async def test_a_log_is_one_snapshot(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
    reader, writer = connect(tmp_path / "runs.db"), connect(tmp_path / "runs.db")
    log = read_log(cast(Connection, Interrupted(reader, writer)), run_id(1), 1, None)
    assert log is not None
    assert (log.run.length, len(log.rows)) == (2, 2)
    reader.execute("ROLLBACK")
    log = read_log(reader, run_id(1), 1, None)
    assert log is not None
    assert (log.run.length, len(log.rows)) == (3, 3)
    reader.close()
    writer.close()


async def test_the_runs_of_a_workflow_are_looked_for_by_their_index(tmp_path: Path) -> None:
    async with opened(tmp_path):
        for filter in (RunFilter(workflow="shop:none"), RunFilter(workflow="shop:none", before=run_id(9))):
            plan = plan_of(tmp_path, listing(filter)[0])
            assert "runs_by_workflow" in plan
            assert "B-TREE" not in plan  # they come in order
