"""What can be done over HTTP, by whom, and with whose name."""

from typing import Any

import pytest
from starlette.requests import Request

from perdure import RunCancelled, RunFailed, start
from perdure.http import wrap
from tests.api.following import facts, until
from tests.http.asgi import client
from tests.http.flows import Terms, ask, called, doze, fail, greet, hooked, url_of
from tests.http.inspector.visit import APP, LOOKING, asking, get, post

pytestmark = pytest.mark.anyio
NOWHERE = "wrun_" + "0" * 26
POSTS = ("runs/R/cancel", "runs/R/retry", "runs/R/rerun", "runs/R/wake", "hooks/t/resume")
BULKS = ("runs/cancel", "runs/retry", "runs/rerun", "runs/wake")


async def asleep() -> Any:
    run = await start(doze)

    async def sleeps() -> bool:
        return bool((await run.waits()).items)

    await until(sleeps)
    return run


async def test_cancel() -> None:
    run = await asleep()
    done = await post(f"runs/{run.run_id}/cancel", {"reason": "twice"})
    assert done == {"runId": run.run_id, "accepted": True}
    with pytest.raises(RunCancelled):
        await run.result()
    assert (await get(f"runs/{run.run_id}"))["reason"] == "twice"
    assert await post(f"runs/{run.run_id}/cancel") == {"runId": run.run_id, "accepted": False}
    events = (await get(f"runs/{run.run_id}/events?withData=true"))["items"]
    assert "web" in [event["data"].get("by") for event in events]


async def test_cancel_now() -> None:
    run = await asleep()
    assert (await post(f"runs/{run.run_id}/cancel", {"now": True}))["accepted"]
    shown = await get(f"runs/{run.run_id}")
    assert (shown["status"], shown["forced"]) == ("cancelled", True)


async def test_retry_and_rerun() -> None:
    run = await start(fail)
    with pytest.raises(RunFailed):
        await run.result()
    assert await post(f"runs/{run.run_id}/retry") == {"runId": run.run_id}

    async def fails_again() -> bool:
        return len(await facts(run, "step_failed")) == 2

    await until(fails_again)
    again = await post(f"runs/{run.run_id}/rerun")
    assert again["runId"] != run.run_id
    assert (await get(f"runs/{again['runId']}"))["workflow"] == (await get(f"runs/{run.run_id}"))["workflow"]


async def test_wake() -> None:
    run = await asleep()
    assert await post(f"runs/{run.run_id}/wake") == {"runId": run.run_id, "woken": 1}
    assert await run.result() == "awake"
    assert (await post(f"runs/{run.run_id}/wake"))["woken"] == 0


async def test_resume_a_hook() -> None:
    run = await start(ask, "doc/17")
    token = (await hooked(run)).replace("/", "%2F")
    problem = await post(f"hooks/{token}/resume", {"payload": {"approved": "perhaps"}}, status=422)
    assert problem["path"] == 'payload["approved"]'
    done = await post(f"hooks/{token}/resume", {"payload": {"approved": True, "by": "ann"}}, status=202)
    assert done["runId"] == run.run_id
    assert await run.result() == "True by ann"
    assert (await post(f"hooks/{token}/resume", {"payload": {"approved": True}}, status=404))["detail"] == ""


async def test_a_webhook_takes_requests_alone() -> None:
    run = await start(called, Terms())
    token = (await url_of(run)).rpartition("/")[2]
    assert (await post(f"hooks/{token}/resume", {"payload": {}}, status=404))["type"] == "urn:perdure:hook-not-found"


async def test_many_at_once() -> None:
    one, other = await asleep(), await asleep()
    run_ids = [one.run_id, NOWHERE, other.run_id, one.run_id, "x"]
    items = (await post("runs/wake", {"runIds": run_ids}))["items"]
    assert [(item["runId"], item["ok"]) for item in items] == [
        (one.run_id, True), (NOWHERE, False), (other.run_id, True), ("x", False),
    ]  # fmt: skip
    assert items[1]["error"]["detail"] == "there is no such run"
    items = (await post("runs/retry", {"runIds": [one.run_id]}))["items"]
    assert items[0]["error"]["status"] == 400
    items = (await post("runs/rerun", {"runIds": [one.run_id]}))["items"]
    assert items[0]["newRunId"] != one.run_id
    items = (await post("runs/cancel", {"runIds": [other.run_id], "now": True, "reason": "all"}))["items"]
    assert items == [{"runId": other.run_id, "ok": True}]


async def test_who_did_it_is_in_the_log() -> None:
    def authorize(request: Request, *_: Any) -> bool:
        request.state.actor = "ann@example.org"
        return True

    app = wrap(None, routes=("inspector",), authorize=authorize)
    run = await asleep()
    await post(f"runs/{run.run_id}/wake", app=app)
    await run.result()
    again = (await post(f"runs/{run.run_id}/rerun", app=app))["runId"]
    for run_id in (run.run_id, again):
        events = (await get(f"runs/{run_id}/events?withData=true"))["items"]
        assert "ann@example.org" in [event["data"].get("by") for event in events]


@pytest.mark.parametrize("path", POSTS)
async def test_who_may_only_look_does_nothing(path: str) -> None:
    run = await asleep()
    path = path.replace("R", run.run_id)
    assert (await post(path, app=LOOKING, status=403))["detail"] == "who asks may not do this"
    assert await post(path, app=wrap(None, routes=("inspector",), authorize=lambda *_: None), status=401)
    assert (await get(f"runs/{run.run_id}"))["status"] == "running"


@pytest.mark.parametrize("path", BULKS)
async def test_who_may_only_look_does_nothing_to_many(path: str) -> None:
    run = await asleep()
    (item,) = (await post(path, {"runIds": [run.run_id]}, app=LOOKING))["items"]
    assert (item["ok"], item["error"]["status"]) == (False, 403)
    assert (await get("runs"))["items"][0]["status"] == "running"
    assert len((await get("runs"))["items"]) == 1


@pytest.mark.parametrize("path", [*POSTS, *BULKS])
async def test_pages_of_other_sites_act_on_nothing(path: str) -> None:
    run = await asleep()
    path = path.replace("R", run.run_id)
    body = {"runIds": [run.run_id]} if path in BULKS else {}
    assert (await post(path, body, status=403, origin="https://evil.example"))["status"] == 403
    assert (await post(path, body, status=403, origin="null"))["status"] == 403
    async with client(APP, origin="http://app.example") as http:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await http.post(f"/api/v1/{path}", content=b"{}", headers={"content-type": kind})
            assert answer.status_code == 415
        assert (await http.post(f"/api/v1/{path}")).status_code == 415
    assert (await get(f"runs/{run.run_id}"))["status"] == "running"


async def test_each_run_is_asked_about() -> None:
    run = await asleep()
    seen: list[tuple[str, str, str]] = []
    app = wrap(None, routes=("inspector",), authorize=asking(seen))
    await post(f"runs/{run.run_id[:-1]}/wake", app=app)
    await post("runs/wake", {"runIds": [run.run_id, NOWHERE]}, app=app)
    await post("hooks/t/resume", app=app, status=404)
    assert seen == [
        ("act", "run", run.run_id[:-1]), ("act", "run", run.run_id), ("act", "run", run.run_id), ("act", "run", NOWHERE),
        ("act", "hook", "t"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("runs/R/cancel", [], "the body is an object, or there is none"),
        ("runs/R/cancel", {"why": 1}, "there is no field 'why': there are reason, now, grace"),
        ("runs/R/cancel", {"reason": 1}, "reason is of the wrong type"),
        ("runs/R/cancel", {"now": 1}, "now is of the wrong type"),
        ("runs/R/cancel", {"grace": True}, "grace is of the wrong type"),
        ("runs/R/cancel", {"grace": "soon"}, None),
        ("runs/R/cancel", {"now": True, "grace": "1s"}, "now is a grace of 0: leave grace out"),
        ("runs/R/wake", {"runIds": []}, "there is no field 'runIds'"),
        ("runs/wake", {}, "runIds are 1 to 1000 ids of runs"),
        ("runs/wake", {"runIds": []}, "runIds are 1 to 1000 ids of runs"),
        ("runs/wake", {"runIds": [1]}, "runIds are 1 to 1000 ids of runs"),
        ("runs/wake", {"runIds": ["x"] * 1001}, "runIds are 1 to 1000 ids of runs"),
        ("runs/wake", {"runIds": "wrun_1"}, "runIds is of the wrong type"),
        ("hooks/t/resume", {"pay": 1}, "there is no field 'pay': there are payload"),
    ],
)
async def test_bodies_that_are_none(path: str, body: Any, detail: str | None) -> None:
    run = await asleep()
    problem = await post(path.replace("R", run.run_id), body, status=422)
    assert detail in (None, problem["detail"])
    assert (await get(f"runs/{run.run_id}"))["status"] == "running"


async def test_a_body_that_is_no_json() -> None:
    async with client(APP) as http:
        answer = await http.post("/api/v1/runs/x/wake", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:perdure:json-invalid")


async def test_runs_that_arent_there() -> None:
    await start(greet, "Ann")
    for path in POSTS[:4]:
        assert (await post(path.replace("R", NOWHERE), status=404))["detail"] == "there is no such run"
