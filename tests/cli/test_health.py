"""`perdure health`."""

import asyncio
from typing import Any

import msgspec
import pytest

from perdure import StartOptions, close, configure, start, worker
from perdure.api.connect import CONNECTION
from perdure.cli.health import Health, counts_cell, is_live, live_cell, look, parts_of, worker_json, workers_cell
from perdure.cli.table import Cell
from perdure.cli.world import in_world
from perdure.engine.engine import Engine, NewRun
from perdure.model.ids import WorkerId
from perdure.world.ownership import Lease, WorkerRecord
from tests.cli.shop import Shop, remind, say

NOBODY = "no live worker: start `perdure worker MODULE` or `perdure serve MODULE`\n"
RUNS = {"pending": 1, "running": 2, "blocked": 0}


def test_nobody_works(shop: Shop) -> None:
    done = say("health", "--json")
    assert (done.exit_code, done.stderr) == (1, NOBODY)
    assert msgspec.json.decode(done.stdout) == {
        "world": shop.url,
        "live": False,
        "workers": [],
        "runs": RUNS,
        "queued": {},
        "pins": {},
        "unserved": {"shop:remind": 2, "shop:inquire": 1},
    }


def test_in_a_pipe(shop: Shop) -> None:
    done = say("health")
    assert (done.exit_code, done.stderr) == (1, NOBODY)
    shown = dict(line.split("\t") for line in done.stdout.splitlines())
    assert (shown["world"], shown["live"], shown["workers"]) == (shop.url, "false", "[]")
    assert msgspec.json.decode(shown["runs"]) == RUNS


def test_somebody_works(shop: Shop) -> None:
    async def ask() -> Health:
        configure(world=shop.url, work=False)
        try:
            async with worker():
                return await look(await CONNECTION.engine())
        finally:
            await close()

    found = asyncio.run(ask())
    assert (found.works, found.unserved) == (True, {})
    (shown,) = found.as_json()["workers"]
    assert {"shop:remind", "shop:inquire"} <= set(shown["workflows"])
    assert shown["live"] is True


def test_here_only_ones_own_workers_count(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of another container: this one's has died."""

    async def lease(engine: Engine) -> None:
        await engine.world.beat(
            Lease(worker_id=WorkerId("wrkr_1"), lease_ms=60_000, process="here", workflows=("a:b",))
        )

    in_world(None, lease)
    assert say("health").exit_code == 0
    done = say("health", "--here", "--json")
    assert (done.exit_code, done.stderr) == (1, NOBODY.replace("worker:", "worker here:"))
    assert msgspec.json.decode(done.stdout) == {"world": shop.url, "live": False, "workers": []}
    monkeypatch.setattr("perdure.cli.health.is_here", lambda process: process == "here")
    done = say("health", "--here")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["world", "live", "workers"]


def test_what_is_pinned_wants_its_own(shop: Shop) -> None:
    """Whether a deployment may be shut down, and what waits for one that was."""

    async def ask() -> Health:
        configure(world=shop.url, work=False, deployment="blue")
        try:
            async with worker():
                for deployment in ("green", "green", "blue", "any"):
                    await start(remind, 1, options=StartOptions(deployment=deployment))
                return await look(await CONNECTION.engine())
        finally:
            await close()

    found = asyncio.run(ask())
    assert (found.pins, found.unserved) == ({"green": 2, "blue": 1}, {"shop:remind of green": 2})


def test_steps_in_queues_are_no_runs(shop: Shop) -> None:
    async def ask(engine: Engine) -> Health:
        for name in ("queue:gpu/shop:render", "queue:gpu/shop:render", "queue:cpu/shop:count"):
            await engine.start(NewRun(workflow=name, input=b"{}", pin="green" if "cpu" in name else None))
        await engine.start(NewRun(workflow="queue x", input=b"{}"))  # a workflow's name
        return await look(engine)

    found = in_world(None, ask)
    assert (found.runs, found.queued) == ({**RUNS, "pending": RUNS["pending"] + 1}, {"gpu": 2, "cpu": 1})
    assert found.unserved == {
        "shop:remind": 2, "queue:gpu/shop:render": 2, "shop:inquire": 1, "queue:cpu/shop:count of green": 1,
        "queue x": 1,
    }  # fmt: skip
    assert found.stuck() == ["4 runs served by nobody", "3 steps in queues that nobody serves"]
    assert "3 steps in queues" in live_cell(found._replace(workers=(record(now_ms=0),))).text


def test_a_world_that_isnt_there(folder: object) -> None:
    done = say("health", "--json")
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr.startswith("perdure: 'sqlite:///.perdure/perdure.db' is no usable world: ")


def record(**changes: Any) -> WorkerRecord:
    fields: dict[str, Any] = {
        "worker_id": WorkerId("wrkr_1"), "lease_until_ms": 12_000, "now_ms": 2000, "process": "",
        "workflows": ("a:b",), "deployment": "d", "runs": 2,
    }  # fmt: skip
    return WorkerRecord(**{**fields, **changes})


def test_a_lease_that_has_lapsed() -> None:
    assert is_live(record())
    assert not is_live(record(now_ms=12_000))
    assert workers_cell((record(now_ms=12_000),)).text == "wrkr_1  serves 1 workflow, holds 2 runs, dead"


def test_a_worker_of_a_queue() -> None:
    names = ("a:b", "queue:cpu/a:c", "queue:gpu/a:c", "queue:gpu/a:d")
    [line] = workers_cell((record(workflows=names),)).text.splitlines()
    assert "  serves 1 workflow and queue cpu and queue gpu, holds 2 runs" in line


def test_a_process_that_is_gone_before_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.cli.health.is_gone", lambda process: process == "gone")
    assert is_live(record(process="there"))
    assert not is_live(record(process="gone"))


def test_json_of_a_worker() -> None:
    assert worker_json(record()) == {
        "workerId": "wrkr_1",
        "live": True,
        "leaseUntil": "1970-01-01T00:00:12Z",
        "runs": 2,
        "workflows": ["a:b"],
        "deployment": "d",
    }


def test_cells() -> None:
    found = Health(
        "sqlite:///x", (record(), record(worker_id=WorkerId("wrkr_2"))), {"pending": 0, "running": 3}, {}, {}
    )
    assert live_cell(found) == Cell("at work", "true", style="green")
    stuck = found._replace(runs={"blocked": 1}, unserved={"a:c": 2, "a:d": 1})
    assert live_cell(stuck) == Cell("at work, but 1 run blocked and 3 runs served by nobody", "true", style="yellow")
    assert live_cell(found._replace(workers=())) == Cell("nobody works", "false", style="bold red")
    assert workers_cell(found.workers).text == (
        "wrkr_1  serves 1 workflow, holds 2 runs, its lease ends in 10 s\n"
        "wrkr_2  serves 1 workflow, holds 2 runs, its lease ends in 10 s"
    )
    assert found.runs is not None
    assert counts_cell(found.runs) == Cell("3 running", '{"pending":0,"running":3}')
    assert [part.key for part in parts_of(found)] == list(found.as_json())
