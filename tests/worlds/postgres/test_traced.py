"""Telemetry over PostgreSQL: one trace through processes, one of which is killed; and runs that SQL starts."""

import asyncio

import pytest

from perdure import get_run, list_runs, resume_hook, start, step, worker, workflow
from perdure.api import connect
from perdure.api.connect import upgrade_at
from tests.telemetry.collected import Collected, attributes_of, below, parent_of
from tests.worlds.postgres.database import database
from tests.worlds.postgres.fleet import STUCK, of_everything
from tests.worlds.postgres.test_fleet import process, read, using

pytestmark = pytest.mark.anyio
NAME = of_everything.definition.name


@step(name="traced:add")
async def add(left: int, right: int) -> int:
    return left + right


@workflow(name="traced:sum")
async def summed(left: int, right: int) -> int:
    return await add(left, right)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Collected:
    collected = Collected()
    monkeypatch.setattr(connect, "telemetry", lambda: collected.telemetry)
    return collected


async def test_what_one_process_starts_another_goes_on_with(
    url: str, told: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each tells its own providers."""
    upgrade_at(url)
    async with using(url):
        with told.tracer.start_as_current_span("request"):
            run = await start(summed, 2, 3)
    there = Collected()
    monkeypatch.setattr(connect, "telemetry", lambda: there.telemetry)
    async with using(url), worker():
        assert await get_run(run.run_id, int).result() == 5
    begun = told.one("start traced:sum")
    assert below(begun, told.one("request"))
    assert [span.name for span in there.spans] == ["step traced:add", "run traced:sum"]
    assert all(below(span, begun) for span in there.spans)
    assert there.told("perdure.runs") == {("started", "traced:sum"): 1, ("completed", "traced:sum"): 1}


async def test_a_process_that_is_killed_leaves_the_trace_to_the_next(url: str, told: Collected) -> None:
    upgrade_at(url)
    async with using(url):
        with process(url, **{STUCK: "1"}) as child:
            run = await start(of_everything, "hal")
            while not [hook async for hook in run.hooks()]:
                await asyncio.sleep(0.02)
            await resume_hook("token-hal", "yes")
            assert await asyncio.to_thread(read, child) == "stuck"
            while [event.type async for event in run.events()].count("step_created") < 2:
                await asyncio.sleep(0.02)
        async with worker():
            assert await run.result() == ["hal", "yes", "yes by somebody"]
    begun, ended = told.one(f"start {NAME}"), told.one(f"run {NAME}")
    attempt = told.one(f"step {NAME.partition(':')[0]}:hang")
    assert below(ended, begun)
    assert below(attempt, begun)
    assert attributes_of(attempt)["perdure.step.attempt"] == 2, "the first went with its process"
    assert [span for span in told.spans if span not in (begun, ended, attempt)] == []
    assert told.told("perdure.recoveries") == {(NAME,): 1}


async def test_a_run_that_sql_starts(url: str, told: Collected) -> None:
    upgrade_at(url)
    async with database(url) as sql:
        run_id = await sql.fetchval("""SELECT start_run('traced:sum', '{"left": 2, "right": 3}')""")
    async with using(url), worker():
        assert await get_run(run_id, int).result() == 5
        assert [run.run_id async for run in list_runs()] == [run_id]
    begun = told.one("start traced:sum")
    assert (parent_of(begun), attributes_of(begun)["perdure.run.id"]) == (None, run_id)
    assert [span.name for span in told.spans if below(span, begun)] == ["step traced:add", "run traced:sum"]
