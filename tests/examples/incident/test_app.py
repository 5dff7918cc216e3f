"""Somebody answers, the second one does, nobody does; restart, refusal, silence; and the service is restarted once."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict

import httpx
import pytest

from examples.incident.app import api
from examples.incident.plant import Plant, plant
from examples.incident.workflows import Alert, Report
from perdure import Run, get_run
from tests.examples.client import client_of, hook_under, sleeping, until
from tests.examples.conftest import Clock

pytestmark = pytest.mark.anyio

ALERT = asdict(Alert("a-1", "checkout", ["ann", "bob"]))
EVIDENCE = ["error rate 31 %", "last deploy of checkout: 14 minutes before the alert"]


@pytest.fixture(autouse=True)
def sound_plant() -> None:
    vars(plant).update(vars(Plant()))


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


async def alarm(client: httpx.AsyncClient) -> Run[Report]:
    return get_run((await client.post("/alerts", json=ALERT)).json()["runId"], Report)


async def say(client: httpx.AsyncClient, what: str, who: str) -> int:
    return (await client.post(f"/alerts/a-1/{what}", headers={"x-user": who})).status_code


async def taken_by_ann(client: httpx.AsyncClient) -> Run[Report]:
    run = await alarm(client)
    await hook_under("incident-ack:a-1")
    assert await say(client, "acknowledge", "ann") == 202
    await hook_under("incident-remedy:a-1")
    return run


async def test_ann_answers_and_has_it_restarted(client: httpx.AsyncClient) -> None:
    plant.unreachable = 2
    run = await taken_by_ann(client)
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


async def test_bob_is_paged_where_ann_is_silent(client: httpx.AsyncClient, clock: Clock) -> None:
    run = await alarm(client)
    await sleeping(run)
    assert await say(client, "acknowledge", "eve") == 403
    clock.forward(days=1)
    await sleeping(run, 2)
    assert [who for who, _ in plant.pages.values()] == ["ann", "bob"]
    assert await say(client, "acknowledge", "bob") == 202
    await hook_under("incident-remedy:a-1")
    await say(client, "remedy?restart=false", "bob")
    assert await run.result() == Report("left alone", "bob", EVIDENCE)
    assert plant.restarts == {}


async def test_nobody_answers(client: httpx.AsyncClient, clock: Clock) -> None:
    run = await alarm(client)
    for count in (1, 2):
        await sleeping(run, count)
        clock.forward(days=1)
    assert await run.result() == Report("unanswered")
    assert await say(client, "acknowledge", "ann") == 404
    assert (await client.get(f"/incidents/{run.run_id}")).json()["status"] == "completed"


async def test_nobody_decides(client: httpx.AsyncClient, clock: Clock) -> None:
    run = await taken_by_ann(client)
    await sleeping(run)
    clock.forward(days=1)
    assert await run.result() == Report("left alone", "ann", EVIDENCE)
    assert await say(client, "remedy?restart=true", "ann") == 404


async def test_a_restart_that_does_not_help(client: httpx.AsyncClient, clock: Clock) -> None:
    plant.incurable.add("checkout")
    run = await taken_by_ann(client)
    await say(client, "remedy?restart=true", "ann")
    for attempt in (1, 2, 3):
        await until(lambda attempt=attempt: is_retrying(run, attempt))
        clock.forward(days=1)
    assert await run.result() == Report("not resolved", "ann", EVIDENCE)
    assert [who for who, _ in plant.pages.values()] == ["ann", "bob"], "the last of the rota is told"
    attempts = [info.attempt for info in (await run.steps()).items if info.name.endswith(":look_again")]
    assert attempts == [4]
    assert list(plant.restarts.values()) == ["checkout"]


async def is_retrying(run: Run[Report], attempt: int) -> bool:
    """Whether it waits for its next look, after this attempt."""
    return any((info.status, info.attempt) == ("retrying", attempt) for info in (await run.steps()).items)
