"""Workflows, and how their newest runs went."""

import pytest

from perdure.engine.engine import Engine
from perdure.inspector import workflow as module
from perdure.inspector.workflow import list_workflows, workflow_info
from perdure.model.ids import RunId, WorkerId
from perdure.model.status import Status
from perdure.world.ownership import Lease
from perdure.world.query import RunRecord
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, look, paged

NOW_MS = 10_000_000


def run(status: Status, created_at_ms: int = NOW_MS, took_ms: int | None = None) -> RunRecord:
    return RunRecord(
        run_id=RunId("wrun_1"), workflow="a:b", status=status, owner=None, epoch=0, length=1, mail=0, wake_at_ms=None,
        idempotency_key=None, parent_id=None, root_id=None, attributes={}, deployment="", recoveries=0,
        created_at_ms=created_at_ms, started_at_ms=None, ended_at_ms=None if took_ms is None else created_at_ms + took_ms,
    )  # fmt: skip


def test_figures() -> None:
    runs = [run("completed", took_ms=took) for took in range(1, 101)]
    runs += [run("failed", took_ms=9999)] * 25 + [run("running", NOW_MS - 3_600_000)]
    assert workflow_info("a:b", 2, runs, NOW_MS).as_json() == {
        "name": "a:b", "workers": 2, "sampled": 126, "counts": {"completed": 100, "failed": 25, "running": 1},
        "startedLastHour": 125, "p50Ms": 50, "p95Ms": 95, "failedShare": 0.2,
    }  # fmt: skip


def test_figures_of_few() -> None:
    none = workflow_info("a:b", 1, [], NOW_MS)
    assert (none.sampled, none.counts, none.p50_ms, none.p95_ms, none.failed_share) == (0, {}, None, None, None)
    one = workflow_info("a:b", 1, [run("completed", took_ms=7)], NOW_MS)
    assert (one.p50_ms, one.p95_ms, one.failed_share) == (7, 7, 0)


def test_those_that_are_served_or_have_run(shop: Shop) -> None:
    async def beat(engine: Engine) -> None:
        names = ("shop:remind", "shop:never", "queue:gpu/shop:embed")
        lease = Lease(worker_id=WorkerId("wrkr_1"), lease_ms=60_000, process="", workflows=names)
        await engine.world.beat(lease)

    look(beat)
    items = look(list_workflows, ALL).items
    assert [(item.name, item.workers, item.sampled) for item in items] == [
        ("shop:fulfil", 0, 2), ("shop:inquire", 0, 1), ("shop:never", 1, 0), ("shop:remind", 1, 3),
    ]  # fmt: skip
    assert items[0].counts == {"completed": 1, "failed": 1}
    assert (items[0].failed_share, items[0].started_last_hour) == (0.5, 2)
    assert paged(list_workflows, limit=3) == [item.as_json() for item in items]


def test_no_more_is_read_than_a_sample(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 2)
    assert {item.name: item.sampled for item in look(list_workflows, ALL).items}["shop:remind"] == 2
    monkeypatch.setattr(module, "RECENT", 1)
    assert [item.name for item in look(list_workflows, ALL).items] == ["shop:remind"]
