"""Access and erasure, refusal, nobody verified, nobody decided; a system that is down; crashes; and each is erased once."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from examples.compliance.app import api
from examples.compliance.systems import mails, reset, systems
from examples.compliance.workflows import Answer, Kind, erase_records
from perdure import Run, RunFailed, get_run, list_runs
from perdure.testing import Lab
from tests.examples.client import client_of

pytestmark = pytest.mark.anyio

ANN = "ann@example.org"


@pytest.fixture(autouse=True)
def first_day() -> Iterator[None]:
    reset()
    yield
    reset()


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


async def ask(client: httpx.AsyncClient, lab: Lab, kind: Kind = "access", *more: str) -> Run[Answer]:
    body = {"request_id": "r-1", "person": ANN, "kind": kind, "systems": ["crm", "billing", "support", *more]}
    run = get_run((await client.post("/requests", json=body)).json()["runId"], Answer)
    await lab.wait_for_hook(run, "privacy-verified:r-1")
    return run


async def say(client: httpx.AsyncClient, what: str, who: str) -> int:
    return (await client.post(f"/requests/r-1/{what}", headers={"x-user": who})).status_code


async def verified(client: httpx.AsyncClient, lab: Lab, kind: Kind = "access") -> Run[Answer]:
    run = await ask(client, lab, kind)
    assert await say(client, "verified", ANN) == 202
    await lab.wait_for_hook(run, "privacy-release:r-1")
    return run


def last_mail() -> tuple[str, str]:
    return [*mails.values()][-1]


async def test_access(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await verified(client, lab)
    assert await say(client, "release?approved=true", "eve") == 403
    assert await say(client, "release?approved=true", "lena") == 202
    assert await run.result() == Answer("answered", {"crm": 2, "billing": 2, "support": 1})
    assert last_mail() == (ANN, "access: 5 records")
    assert systems["crm"].held[ANN], "nothing is erased by looking"
    parents = [info.parent_id async for info in list_runs(workflow="examples.compliance.workflows:collect")]
    assert parents == [run.run_id] * 3, "each system is a run that can be looked at"
    followed = await client.get("/requests/r-1/stream?startIndex=1")
    assert followed.text.splitlines() == ['"found in crm, billing, support"', '"answered"']


async def test_erasure_while_a_system_is_down(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await verified(client, lab, "erasure")
    systems["billing"].outages = 2
    assert await say(client, "release?approved=true", "luis") == 202
    await lab.advance("1m")
    assert await run.result() == Answer("answered", {"crm": 2, "billing": 2, "support": 1})
    assert not any(system.held for system in systems.values())
    attempts = [call.arguments["system"] for call in lab.calls(erase_records)]
    assert sorted(attempts) == ["billing", "billing", "billing", "crm", "support"], "the others are asked once"


async def test_crashes_while_it_waits(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await ask(client, lab, "erasure")
    await lab.crash()
    await say(client, "verified", ANN)
    await lab.wait_for_hook(run, "privacy-release:r-1")
    await lab.crash()
    await say(client, "release?approved=true", "lena")
    assert await run.result() == Answer("answered", {"crm": 2, "billing": 2, "support": 1})
    assert len(mails) == 2 and len(lab.calls(erase_records)) == 3


async def test_a_lawyer_refuses(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await verified(client, lab, "erasure")
    await say(client, "release?approved=false&reason=a%20lawsuit%20is%20pending", "lena")
    assert await run.result() == Answer("refused", reason="a lawsuit is pending")
    assert last_mail() == (ANN, "refused: a lawsuit is pending")
    assert systems["billing"].held[ANN]


async def test_nobody_proves_who_she_is(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await ask(client, lab)
    assert await say(client, "verified", "eve@example.org") == 403
    await lab.advance("7d")
    assert await run.result() == Answer("not verified")
    assert await say(client, "verified", ANN) == 404


async def test_nobody_decides_in_thirty_days(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await verified(client, lab)
    await lab.advance("25d")
    assert last_mail() == ("privacy@example.org", "r-1 is due in five days")
    await lab.advance("5d")
    assert await run.result() == Answer("overdue")
    assert await say(client, "release?approved=true", "lena") == 404
    assert (await client.get("/requests/r-1")).json()["status"] == "completed"


async def test_a_system_that_is_not_in_the_register(client: httpx.AsyncClient, lab: Lab) -> None:
    run = await ask(client, lab, "access", "fax archive")
    await say(client, "verified", ANN)
    with pytest.raises(RunFailed, match="there is no system 'fax archive'"):
        await run.result()
    assert (await client.get("/requests/r-2")).status_code == 404
