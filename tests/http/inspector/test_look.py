"""Everything that can be looked at over HTTP."""

import logging
from typing import Any

import pytest

from perdure import StartOptions, WorldUnavailable, create_hook, start, step, workflow
from perdure.http import wrap
from perdure.testing.conformance.text import HOSTILE
from perdure.worlds.memory import MemoryWorld
from tests.http.asgi import client
from tests.http.flows import ask, doze, fail, greet, hooked, recite
from tests.http.inspector.visit import APP, LOOKING, asking, get

pytestmark = pytest.mark.anyio
NOWHERE = "wrun_" + "0" * 26


@workflow
async def wait_for_anybody() -> None:
    async with create_hook() as hook:
        await hook


async def ids(path: str) -> list[str]:
    return [item["runId"] for item in (await get(path))["items"]]


async def test_runs() -> None:
    done, failed = await start(greet, "Ann"), await start(fail)
    await done.result()
    with pytest.raises(Exception):  # noqa: B017 - whatever it fails with
        await failed.result()
    assert await ids("runs") == [failed.run_id, done.run_id]
    assert await ids("runs?status=failed") == [failed.run_id]
    assert await ids("runs?status=failed&status=completed&limit=1") == [failed.run_id]
    page = await get("runs?limit=1&withData=true")
    assert page["items"][0]["detail"] == "FatalError: the secret of the house"
    page = await get(f"runs?limit=1&withData=true&cursor={page['cursor']}")
    assert (page["items"][0]["input"], page["items"][0]["result"]) == ({"name": "Ann"}, "hello Ann")
    assert await ids("runs?q=GREET") == [done.run_id]
    assert await ids("runs?workflow=nobody") == []
    assert await ids("runs?until=2020-01-01") == []


async def test_attributes() -> None:
    run = await start(greet, "Ann", options=StartOptions(attributes={"team": "a=b"}))
    assert await ids("runs?attr=team=a%3Db") == [run.run_id]
    assert await ids("runs?attr=team=x") == []


async def test_one_run_and_what_is_in_it() -> None:
    run = await start(recite, 3)
    await run.result()
    shown = await get(f"runs/{run.run_id}?withData=true")
    assert (shown["status"], shown["input"], shown["children"], shown["hooks"]) == ("completed", {"count": 3}, [], [])
    assert shown["streams"] == [{"namespace": None, "tailIndex": 2, "closed": True}]
    assert "input" not in await get(f"runs/{run.run_id}")
    (done,) = (await get(f"runs/{run.run_id}/steps"))["items"]
    assert done["status"] == "completed"
    assert (await get(f"steps/{done['stepId']}?run={run.run_id}"))["attempts"][0]["status"] == "completed"
    assert (await get(f"steps/{done['stepId']}"))["input"] == {"count": 3, "namespace": None}
    assert [item["stepId"] for item in (await get("steps"))["items"]] == [done["stepId"]]
    events = await get(f"runs/{run.run_id}/events?limit=2&withData=true")
    assert ([item["seq"] for item in events["items"]], events["cursor"]) == ([1, 2], "3")
    assert events["items"][0]["data"]["input"] == {"count": 3}
    timeline = await get(f"runs/{run.run_id}/timeline")
    assert [(span["kind"], span["status"]) for span in timeline["items"]] == [("step", "completed")]
    assert (await get(f"runs/{run.run_id}/streams"))["items"] == shown["streams"]
    chunks = await get(f"runs/{run.run_id}/chunks?startIndex=-2&limit=1")
    assert ([chunk["value"] for chunk in chunks["items"]], chunks["cursor"], chunks["tailIndex"]) == (
        [{"n": 1}],
        "2",
        2,
    )
    for path in ("waits", "hooks", "children", "forks"):
        assert (await get(f"runs/{run.run_id}/{path}")) == {"items": [], "cursor": None}


async def test_a_sleep_a_hook_and_who_works() -> None:
    sleeper, asker = await start(doze), await start(ask, "doc")
    token = await hooked(asker)
    (hook,) = (await get("hooks?withData=true"))["items"]
    assert (hook["token"], hook["runId"], hook["metadata"]) == (token, asker.run_id, {"document": "doc"})
    assert hook["schema"]["$ref"] == "#/$defs/Approval"
    assert (await get(f"runs/{asker.run_id}/hooks"))["items"][0]["status"] == "waiting"
    assert (await get(f"runs/{sleeper.run_id}/waits"))["items"][0]["kind"] == "sleep"
    (worker,) = (await get("workers"))["items"]
    assert (worker["leased"], worker["here"]) == (True, True)
    workflows = {item["name"].rpartition(":")[2]: item for item in (await get("workflows?limit=1000"))["items"]}
    assert (workflows["doze"]["workers"], workflows["doze"]["counts"]) == (1, {"running": 1})
    assert workflows["greet"]["sampled"] == 0


async def test_random_tokens_are_for_those_who_may_act() -> None:
    run = await start(wait_for_anybody)
    token = await hooked(run)
    for path in ("hooks", f"runs/{run.run_id}", f"runs/{run.run_id}/hooks", f"runs/{run.run_id}/timeline",
                 f"runs/{run.run_id}/events?withData=true"):  # fmt: skip
        assert token in str(await get(path))
        told = str(await get(path, LOOKING))
        assert token not in told
        assert f"{token[:8]}…" in told


async def test_a_run_by_its_beginning_is_asked_for_as_a_whole() -> None:
    run = await start(greet, "Ann")
    seen: list[tuple[str, str, str]] = []
    app = wrap(None, routes=("inspector",), authorize=asking(seen))
    assert (await get(f"runs/{run.run_id[:-1]}/steps", app))["items"] == []
    assert seen == [("inspect", "run", run.run_id[:-1]), ("inspect", "run", run.run_id)]
    seen.clear()
    await get("runs", app)
    await get(f"runs/{run.run_id}", app)
    assert seen == [("inspect", "world", ""), ("inspect", "run", run.run_id), ("act", "world", "")]


ROUTES = (
    "session", "runs", "steps", "hooks", "workers", "workflows", "live", "runs/R", "runs/R/timeline", "runs/R/steps",
    "runs/R/events", "runs/R/hooks", "runs/R/waits", "runs/R/streams", "runs/R/children", "runs/R/forks", "runs/R/chunks",
    "runs/R/logs", "runs/R/live", "runs/R/chunks/live", "steps/step_1", "steps/step_1?run=R",
)  # fmt: skip


@pytest.mark.parametrize("path", ROUTES)
async def test_nothing_is_shown_to_whom_authorize_refuses(path: str) -> None:
    run = await start(greet, "Ann")
    for verdict, status in ((False, 403), (None, 401)):
        app = wrap(None, routes=("inspector",), authorize=lambda *_, verdict=verdict: verdict)
        assert (await get(path.replace("R", run.run_id), app, status))["status"] == status


@pytest.mark.parametrize("path", [path for path in ROUTES if "runs/R" in path])
async def test_runs_that_arent_there(path: str) -> None:
    await start(greet, "Ann")
    await start(greet, "Bob")
    problem = await get(path.replace("R", NOWHERE), status=404)
    assert (problem["type"], problem["detail"]) == ("urn:perdure:run-not-found", "there is no such run")
    assert (await get(path.replace("R", "x%0A"), status=404))["detail"] == "there is no such run"
    problem = await get(path.replace("R", "wrun_"), status=400)
    assert problem["detail"].startswith(
        "'wrun_' is the beginning of several runs: write more of the one that you mean\n"
    )


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("runs?status=x", "status='x' is none: there are pending, running, completed, failed, cancelled, blocked"),
        ("runs?cursor=x", "'x' is no cursor of a list of runs: give the one that such a list ended with"),
        ("steps?cursor=x", "'x' is no cursor of a list of steps: give the one that such a list ended with"),
        ("steps?status=x", "status='x' is none: there are pending, running, retrying, completed, failed, cancelled"),
        ("workers?cursor=x", "'x' is no cursor of a list of workers: give the one that such a list ended with"),
        ("live?since=x", "since='x' is none: give a time in ISO 8601, such as 2026-01-31T08:30:00Z"),
        ("runs/R/events?cursor=-1", "'-1' is no cursor of a list of events: give the one that such a list ended with"),
        ("runs/R/events?cursor=" + "9" * 20, None),
        ("runs/R/logs?cursor=" + "9" * 5000, None),
        ("runs/R/waits?cursor=" + "9" * 5000, None),
        ("steps?cursor=" + NOWHERE + ":" + "9" * 5000, None),
        ("runs/R/chunks?startIndex=x", None),
        ("runs/R/chunks?namespace=%7Ex", None),
        ("runs/R/chunks/live?startIndex=99", None),
    ],
)
async def test_what_is_asked_wrongly(path: str, detail: str | None) -> None:
    run = await start(greet, "Ann")
    problem = await get(path.replace("R", run.run_id), status=400)
    assert detail in (None, problem["detail"])


@step(capture_logs=True)
async def tell() -> None:
    logging.getLogger("tests.told").warning("not yet good")
    logging.getLogger("tests.told").error("not good")


@workflow
async def tell_all() -> None:
    await tell()


async def test_what_its_steps_logged() -> None:
    run = await start(tell_all)
    await run.result()
    lines = (await get(f"runs/{run.run_id}/logs"))["items"]
    assert [line["message"] for line in lines] == ["not yet good", "not good"]
    (line,) = (await get(f"runs/{run.run_id}/logs?level=ERROR&step=tell&limit=1"))["items"]
    assert (line["level"], line["message"]) == ("ERROR", "not good")
    assert (await get(f"runs/{run.run_id}/logs?limit=1"))["cursor"] == "1"
    assert (await get(f"runs/{run.run_id}/logs?level=LOUD", status=400))["path"] == "level"
    assert (await get(f"runs/{run.run_id}/streams"))["items"] == []


async def test_a_step_is_asked_for_in_the_run_that_it_turns_out_to_be_of() -> None:
    run = await start(tell_all)
    await run.result()
    step_id = (await get(f"runs/{run.run_id}/steps"))["items"][0]["stepId"]
    seen: list[tuple[str, str, str]] = []
    app = wrap(None, routes=("inspector",), authorize=asking(seen))
    assert (await get(f"steps/{step_id}?run={run.run_id[:-1]}", app))["runId"] == run.run_id
    assert seen == [("inspect", "run", run.run_id[:-1]), ("inspect", "run", run.run_id)]


async def test_steps_that_arent_there() -> None:
    run = await start(greet, "Ann")
    for path in ("steps/x", f"steps/step_{'0' * 26}", f"steps/step_{'0' * 26}?run={run.run_id}"):
        assert (await get(path, status=404))["detail"] == "there is no such step"


async def test_hostile_strings_stay_strings() -> None:
    name = HOSTILE + "<script>alert(1)</script>\u2028"
    run = await start(greet, name, options=StartOptions(attributes={"a": name[:200]}))
    await run.result()
    shown = await get(f"runs/{run.run_id}?withData=true")
    assert (shown["input"], shown["attributes"]) == ({"name": name}, {"a": name[:200]})


async def test_a_world_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    await start(greet, "Ann")

    async def away(*_: Any) -> Any:
        raise WorldUnavailable("host secret")

    monkeypatch.setattr(MemoryWorld, "list_runs", away)
    problem = await get("runs", status=503)
    assert problem["detail"] == "the place where runs are kept can't be reached"


async def test_another_method() -> None:
    async with client(APP) as http:
        assert (await http.post("/api/v1/runs")).status_code == 405
        assert (await http.delete("/api/v1/session")).status_code == 405
        assert (await http.get("/api/v1/nothing")).status_code == 404
        head = await http.head("/api/v1/session")
        assert (head.status_code, head.headers["cache-control"]) == (200, "no-store")
