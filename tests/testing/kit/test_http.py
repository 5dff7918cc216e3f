"""Apps of `perdure.http` in a lab: their routes find its world, whichever client and loop carry them."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from perdure import create_webhook, start, sync, workflow
from perdure.http import wrap
from perdure.testing import Lab, SyncLab
from tests.testing.kit.refunds import nap


@workflow(name="lab:called_back")
async def called_back() -> str:
    async with create_webhook() as webhook:
        return (await webhook).text()


def allow(*_: object) -> bool:
    return True


APP = wrap(None, routes=("webhook", "runs", "hooks"), authorize=allow)


@pytest.fixture
async def client() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://test") as client:
        yield client


@pytest.mark.anyio
async def test_in_process_on_the_tests_loop(lab: Lab, client: httpx.AsyncClient) -> None:
    answer = await client.post("/workflows/lab:nap/runs", json={"duration": "7d"})
    assert answer.status_code == 202
    await lab.advance("7d")
    found: dict[str, Any] = (await client.get(f"/runs/{answer.json()['runId']}")).json()
    assert (found["status"], found["result"]) == ("completed", "woken")


@pytest.mark.anyio
async def test_a_webhook(lab: Lab, client: httpx.AsyncClient) -> None:
    run = await start(called_back)
    hook = await lab.wait_for_hook(run)
    assert (await client.post(f"/.well-known/workflow/v1/webhook/{hook.token}", content=b"paid")).status_code == 202
    assert await run.result() == "paid"


@pytest.mark.parametrize("with_lifespan", [False, True])
def test_from_a_client_with_a_loop_of_its_own(lab: SyncLab, with_lifespan: bool) -> None:
    client = TestClient(APP)
    if with_lifespan:
        with client:
            run_id = client.post("/workflows/lab:nap/runs", json={"duration": "7d"}).json()["runId"]
            lab.wait_for_sleep(run_id)
            lab.advance("7d")
            assert client.get(f"/runs/{run_id}").json()["result"] == "woken"
    else:
        run_id = client.post("/workflows/lab:nap/runs", json={"duration": "7d"}).json()["runId"]
        lab.wait_for_sleep(run_id)
    lab.advance("7d")
    assert sync.get_run(run_id, str).result() == "woken"
    assert sync.start(nap, "0s").result() == "woken"
