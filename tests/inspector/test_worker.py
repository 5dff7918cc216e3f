"""Workers."""

from perdure.engine.engine import Engine
from perdure.engine.process import this_process
from perdure.inspector.worker import list_workers, worker_info
from perdure.model.ids import WorkerId
from perdure.world.ownership import Lease, WorkerRecord
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, look, paged


def record(**changes: object) -> WorkerRecord:
    fields: dict[str, object] = {
        "worker_id": WorkerId("wrkr_1"), "lease_until_ms": 2000, "now_ms": 1000, "process": "",
        "workflows": ("a:b", "queue:gpu/a:embed"), "deployment": "v1", "runs": 3,
    }  # fmt: skip
    return WorkerRecord(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_worker() -> None:
    assert worker_info(record()).as_json() == {
        "workerId": "wrkr_1", "pid": None, "here": False, "deployment": "v1", "queues": ["default", "gpu"],
        "workflows": ["a:b"], "runs": 3, "leaseUntil": "1970-01-01T00:00:02Z", "leased": True,
    }  # fmt: skip
    assert worker_info(record(workflows=("queue:gpu/a:embed",))).queues == ("gpu",)
    assert not worker_info(record(now_ms=2000)).leased
    here = worker_info(record(process=this_process()))
    assert here.here
    assert here.pid is not None
    assert worker_info(record(process="?")).pid is None


def test_the_last_to_come_first(shop: Shop) -> None:
    async def beat(engine: Engine) -> None:
        for number in (1, 3, 2):
            worker_id = WorkerId(f"wrkr_7{number:025d}")
            await engine.world.beat(Lease(worker_id=worker_id, lease_ms=60_000, process="", workflows=("a:b",)))

    look(beat)
    ids = [worker.worker_id[-1] for worker in look(list_workers, ALL).items]
    assert ids[:3] == ["3", "2", "1"]
    assert paged(list_workers) == look(list_workers, ALL).as_json()["items"]
