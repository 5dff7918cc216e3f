"""What a person is told when a run has to wait for a worker."""

import asyncio

import pytest

from perdure import close, configure, worker
from perdure.api.connect import CONNECTION
from perdure.cli.served import served_workflows, tell_if_unserved
from perdure.cli.world import in_world
from perdure.engine.engine import Engine
from perdure.model.ids import RunId, WorkerId
from perdure.world.operation import Start
from perdure.world.ownership import Lease
from tests.cli.shop import Shop

PLAIN = "no live worker serves {}: the run waits for one; start it with `perdure worker MODULE`"


def told(shop: Shop, workflow: str, capsys: pytest.CaptureFixture[str], *, live: bool) -> tuple[bool, str]:
    """Whether the workflow is served, and what is said about it."""

    async def ask() -> bool:
        configure(world=shop.url, work=False)
        try:
            engine = await CONNECTION.engine()
            if not live:
                await tell_if_unserved(engine, workflow)
                return workflow in await served_workflows(engine)
            async with worker():
                await tell_if_unserved(engine, workflow)
                return workflow in await served_workflows(engine)
        finally:
            await close()

    served = asyncio.run(ask())
    return served, capsys.readouterr().err


def told_beside(served: tuple[str, ...], workflow: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said where a live worker serves these workflows (one of this process serves all that tests define)."""

    async def ask(engine: Engine) -> None:
        lease = Lease(worker_id=WorkerId("wrkr_1"), lease_ms=60_000, process="", workflows=served)
        await engine.world.beat(lease)
        await tell_if_unserved(engine, workflow)

    in_world(None, ask)
    return capsys.readouterr().err


def test_nothing_where_a_worker_lives(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(shop, "shop:fulfil", capsys, live=True) == (True, "")


def test_a_worker_that_has_gone_serves_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(shop, "shop:fulfil", capsys, live=False) == (False, PLAIN.format("shop:fulfil") + "\n")


def test_a_worker_that_died_serves_nothing_though_it_still_owns_runs(shop: Shop) -> None:
    async def die(engine: Engine) -> tuple[list[str], frozenset[str]]:
        worker_id = WorkerId("wrkr_1")
        await engine.world.beat(Lease(worker_id=worker_id, lease_ms=60_000, process="", workflows=("a:b",)))
        start = Start(run_id=RunId("wrun_" + "0" * 26), workflow="a:b", created=b"{}", started=b"{}", owner=worker_id)
        await engine.world.commit([start])
        assert await served_workflows(engine) == {"a:b"}
        await engine.world.retire(worker_id, died=True)
        return [worker.worker_id for worker in await engine.world.workers()], await served_workflows(engine)

    assert in_world(None, die) == (["wrkr_1"], frozenset())


SERVED = ("archive:fulfil", "bookshop:fulfil", "shop:fulfil", "shop:remind")


@pytest.mark.parametrize(
    ("workflow", "meant"),
    [
        ("fulfil", "shop:fulfil"),
        ("store:fulfil", "shop:fulfil"),
        ("shop:fullfil", "shop:fulfil"),
        ("bookshops:fulfil", "bookshop:fulfil"),
        ("shop:remained", "shop:remind"),
        ("zzz:remind", "shop:remind"),
    ],
)
def test_a_name_that_is_almost_right(shop: Shop, workflow: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told_beside(SERVED, workflow, capsys) == f"{PLAIN.format(workflow)}, or did you mean {meant}?\n"


def test_a_name_that_is_like_no_other(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert told_beside(SERVED, "bank:pay", capsys) == f"{PLAIN.format('bank:pay')}\n"
