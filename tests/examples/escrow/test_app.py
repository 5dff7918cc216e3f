"""Every way a deal can go, crashes too; in each, the money is where it belongs, and none stays with the bank."""

from collections.abc import Iterator

import pytest

from examples.escrow.app import api
from examples.escrow.workflows import balance, ledger
from perdure import RunCancelled, get_run
from perdure.testing import Lab
from tests.examples.client import client_of

pytestmark = pytest.mark.anyio

DEAL = {"deal_id": "d-1", "buyer": "ann", "seller": "bob", "cents": 500}


@pytest.fixture(autouse=True)
def empty_ledger() -> Iterator[None]:
    ledger.clear()
    yield
    ledger.clear()


async def test_shipped_and_received(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await lab.wait_for_hook(run, "escrow-shipped:d-1")
        assert (await client.post("/deals/d-1/shipped?tracking=T1")).status_code == 202
        await lab.wait_for_sleep(run)
        assert "waiting for a payload for hook escrow-" in (await client.get("/deals/d-1")).json()["waiting"]
        assert (await client.post("/deals/d-1/verdict?outcome=received")).status_code == 202
        assert await run.result() == "paid"
    assert balance() == {"ann": -500, "bob": 500, "bank": 0}


async def test_shipped_and_silence(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await lab.wait_for_hook(run, "escrow-shipped:d-1")
        await client.post("/deals/d-1/shipped?tracking=T1")
        await lab.advance("14d")
        assert await run.result() == "paid"
    assert balance() == {"ann": -500, "bob": 500, "bank": 0}


async def test_a_verdict_before_the_goods_waits_for_its_turn(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await lab.wait_for_hook(run, "escrow-verdict:d-1")
        await client.post("/deals/d-1/verdict?outcome=disputed")
        await client.post("/deals/d-1/shipped?tracking=T1")
        assert await run.result() == "disputed"
    assert balance() == {"ann": 0, "bank": 0}


async def test_never_shipped(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await lab.advance("3d")
        assert await run.result() == "never shipped"
        assert (await client.post("/deals/d-1/shipped?tracking=T1")).status_code == 404
    assert balance() == {"ann": 0, "bank": 0}


async def test_called_off(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await lab.wait_for_hook(run, "escrow-shipped:d-1")
        await run.cancel("the buyer has changed her mind")
        with pytest.raises(RunCancelled):
            await run.result()
        assert (await client.post("/deals/d-1/shipped?tracking=T1")).status_code == 404
    assert balance() == {"ann": 0, "bank": 0}


async def test_no_verdict_at_all(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await lab.wait_for_hook(run, "escrow-verdict:d-1")
        answer = await client.post("/deals/d-1/verdict?outcome=perhaps")
        assert answer.status_code == 422 and answer.json()["path"] == "payload.outcome"
        assert "hook_received" not in [info.type async for info in run.events()]
        await run.cancel(grace=0)


async def test_crashes_while_it_waits(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/deals", json=DEAL)).json()["runId"], str)
        await lab.wait_for_hook(run, "escrow-shipped:d-1")
        await lab.crash()
        await client.post("/deals/d-1/shipped?tracking=T1")
        await lab.wait_for_sleep(run)
        await lab.crash()
        await lab.advance("14d")
        assert await run.result() == "paid"
        await lab.crash_everywhere(run)
    assert balance() == {"ann": -500, "bob": 500, "bank": 0}
