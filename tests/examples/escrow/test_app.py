"""Every way a deal can go; in each, the money is where it belongs, and none stays with the bank."""

import asyncio
from collections.abc import Iterator

import pytest

from examples.escrow.app import api
from examples.escrow.workflows import balance, ledger
from perdure import RunCancelled, get_run
from tests.examples.client import client_of, hook_gone, hook_under, sleeping
from tests.examples.conftest import Clock

pytestmark = pytest.mark.anyio

DEAL = {"deal_id": "d-1", "buyer": "ann", "seller": "bob", "cents": 500}


@pytest.fixture(autouse=True)
def empty_ledger() -> Iterator[None]:
    ledger.clear()
    yield
    ledger.clear()


async def test_shipped_and_received(clock: Clock) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await hook_under("escrow-shipped:d-1")
        assert (await client.post("/deals/d-1/shipped?tracking=T1")).status_code == 202
        await sleeping(run)
        assert "waiting for a payload for hook escrow-" in (await client.get("/deals/d-1")).json()["waiting"]
        assert (await client.post("/deals/d-1/verdict?outcome=received")).status_code == 202
        assert await run.result() == "paid"
    assert balance() == {"ann": -500, "bob": 500, "bank": 0}


async def test_shipped_and_silence(clock: Clock) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await hook_under("escrow-shipped:d-1")
        await client.post("/deals/d-1/shipped?tracking=T1")
        await sleeping(run)
        clock.forward(days=15)
        assert await run.result() == "paid"
    assert balance() == {"ann": -500, "bob": 500, "bank": 0}


async def test_a_verdict_before_the_goods_waits_for_its_turn(clock: Clock) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await hook_under("escrow-verdict:d-1")
        await client.post("/deals/d-1/verdict?outcome=disputed")
        await client.post("/deals/d-1/shipped?tracking=T1")
        assert await run.result() == "disputed"
    assert balance() == {"ann": 0, "bank": 0}


async def test_never_shipped(clock: Clock) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        while not [wait for wait in (await run.waits()).items if wait.kind == "timeout"]:
            await asyncio.sleep(0.001)
        clock.forward(days=4)
        assert await run.result() == "never shipped"
        assert (await client.post("/deals/d-1/shipped?tracking=T1")).status_code == 404
    assert balance() == {"ann": 0, "bank": 0}


async def test_called_off(clock: Clock) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await hook_under("escrow-shipped:d-1")
        await run.cancel("the buyer has changed her mind")
        with pytest.raises(RunCancelled):
            await run.result()
        await hook_gone("escrow-shipped:d-1")
    assert balance() == {"ann": 0, "bank": 0}


async def test_no_verdict_at_all(clock: Clock) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await hook_under("escrow-verdict:d-1")
        answer = await client.post("/deals/d-1/verdict?outcome=perhaps")
        assert answer.status_code == 422 and answer.json()["path"] == "payload.outcome"
        assert "hook_received" not in [info.type async for info in run.events()]
        await run.cancel(grace=0)
