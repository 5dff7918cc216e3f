"""Somebody answers, the second one does, nobody does; restart, refusal, silence, crashes; restarted once."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict

import httpx
import pytest

from examples.incident.app import api
from examples.incident.plant import Plant, plant
from examples.incident.workflows import Alert, Report, look_again, page
from perdure import Run, get_run
from perdure.testing import Lab
from tests.examples.client import client_of

pytestmark = pytest.mark.anyio

ALERT = asdict(Alert("a-1", "checkout", ["ann", "bob"]))
EVIDENCE = ["error rate 31 %", "last deploy of checkout: 14 minutes before the alert"]


@pytest.fixture(autouse=True)
def sound_plant() -> None:
    vars(plant).update(vars(Plant()))


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


async def alarm(client: httpx.AsyncClient) -> Run[Report]:
    return get_run((await client.post("/alerts", json=ALERT)).json()["runId"], Report)


async def say(client: httpx.AsyncClient, what: str, who: str) -> int:
    return (await client.post(f"/alerts/a-1/{what}", headers={"x-user": who})).status_code


async def taken_by_ann(client: httpx.AsyncClient, lab: Lab) -> Run[Report]:
    run = await alarm(client)
    await lab.wait_for_hook(run, "incident-ack:a-1")
    assert await say(client, "acknowledge", "ann") == 202
    await lab.advance("1m")  # the metrics may not be reachable at once
    await lab.wait_for_hook(run, "incident-remedy:a-1")
    return run


async def test_ann_answers_and_has_it_restarted(client: httpx.AsyncClient, lab: Lab) -> None:
    plant.unreachable = 2
    run = await taken_by_ann(client, lab)
    assert await say(client, "remedy?restart=true", "bob") == 403
    assert await say(client, "remedy?restart=true", "ann") == 202
    assert await run.result() == Report("resolved", "ann", EVIDENCE)
    assert [who for who, _ in plant.pages.values()] == ["ann"]
    assert list(plant.restarts.values()) == ["checkout"]
    followed = await client.get(f"/incidents/{run.run_id}/stream?startIndex=1")
    assert [json.loads(line) for line in followed.text.splitlines()] == ["ann restarts checkout"]


async def test_an_alert_that_fires_again_is_the_same_incident(client: httpx.AsyncClient) -> None:
    first, second = await alarm(client), await alarm(client)
    assert first.run_id == second.run_id


async def test_bob_is_paged_where_ann_is_silent(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await alarm(client)
    await lab.wait_for_hook(run, "incident-ack:a-1")
    assert await say(client, "acknowledge", "eve") == 403
    await lab.advance("5m")
    assert [who for who, _ in plant.pages.values()] == ["ann", "bob"]
    assert await say(client, "acknowledge", "bob") == 202
    await lab.wait_for_hook(run, "incident-remedy:a-1")
    await say(client, "remedy?restart=false", "bob")
    assert await run.result() == Report("left alone", "bob", EVIDENCE)
    assert plant.restarts == {}


async def test_nobody_answers(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await alarm(client)
    await lab.advance("10m")
    assert await run.result() == Report("unanswered")
    assert await say(client, "acknowledge", "ann") == 404
    assert (await client.get(f"/incidents/{run.run_id}")).json()["status"] == "completed"


async def test_nobody_decides(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await taken_by_ann(client, lab)
    await lab.advance("1h")
    assert await run.result() == Report("left alone", "ann", EVIDENCE)
    assert await say(client, "remedy?restart=true", "ann") == 404


async def test_a_restart_that_does_not_help(client: httpx.AsyncClient, lab: Lab) -> None:
    plant.incurable.add("checkout")
    run = await taken_by_ann(client, lab)
    await say(client, "remedy?restart=true", "ann")
    await lab.advance("3m")
    assert await run.result() == Report("not resolved", "ann", EVIDENCE)
    assert [who for who, _ in plant.pages.values()] == ["ann", "bob"], "the last of the rota is told"
    assert [call.attempt for call in lab.calls(look_again)] == [1, 2, 3, 4]
    assert list(plant.restarts.values()) == ["checkout"]


async def test_crashes_while_it_waits(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await alarm(client)
    await lab.wait_for_hook(run, "incident-ack:a-1")
    await lab.crash()
    assert await say(client, "acknowledge", "ann") == 202
    await lab.wait_for_hook(run, "incident-remedy:a-1")
    await lab.crash()
    assert await say(client, "remedy?restart=true", "ann") == 202
    assert await run.result() == Report("resolved", "ann", EVIDENCE)
    assert len(lab.calls(page)) == 1 and list(plant.restarts.values()) == ["checkout"]
