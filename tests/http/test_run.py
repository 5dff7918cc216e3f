"""Runs over HTTP: start, look, cancel."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from perdure import ArgumentsInvalid, RunFailed, StartOptions, configure, find_run, get_run, list_runs, start, workflow
from perdure.http import Action, Target, wrap
from perdure.http.run import input_of, shown, workflow_named
from tests.api.following import status_of, waiting_for
from tests.http.asgi import client
from tests.http.flows import Order, anybody, approvals, ask, doze, fail, greet, hooked, listen, place

pytestmark = pytest.mark.anyio
APP = wrap(None, routes=("runs",), authorize=anybody, prefix="/api")
FLOWS = "http.flows:"
SECRETS = ("Traceback", ".py", "\\n")


@workflow(name="http-test.greet")
async def greet_again(name: str) -> str:
    return name


@workflow(name="http-test.lonely")
async def lonely() -> None: ...


@workflow
async def positional(first: int, /, second: int, *rest: int, third: int = 3, **more: str) -> list[Any]:
    return [first, second, list(rest), third, more]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(APP) as made:
        made.base_url = "http://app.example/api"
        yield made


async def runs() -> int:
    return len((await list_runs()).items)


async def test_a_run_is_started(http: httpx.AsyncClient) -> None:
    answer = await http.post("/workflows/tests.http.flows:greet/runs", json={"name": "Ann", "times": 2})
    said = answer.json()
    assert (answer.status_code, set(said)) == (202, {"runId", "status"})
    assert said["status"] in ("pending", "running")
    assert answer.headers["location"] == f"/api/runs/{said['runId']}"
    assert await get_run(said["runId"]).result() == "hello Ann hello Ann"


async def test_annotations_give_types(http: httpx.AsyncClient) -> None:
    forged = {"$": "dt", "v": "2026-01-01T00:00:00Z"}
    order = {"order_id": "o-1", "lines": [1, 2], "due": "2026-01-01T00:00:00Z"}
    answer = await http.post(f"/workflows/{FLOWS}place/runs", json={"order": order, "note": forged})
    result = await get_run(answer.json()["runId"]).result()
    assert result == {"id": "o-1", "due": datetime(2026, 1, 1, tzinfo=UTC), "note": forged}


@pytest.mark.parametrize(
    ("name", "body", "status", "path"),
    [
        ("place", {"order": {"order_id": 1}}, 422, 'order["order_id"]'),
        ("place", {"order": {}}, 422, "order"),
        ("place", {"order": {"order_id": "o", "lines": [1, "two"]}}, 422, 'order["lines"][1]'),
        ("place", {}, 422, None),
        ("place", {"order": {"order_id": "o"}, "nothing": 1}, 422, None),
        ("place", [{"order_id": "o"}], 422, None),
        ("place", "order", 422, None),
        ("place", 0, 422, None),
        ("greet", {"name": "Ann", "times": 1.5}, 422, "times"),
        ("nowhere", {}, 404, None),
        ("app.nowhere:greet", {"name": "Ann"}, 404, None),
    ],
)
async def test_a_misfit_starts_nothing(
    http: httpx.AsyncClient, name: str, body: object, status: int, path: str | None
) -> None:
    answer = await http.post(f"/workflows/{FLOWS}{name}/runs", json=body)
    assert answer.status_code == status
    assert answer.json().get("path") == path
    assert await runs() == 0


async def test_malformed_bodies_start_nothing(http: httpx.AsyncClient) -> None:
    kinds = {"content-type": "application/json"}
    bodies = {b"{": 400, b'{"name": ' + b"[" * 200 + b"]" * 200 + b"}": 400, b'{"name":"' + b"x" * 1_100_000: 413}
    for body, status in bodies.items():
        assert (await http.post(f"/workflows/{FLOWS}greet/runs", content=body, headers=kinds)).status_code == status
    zipped = await http.post(
        f"/workflows/{FLOWS}greet/runs", content=b"x", headers=kinds | {"content-encoding": "gzip"}
    )
    assert zipped.status_code == 415
    assert await runs() == 0


async def test_every_kind_of_parameter_has_a_name(http: httpx.AsyncClient) -> None:
    body = {"more": {"a": "b"}, "rest": [5], "second": 2, "first": 1}
    answer = await http.post("/workflows/test_run:positional/runs", json=body)
    assert await get_run(answer.json()["runId"]).result() == [1, 2, [5], 3, {"a": "b"}]


@pytest.mark.parametrize("body", [{"second": 2}, {"first": 1}, {"first": 1, "second": 2, "fourth": 4}, {"rest": [1]}])
def test_what_isnt_a_call_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid):
        input_of(positional.definition, body)


async def test_the_input_is_what_start_makes_of_the_same(http: httpx.AsyncClient) -> None:
    """So that a key means the same from both sides, however the JSON was written."""
    run = await start(
        place, Order("o-1", [1], datetime(2026, 1, 1, tzinfo=UTC)), options=StartOptions(idempotency_key="k")
    )
    content = b'{ "order": {"due":"2026-01-01T00:00:00Z", "lines" : [1], "order_id": "o-1"} }'
    headers = {"content-type": "application/json", "idempotency-key": "k"}
    answer = await http.post(f"/workflows/{FLOWS}place/runs", content=content, headers=headers)
    assert (answer.status_code, answer.json()["runId"]) == (202, run.run_id)


async def test_a_repetition_gives_the_first_answer(http: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "key-1"}
    first = await http.post(f"/workflows/{FLOWS}greet/runs", json={"name": "Ann"}, headers=key)
    again = await http.post(f"/workflows/{FLOWS}greet/runs", json={"name": "Ann"}, headers=key)
    assert (again.status_code, again.json()["runId"]) == (202, first.json()["runId"])
    assert await find_run("key-1") is not None
    for name, body in (("greet", {"name": "Bob"}), ("listen", {"token": "t"})):
        conflict = await http.post(f"/workflows/{FLOWS}{name}/runs", json=body, headers=key)
        assert (conflict.status_code, conflict.json()["type"]) == (409, "urn:perdure:start-conflict")
        assert first.json()["runId"] not in conflict.text  # a key doesn't disclose whose it is
    assert (
        await http.post(f"/workflows/{FLOWS}greet/runs", json={"name": "A"}, headers={"idempotency-key": ""})
    ).status_code == 400
    assert await runs() == 1


def test_a_workflow_is_found_by_its_end() -> None:
    whole = "tests.http.flows:greet"
    assert [getattr(workflow_named(name), "name", None) for name in (whole, "flows:greet", "http.flows:greet")] == [
        whole
    ] * 3
    assert getattr(workflow_named("http-test.greet"), "name", None) == "http-test.greet"
    assert workflow_named("greet") is None  # two have that end
    assert getattr(workflow_named("lonely"), "name", None) == "http-test.lonely"
    assert [workflow_named(name) for name in ("reet", "", ":greet", "flows:", "flows:greet ")] == [None] * 5


async def test_a_finished_run(http: httpx.AsyncClient) -> None:
    run = await start(place, Order("o-1"), {"at": datetime(2026, 1, 1, tzinfo=UTC)})
    await run.result()
    said = (await http.get(f"/runs/{run.run_id}")).json()
    for name in ("createdAt", "startedAt", "completedAt"):
        assert said.pop(name).endswith("Z")
    assert said.pop("durationMs") >= 0
    assert said == {
        "runId": run.run_id,
        "workflow": "tests.http.flows:place",
        "status": "completed",
        "attributes": {},
        "parentId": None,
        "reason": None,
        "waitingFor": [],
        "result": {"id": "o-1", "due": None, "note": {"at": "2026-01-01T00:00:00Z"}},
    }


async def test_a_failed_run_shows_no_traceback(http: httpx.AsyncClient) -> None:
    run = await start(fail)
    with pytest.raises(RunFailed):
        await run.result()
    answer = await http.get(f"/runs/{run.run_id}")
    said = answer.json()
    assert said["error"] == {"type": "FatalError", "message": "the secret of the house", "traceback": None}
    assert "result" not in said
    assert not any(secret in answer.text for secret in SECRETS)


@pytest.mark.parametrize("token", ["secret-token", None])
async def test_a_waiting_run_shows_no_token(http: httpx.AsyncClient, token: str | None) -> None:
    run = await (start(ask, "d1") if token is None else start(listen, token))
    token = await hooked(run)
    await waiting_for(run, "hook")
    answer = await http.get(f"/runs/{run.run_id}")
    [waiting] = answer.json()["waitingFor"]
    assert (waiting["kind"], waiting["detail"]) == ("hook", "a payload")
    assert token not in answer.text
    assert approvals.token("d1") not in answer.text


async def test_a_blocked_run_shows_nothing_of_its_code() -> None:
    run = await start(doze)
    await waiting_for(run, "sleep")
    info = await run.info()
    code = replace(info.waiting_for[0], kind="code", detail="app.py:17 SECRET")
    view = shown(replace(info, status="blocked", reason="app.py:17 SECRET", waiting_for=(code,)))
    assert "SECRET" not in str(view)
    assert (view["reason"], view["waitingFor"][0]["kind"]) == ("it waits for its code, or for an operator", "code")


async def test_a_sleeping_run_says_until_when(http: httpx.AsyncClient) -> None:
    run = await start(doze)
    await waiting_for(run, "sleep")
    [waiting] = (await http.get(f"/runs/{run.run_id}")).json()["waitingFor"]
    assert (waiting["kind"], waiting["until"][-1]) == ("sleep", "Z")


@pytest.mark.parametrize("run_id", ["wrun_" + "0" * 26, "nonsense", "wrun_'; drop table runs; --", "%00", "x" * 3000])
async def test_an_unknown_run_is_one_404(http: httpx.AsyncClient, run_id: str) -> None:
    await start(greet, "Ann")
    for answer in (await http.get(f"/runs/{run_id}"), await http.post(f"/runs/{run_id}/cancel")):
        assert answer.status_code == 404
        assert answer.json() == {
            "type": "urn:perdure:run-not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no such run",
        }


async def test_a_run_is_cancelled(http: httpx.AsyncClient) -> None:
    run = await start(doze)
    answer = await http.post(f"/runs/{run.run_id}/cancel", json={"reason": "changed my mind", "grace": "5s"})
    assert (answer.status_code, answer.json()) == (202, {"runId": run.run_id, "accepted": True})
    assert await status_of(run, end="cancelled")
    assert (await http.get(f"/runs/{run.run_id}")).json()["reason"] == "changed my mind"
    again = await http.post(f"/runs/{run.run_id}/cancel")
    assert (again.status_code, again.json()["accepted"]) == (202, False)


@pytest.mark.parametrize(
    "body", [[], "now", {"reason": 1}, {"grace": "soon"}, {"grace": True}, {"grace": -1}, {"force": True}]
)
async def test_a_cancel_that_isnt_understood_does_nothing(http: httpx.AsyncClient, body: object) -> None:
    run = await start(doze)
    assert (await http.post(f"/runs/{run.run_id}/cancel", json=body)).status_code == 422
    assert await run.status() in ("pending", "running")


async def test_who_may_is_asked_for_each() -> None:
    asked: list[tuple[Action, Target]] = []

    async def nobody(request: object, action: Action, target: Target) -> None:
        asked.append((action, target))

    run = await start(doze)
    async with client(wrap(None, routes=("runs",), authorize=nobody)) as http:
        answers = [
            await http.post(f"/workflows/{FLOWS}greet/runs", json={"name": "Ann"}),
            await http.post("/workflows/nobodys/runs"),
            await http.get(f"/runs/{run.run_id}"),
            await http.get("/runs/nonsense"),
            await http.post(f"/runs/{run.run_id}/cancel"),
        ]
    assert [answer.status_code for answer in answers] == [401] * 5
    assert asked == [
        ("run:start", Target("workflow", "tests.http.flows:greet")),
        ("run:start", Target("workflow", "nobodys")),
        ("run:read", Target("run", run.run_id)),
        ("run:read", Target("run", "nonsense")),
        ("run:cancel", Target("run", run.run_id)),
    ]
    assert await runs() == 1
    assert await run.status() in ("pending", "running")


async def test_over_sqlite_too(http: httpx.AsyncClient, tmp_path: object) -> None:
    configure(world=f"sqlite:///{tmp_path}/runs.db")
    answer = await http.post(f"/workflows/{FLOWS}greet/runs", json={"name": "Ann"}, headers={"idempotency-key": "k"})
    again = await http.post(f"/workflows/{FLOWS}greet/runs", json={"name": "Ann"}, headers={"idempotency-key": "k"})
    run = get_run(answer.json()["runId"])
    assert again.json()["runId"] == run.run_id
    assert await run.result() == "hello Ann"
    assert (await http.get(f"/runs/{run.run_id}")).json()["result"] == "hello Ann"
