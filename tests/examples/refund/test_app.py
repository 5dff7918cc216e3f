"""Approval, rejection, nobody, the wrong people, a busy provider, crashes; and the money moves once."""

import json
from collections.abc import Iterator

import pytest

from examples.refund import provider
from examples.refund.app import api
from examples.refund.workflows import Refund, RefundRequest, refund_payment
from perdure import RunFailed, get_run
from perdure.api.connect import CONNECTION
from perdure.testing import Lab
from tests.examples.client import client_of, sleeping
from tests.examples.conftest import Clock

pytestmark = pytest.mark.anyio

BODY = {"order_id": "o-1", "amount": "12.50", "approvers": ["ann"]}
TOKEN = "refund-approval:o-1"


@pytest.fixture(autouse=True)
def ledger() -> Iterator[None]:
    provider.reset()
    yield
    provider.reset()


async def test_ann_approves_and_the_money_moves(lab: Lab) -> None:
    async with client_of(api) as client:
        asked = await client.post("/refunds", json=BODY)
        assert asked.status_code == 202 and asked.json()["status"] == "running"
        run = get_run(asked.json()["runId"], Refund)
        await lab.wait_for_hook(run, TOKEN)
        decided = await client.post("/refunds/o-1/decision?approved=true", headers={"x-user": "ann"})
        assert decided.status_code == 202 and decided.json() == {"runId": run.run_id}
        assert await run.result() == Refund("refunded", "re_1")
        assert [mail["to"] for mail in provider.mails.values()] == [["ann"]]
        assert [refund["amount"] for refund in provider.refunds.values()] == ["12.50"]
        followed = await client.get(f"/refunds/{run.run_id}/stream?startIndex=1")
        assert [json.loads(line) for line in followed.text.splitlines()] == [{"stage": "refunded", "refund_id": "re_1"}]
        looked = await client.get(f"/refunds/{run.run_id}")
        assert looked.json()["status"] == "completed"


async def test_a_busy_provider_and_crashes(lab: Lab) -> None:
    provider.reset(busy_first=2)
    async with client_of(api) as client:
        run = get_run((await client.post("/refunds", json=BODY)).json()["runId"], Refund)
        await lab.wait_for_hook(run, TOKEN)
        await lab.crash()
        await client.post("/refunds/o-1/decision?approved=true", headers={"x-user": "ann"})
        await lab.advance("1m")
        await lab.crash()
        await lab.advance("1m")
        assert await run.result() == Refund("refunded", "re_1")
        assert [call.attempt for call in lab.calls(refund_payment)] == [1, 2, 3]
        await lab.crash_everywhere(run)
        assert (len(provider.refunds), len(provider.mails)) == (1, 1)


async def test_a_second_click_finds_the_same_run(lab: Lab) -> None:
    async with client_of(api) as client:
        first, second = [(await client.post("/refunds", json=BODY)).json()["runId"] for _ in range(2)]
        assert first == second


async def test_ann_refuses(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/refunds", json=BODY)).json()["runId"], Refund)
        await lab.wait_for_hook(run, TOKEN)
        await client.post("/refunds/o-1/decision?approved=false", headers={"x-user": "ann"})
        assert await run.result() == Refund("refused")
        assert provider.refunds == {}


async def test_nobody_answers_for_a_day(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/refunds", json=BODY)).json()["runId"], Refund)
        await lab.advance("24h")
        assert await run.result() == Refund("refused")
        late = await client.post("/refunds/o-1/decision?approved=true", headers={"x-user": "ann"})
        assert late.status_code == 404
        assert provider.refunds == {}


async def test_an_approval_after_its_day_comes_too_late_though_nobody_lived_to_say_so(clock: Clock) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/refunds", json=BODY)).json()["runId"], Refund)
        await sleeping(run)
        engine = await CONNECTION.engine()
        await engine.rest(0)  # the worker goes
        clock.forward(days=2)
        late = await client.post("/refunds/o-1/decision?approved=true", headers={"x-user": "ann"})
        assert late.status_code == 202  # the hook has no expiry of its own
        await engine.work()
        assert await run.result() == Refund("refused")
        assert provider.refunds == {}


async def test_only_approvers_decide(lab: Lab) -> None:
    async with client_of(api) as client:
        run = (await client.post("/refunds", json=BODY)).json()["runId"]
        await lab.wait_for_hook(run, TOKEN)
        refused = await client.post("/refunds/o-1/decision?approved=true", headers={"x-user": "mallory"})
        assert refused.status_code == 403
        nobody = await client.post("/refunds/o-2/decision?approved=true", headers={"x-user": "ann"})
        assert nobody.status_code == 404


async def test_a_refund_over_the_limit_fails_at_once(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/refunds", json={**BODY, "amount": "5000"})).json()["runId"], Refund)
        await lab.wait_for_hook(run, TOKEN)
        await client.post("/refunds/o-1/decision?approved=true", headers={"x-user": "ann"})
        with pytest.raises(RunFailed, match="over the limit"):
            await run.result()
        [step] = [step async for step in run.steps() if step.name.endswith("refund_payment")]
        assert step.attempt == 1


async def test_the_request_is_recorded_as_it_was_asked(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/refunds", json=BODY)).json()["runId"], Refund)
        await lab.wait_for_hook(run, TOKEN)
        [asked] = [step async for step in run.steps()]
        assert asked.input["request"]["type"].endswith(RefundRequest.__qualname__)
