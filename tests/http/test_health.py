"""Health: whether the World can be reached, and the worker has its lease."""

from typing import Any

import pytest
from msgspec.structs import replace

from perdure import WorldUnavailable, configure, start
from perdure.api.connect import CONNECTION
from perdure.http import wrap
from perdure.http.ending import ending
from perdure.world.ownership import WorkerRecord
from tests.http.asgi import client, serving
from tests.http.flows import greet

pytestmark = pytest.mark.anyio
APP = wrap(None, routes=("health",))


async def health() -> tuple[int, dict[str, Any]]:
    async with client(APP) as http:
        answer = await http.get("/health")
    return answer.status_code, answer.json()


async def test_a_process_that_works_is_well() -> None:
    async with serving(APP):
        status, said = await health()
    assert status == 200
    assert said.pop("leaseUntil").endswith("Z")
    assert said == {"status": "ok", "world": "reachable", "worker": "working"}


async def test_one_that_needs_no_worker_too() -> None:
    configure(world="memory://", work=False)
    await start(greet, "Ann")
    assert await health() == (200, {"status": "ok", "world": "reachable", "worker": None, "leaseUntil": None})


@pytest.mark.parametrize("error", [WorldUnavailable("host secret"), TimeoutError()])
async def test_a_world_that_is_away(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(APP):
        world = (await CONNECTION.engine()).world

        async def away() -> tuple[WorkerRecord, ...]:
            raise error

        monkeypatch.setattr(world, "workers", away)
        assert await health() == (
            503,
            {"status": "failing", "world": "unreachable", "worker": None, "leaseUntil": None},
        )


async def test_a_worker_without_a_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(APP):
        world = (await CONNECTION.engine()).world
        workers = await world.workers()
        known: list[tuple[WorkerRecord, ...]] = [
            tuple(replace(worker, lease_until_ms=worker.now_ms - 1) for worker in workers),
            (),
        ]

        async def lapsed() -> tuple[WorkerRecord, ...]:
            return known.pop(0)

        monkeypatch.setattr(world, "workers", lapsed)
        for until in (True, False):
            status, said = await health()
            assert (status, said["status"], said["worker"]) == (503, "failing", "without a lease")
            assert (said["leaseUntil"] is not None) is until


async def test_a_server_that_goes_down() -> None:
    async with serving(APP):
        ending().set()
        status, said = await health()
    assert (status, said["status"]) == (503, "stopping")
