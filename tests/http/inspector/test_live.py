"""What changes, as it changes."""

from typing import Any

import msgspec
import pytest

from perdure import resume_hook, start
from perdure.http.ending import ending
from perdure.http.inspector import live
from perdure.worlds.memory import MemoryWorld
from tests.http.asgi import Exchange, get, scope_of
from tests.http.flows import doze, greet, hooked, listen, narrate, recite
from tests.http.inspector.visit import APP, LOOKING
from tests.http.inspector.visit import get as ask

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked as often as can be."""
    monkeypatch.setattr(live, "LOOK_S", 0.0)
    monkeypatch.setattr(live, "LOOK_ENDED_S", 0.0)
    monkeypatch.setattr(live, "PART_OF_TIME", 0)


def news(answer: Exchange, wanted: str) -> list[Any]:
    """What was told so far, of this kind."""
    found: list[Any] = []
    for block in answer.body.decode().split("\n\n")[:-1]:
        if block.startswith(f"event: {wanted}\n"):
            found.append(msgspec.json.decode(block.partition("\ndata: ")[2]))
    return found


async def test_runs_that_are_new_or_change() -> None:
    first = await start(doze)
    answer = await get(APP, "/api/v1/live").begun()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    await answer.until(lambda told: bool(news(told, "runs")))
    assert [run["runId"] for run in news(answer, "runs")[0]["items"]] == [first.run_id]
    second = await start(greet, "Ann")
    await answer.until(lambda told: second.run_id in told.body.decode())
    await first.wake_up()
    await answer.until(
        lambda told: any(
            run["runId"] == first.run_id and run["status"] == "completed"
            for each in news(told, "runs")
            for run in each["items"]
        )
    )
    assert all(each["gone"] == [] for each in news(answer, "runs"))
    await answer.hang_up()


async def test_runs_that_dont_meet_the_filter_any_more() -> None:
    run = await start(doze)
    await start(greet, "Ann")
    answer = await get(APP, "/api/v1/live?status=running&q=DOZE").begun()
    await answer.until(lambda told: bool(news(told, "runs")))
    await run.wake_up()
    await answer.until(lambda told: news(told, "runs")[-1]["gone"] == [run.run_id])
    assert {each["runId"] for told in news(answer, "runs") for each in told["items"]} == {run.run_id}
    await answer.hang_up()


async def test_a_run_as_it_goes_on() -> None:
    run = await start(listen, "t")
    await hooked(run)
    answer = await get(APP, f"/api/v1/runs/{run.run_id[:-1]}/live").begun()
    await answer.until(lambda told: bool(news(told, "spans")))
    (span,) = news(answer, "spans")[0]["items"]
    assert (span["kind"], span["status"], span["marks"], span["token"]) == ("hook", "waiting", [], "t")
    assert news(answer, "streams") == [{"items": []}]
    await resume_hook("t", 1)
    await answer.until(lambda told: len(news(told, "spans")[-1]["items"][0]["marks"]) == 1)
    await resume_hook("t", None)
    await answer.until(lambda told: news(told, "run")[-1]["status"] == "completed")
    assert news(answer, "run")[-1]["result"] == [1]
    lengths = [each["length"] for each in news(answer, "events")]
    assert lengths == sorted(lengths)
    assert lengths[-1] == len((await run.events()).items)
    await answer.hang_up()


async def test_spans_that_were_over_long_ago_are_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = await start(recite, 1)
    await run.result()
    for fresh_ms, count in ((10_000, 1), (-10_000, 0)):
        monkeypatch.setattr(live, "FRESH_MS", fresh_ms)
        answer = await get(APP, f"/api/v1/runs/{run.run_id}/live").begun()
        await answer.until(lambda told: bool(news(told, "streams")))
        assert len(news(answer, "spans")) == count
        await answer.hang_up()


async def test_a_run_that_is_removed_ends_it() -> None:
    run = await start(greet, "Ann")
    await run.result()
    answer = await get(APP, f"/api/v1/runs/{run.run_id}/live").begun()
    await answer.until(lambda told: bool(news(told, "run")))
    world = (await live.CONNECTION.engine()).world
    await world.retention.prune(-1, 100)
    assert (await answer.end()).complete


async def test_a_stream() -> None:
    run = await start(narrate, "t")
    await hooked(run)
    await resume_hook("t", {"password": "x"})
    answer = await get(APP, f"/api/v1/runs/{run.run_id}/chunks/live").begun()
    await answer.until(lambda told: bool(news(told, "chunks")))
    assert news(answer, "chunks")[0]["items"] == [
        {"index": 0, "value": {"password": "[redacted]"}, "stepId": None, "attempt": 0}
    ]
    await resume_hook("t", "two")
    await answer.until(lambda told: len(news(told, "chunks")) == 2)
    await resume_hook("t", None)
    await answer.end()
    assert news(answer, "closed") == [{}]
    assert answer.complete
    again = await get(APP, f"/api/v1/runs/{run.run_id}/chunks/live?startIndex=1").end()
    assert [chunk["value"] for chunk in news(again, "chunks")[0]["items"]] == ["two"]


async def test_random_tokens_are_for_those_who_may_act() -> None:
    token = "bIRtIAHVaBHF3OwibIrmuOMjUlFlwIXw"
    run = await start(listen, token)
    await hooked(run)
    answer = await get(LOOKING, f"/api/v1/runs/{run.run_id}/live").begun()
    await answer.until(lambda told: bool(news(told, "spans")))
    assert news(answer, "spans")[0]["items"][0]["token"] == "bIRtIAHV…"
    await answer.hang_up()


async def test_the_end_of_the_server_ends_them() -> None:
    run = await start(doze)
    answers = [
        await get(APP, f"/api/v1/{path}").begun()
        for path in ("live", f"runs/{run.run_id}/live", f"runs/{run.run_id}/chunks/live")
    ]
    ending().set()
    for answer in answers:
        assert (await answer.end()).complete
    assert (await ask("live", status=503))["detail"] == "the server is going down: come back at once"


async def test_the_world_is_asked_for_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    list_runs = MemoryWorld.list_runs

    async def listing(world: MemoryWorld, filter: Any) -> Any:
        limits.append(filter.limit)
        return await list_runs(world, filter)

    monkeypatch.setattr(MemoryWorld, "list_runs", listing)
    await start(doze)
    answer = await get(APP, "/api/v1/live?limit=1000").begun()
    await answer.until(lambda told: bool(news(told, "runs")))
    await answer.hang_up()
    assert set(limits) == {live.WATCHED}


async def test_a_head_has_no_end_to_wait_for() -> None:
    answer = await Exchange(APP, scope_of("/api/v1/live", method="HEAD")).end()
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


async def test_looking_takes_a_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PART_OF_TIME", 10)
    clock = iter([0.0, 0.01, 0.01, 10.0, 12.0])
    pace = live.Pace(lambda: next(clock))
    assert pace.pause_s(0.5) == 0.5
    await pace.rest(0.0)
    assert pace.pause_s(0.5) == 20.0
