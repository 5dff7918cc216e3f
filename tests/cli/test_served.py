"""What a person is told when a run has to wait for a worker."""

import asyncio

import pytest

from perdure import close, configure, worker
from perdure.api.connect import CONNECTION
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world
from perdure.engine.engine import Engine
from perdure.model.ids import RunId, WorkerId
from perdure.world.operation import Start
from perdure.world.ownership import Lease
from perdure.world.query import RunRecord
from tests.cli.shop import Shop

PLAIN = "no live worker serves {}: the run waits for one; start it with `perdure worker MODULE`"


def run_of(workflow: str, pin: str = "") -> RunRecord:
    return RunRecord(
        run_id=RunId("wrun_1"), workflow=workflow, status="pending", owner=None, epoch=0, length=1, mail=0, wake_at_ms=0,
        idempotency_key=None, parent_id=None, root_id=None, attributes={}, deployment="", recoveries=0, created_at_ms=0,
        started_at_ms=None, ended_at_ms=None, pin=pin,
    )  # fmt: skip


def told(shop: Shop, workflow: str, capsys: pytest.CaptureFixture[str], *, live: bool) -> str:
    """What is said about it."""

    async def ask() -> None:
        configure(world=shop.url, work=False)
        try:
            engine = await CONNECTION.engine()
            if not live:
                await tell_if_unserved(engine, run_of(workflow))
                return
            async with worker():
                await tell_if_unserved(engine, run_of(workflow))
        finally:
            await close()

    asyncio.run(ask())
    return capsys.readouterr().err


def told_beside(served: tuple[str, ...], workflow: str, capsys: pytest.CaptureFixture[str], pin: str = "") -> str:
    """What is said where a live worker serves these workflows (one of this process serves all that tests define)."""

    async def ask(engine: Engine) -> None:
        lease = Lease(worker_id=WorkerId("wrkr_1"), lease_ms=60_000, process="", workflows=served, deployment="blue")
        await engine.world.beat(lease)
        await tell_if_unserved(engine, run_of(workflow, pin))

    in_world(None, ask)
    return capsys.readouterr().err


def test_nothing_where_a_worker_lives(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(shop, "shop:fulfil", capsys, live=True) == ""


def test_a_worker_that_has_gone_serves_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(shop, "shop:fulfil", capsys, live=False) == PLAIN.format("shop:fulfil") + "\n"


def test_a_worker_that_died_serves_nothing_though_it_still_owns_runs(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    async def die(engine: Engine) -> list[str]:
        worker_id = WorkerId("wrkr_1")
        await engine.world.beat(Lease(worker_id=worker_id, lease_ms=60_000, process="", workflows=("a:b",)))
        start = Start(run_id=RunId("wrun_" + "0" * 26), workflow="a:b", created=b"{}", started=b"{}", owner=worker_id)
        await engine.world.commit([start])
        await tell_if_unserved(engine, run_of("a:b"))
        assert capsys.readouterr().err == ""
        await engine.world.retire(worker_id, died=True)
        await tell_if_unserved(engine, run_of("a:b"))
        return [worker.worker_id for worker in await engine.world.workers()]

    assert in_world(None, die) == ["wrkr_1"]
    assert capsys.readouterr().err == PLAIN.format("a:b") + "\n"


def test_a_run_that_is_pinned_wants_a_worker_of_its_deployment(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert told_beside(SERVED, "shop:fulfil", capsys, pin="blue") == ""
    assert told_beside(SERVED, "shop:fulfil", capsys, pin="green") == (
        "no live worker of deployment green serves shop:fulfil: the run waits for one; start it, or let other workers "
        "have the run: `perdure repin wrun_1 --deployment NAME`\n"
    )


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
