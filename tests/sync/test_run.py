"""Starting runs, following them, and their streams and hooks, blocking."""

import pytest

import perdure
from perdure import sync
from perdure.sync import (
    FatalError,
    RunCancelled,
    RunFailed,
    RunNotFound,
    StartOptions,
    UsageError,
    find_run,
    get_run,
    get_writable,
    list_runs,
    start,
    step,
    workflow,
)
from tests.sync.program import asleep, doubles, sleeps, wait_until


def test_a_runs_life() -> None:
    run = start(doubles, 3)
    assert run.result() == 6
    assert run.status() == "completed"
    info = run.info()
    assert (info.run_id, info.result) == (run.run_id, 6)
    assert repr(run) == f"<run {run.run_id}>"
    assert [event.type for event in run.events()] == [
        "run_created", "run_started", "step_created", "step_completed", "run_completed",
    ]  # fmt: skip
    assert [each.name for each in run.steps()] == ["tests.sync.program:double"]
    assert list(run.waits()) == []
    assert run.steps().page().cursor is None
    again = run.rerun(by="ann")
    assert next(iter(again.events())).data["by"] == "ann"
    assert (again.result(), again.run_id == run.run_id) == (6, False)
    forked = run.fork("double", input={"n": 4}, by="ann")
    assert next(iter(forked.events())).data["by"] == "ann"
    assert forked.result() == 8


def test_exceptions_come_through() -> None:
    run = start(doubles, -1)
    with pytest.raises(RunFailed) as caught:
        run.result()
    assert type(caught.value.__cause__) is FatalError
    with pytest.raises(UsageError, match="failed by itself"):
        run.retry()
    with pytest.raises(TypeError):
        start(doubles)  # type: ignore[call-arg]


def test_sleeps_cancels_and_timeouts() -> None:
    run = start(sleeps)
    with pytest.raises(TimeoutError):
        run.result(timeout="1ms")
    wait_until(lambda: asleep(run))
    assert run.wake_up() == 1
    assert run.result() == "slept"
    other = start(sleeps)
    assert other.cancel(reason="by hand", by="ann") is True
    with pytest.raises(RunCancelled) as caught:
        other.result()
    assert caught.value.reason == "by hand"
    assert other.cancel(grace=0) is False


def test_options_and_finding_runs_again() -> None:
    assert find_run("key") is None
    run = start(doubles, 3, options=StartOptions(idempotency_key="key", attributes={"region": "eu"}))
    found = find_run("key")
    assert found is not None
    assert found.run_id == run.run_id
    assert get_run(run.run_id, int).result() == 6
    assert get_run(run.run_id).result() == 6
    with pytest.raises(RunNotFound):
        get_run("order-1")


def test_listing() -> None:
    runs = [start(doubles, n) for n in range(5)]
    for run in runs:
        run.result()
    assert sorted(info.run_id for info in list_runs(limit=2)) == sorted(run.run_id for run in runs)
    page = list_runs(limit=2, status="completed").page()
    assert len(page.items) == 2
    assert len(list(list_runs(limit=2, cursor=page.cursor, workflow=doubles))) == 3
    assert list(list_runs(status="failed")) == []


@step
def reports(lines: int) -> None:
    with get_writable(str) as out, get_writable(int, namespace="numbers") as numbers:
        for n in range(lines):
            out.write(f"line {n}")
            numbers.write(n)


@workflow
async def reporting(lines: int) -> None:
    await reports(lines)
    async with perdure.create_hook(int, token="more", metadata={"why": "a test"}) as more:
        await reports(await more)


def test_streams_and_hooks() -> None:
    run = start(reporting, 3)
    wait_until(lambda: any(hook.status == "waiting" for hook in run.hooks()))
    assert [hook.token for hook in run.hooks().page().items] == ["more"]
    info = run.stream_info("numbers")
    assert (info.tail_index, info.closed) == (2, False)
    assert [(stream.namespace, stream.tail_index) for stream in run.streams()] == [(None, 2), ("numbers", 2)]
    sync.resume_hook("more", 2)
    assert list(run.readable(str)) == ["line 0", "line 1", "line 2", "line 0", "line 1"]
    assert list(run.readable(int, namespace="numbers", start_index=-2)) == [0, 1]
    [first, second] = [step.step_id for step in run.steps()]
    chunks = list(run.read_chunks(int, namespace="numbers", start_index=2))
    assert [(chunk.index, chunk.value, chunk.step_id) for chunk in chunks] == [
        (2, 2, first), (3, 0, second), (4, 1, second),
    ]  # fmt: skip
    assert run.stream_info().closed


def test_what_cant_be_read() -> None:
    run = start(doubles, 1)
    run.result()
    assert list(run.readable()) == []
    with pytest.raises(UsageError, match="start_index=1 is past the stream's end"):
        list(run.readable(start_index=1))
    with pytest.raises(UsageError, match="can't name a stream"):
        run.readable(namespace="")  # at once, not when it is iterated
    with pytest.raises(RunNotFound):
        next(get_run("wrun_" + "0" * 26).readable())


def test_half_of_a_stream_is_enough() -> None:
    run = start(reporting, 3)
    for value in run.readable(str):
        assert value == "line 0"
        break
    wait_until(lambda: any(hook.status == "waiting" for hook in run.hooks()))
    sync.resume_hook("more", 0)
    assert run.result() is None
