"""A run read without its code."""

from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from perdure.cli.world import in_world
from perdure.codec.fact import pack
from perdure.engine.engine import Engine, NewRun
from perdure.inspector import run as looking
from perdure.inspector.reference import record_named
from perdure.inspector.run import RunView, listed_view
from perdure.model.event import RunBlocked, RunCompleted, RunStarted
from perdure.model.ids import RunId, WorkerId
from perdure.world.log import Log, NewRow
from perdure.world.operation import Append
from perdure.world.ownership import WorkerRecord
from perdure.world.world import World
from tests.cli.shop import Shop


def view(run_id: str, *, with_data: bool = True, workers: tuple[WorkerRecord, ...] = ()) -> RunView:
    async def work(engine: Engine) -> RunView:
        return await listed_view(engine, await record_named(engine, run_id), workers, with_data=with_data)

    return in_world(None, work)


def test_a_run_that_has_ended(shop: Shop) -> None:
    seen = view(shop.runs["done"])
    assert (seen.info.status, seen.input) == ("completed", {"order": "o-1"})
    assert seen.result == {"order": "o-1", "charge": "ch_o-1"}
    assert seen.detail == ""


def test_data_only_for_who_asks(shop: Shop) -> None:
    seen = view(shop.runs["done"], with_data=False)
    assert not {"input", "result"} & seen.as_json().keys()
    assert view(shop.runs["done"]).as_json().keys() - seen.as_json().keys() == {"input", "result"}


@pytest.mark.parametrize(
    ("name", "with_data", "first_seq"), [("done", False, 6), ("done", True, 1), ("asleep", False, 1)]
)
def test_no_more_of_the_log_is_read_than_is_shown(
    shop: Shop, name: str, with_data: bool, first_seq: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seqs: list[int] = []
    read = looking.read_log

    async def read_log(world: World, run_id: RunId, from_seq: int = 1) -> Log:
        seqs.append(from_seq)
        return await read(world, run_id, from_seq)

    monkeypatch.setattr(looking, "read_log", read_log)
    view(shop.runs[name], with_data=with_data)
    assert seqs == [first_seq]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("failed", "FatalError: no such card"),
        ("cancelled", "closed"),
        ("asleep", "waiting for a worker that serves shop:remind (and 1 more)"),
    ],
)
def test_the_detail(shop: Shop, name: str, detail: str) -> None:
    assert view(shop.runs[name], with_data=False).detail == detail


def test_a_served_run_waits_for_itself_only(shop: Shop) -> None:
    serving = WorkerRecord(
        worker_id=WorkerId("wrkr_1"), lease_until_ms=2, now_ms=1, process="", workflows=("shop:remind",), deployment="",
        runs=0,
    )  # fmt: skip
    assert view(shop.runs["asleep"], workers=(serving,)).detail.startswith("waiting for a sleep, until ")
    lapsed = replace(serving, lease_until_ms=1)
    assert view(shop.runs["asleep"], workers=(lapsed,)).detail.startswith(
        "waiting for a worker that serves shop:remind"
    )


def end(fact: RunCompleted | RunBlocked) -> str:
    """A run that has got this far."""

    async def work(engine: Engine) -> str:
        run_id = (await engine.start(NewRun(workflow="x", input=b"[]"))).run_id
        rows = tuple(NewRow(turn=0, type=each.type, key="", payload=pack(each)) for each in (RunStarted(), fact))
        status = "completed" if isinstance(fact, RunCompleted) else "blocked"
        seize = Append(run_id=run_id, owner=WorkerId(""), epoch=0, seq=2, rows=rows, status=status, seize=True)
        await engine.world.commit([seize])
        return run_id

    return in_world(None, work)


def test_a_result_that_only_the_workflows_code_can_read(shop: Shop) -> None:
    """What refers to a step that is unknown here can't become a value; it can be shown."""
    node: Any = {"$": "ref", "kind": "nothing-here", "v": "app:charge"}
    run_id = end(RunCompleted(result=Raw(b'{"$":"ref","kind":"nothing-here","v":"app:charge"}')))
    assert view(run_id).result == node
    assert view(run_id).input == []


def test_a_blocked_run_says_why(shop: Shop) -> None:
    run_id = end(RunBlocked(sentence="its code changed"))
    assert view(run_id).detail == "its code changed"
