"""`perdure inspect workers`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from perdure.cli.inspect.workers import COLUMNS, row_of
from perdure.cli.table import Cell
from perdure.engine.engine import Engine
from perdure.inspector.worker import WorkerInfo
from perdure.model.ids import WorkerId
from perdure.world.ownership import Lease
from tests.cli.shop import Shop, say
from tests.inspector.looking import look

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_those_with_a_lease(shop: Shop) -> None:
    async def beat(engine: Engine) -> None:
        names = ("shop:a", "shop:b", "queue:gpu/shop:embed")
        await engine.world.beat(Lease(worker_id=WorkerId("wrkr_7"), lease_ms=60_000, process="", workflows=names))

    look(beat)
    line = say("inspect", "workers").stdout.splitlines()[0].split("\t")
    assert [*line[:2], *line[3:]] == ["wrkr_7", "live", "0", "", "", "default,gpu", "shop:a,shop:b"]
    shown = msgspec.json.decode(say("inspect", "workers", "--json").stdout)["items"][0]
    assert (shown["workerId"], shown["leased"], shown["queues"]) == ("wrkr_7", True, ["default", "gpu"])


def worker(**changes: Any) -> WorkerInfo:
    fields: dict[str, Any] = {
        "worker_id": "wrkr_1", "pid": 7, "here": True, "deployment": "v1", "queues": ("default",),
        "workflows": ("a:b",), "runs": 3, "lease_until": NOW + timedelta(seconds=30), "leased": True,
    }  # fmt: skip
    return WorkerInfo(**{**fields, **changes})


def test_rows() -> None:
    row = row_of(worker(), NOW)
    assert len(row) == len(COLUMNS)
    assert [cell.text for cell in row if cell is not row[2]] == ["wrkr_1", "live", "3", "7", "v1", "default", "a:b"]
    lapsed = row_of(worker(leased=False, pid=None, lease_until=NOW - timedelta(minutes=3)), NOW)
    assert lapsed[1:3] == (Cell("lapsed", style="red"), Cell("3 min ago", "2026-03-01T11:57:00Z", style="dim"))
