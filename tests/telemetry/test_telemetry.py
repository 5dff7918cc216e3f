"""Telemetry as a process has it: the global providers', through the user's verbs, and with nobody's payload in it."""

import asyncio
from pathlib import Path

import pytest
from opentelemetry import trace

import perdure.sync
from perdure import (
    Retry,
    StartOptions,
    close,
    configure,
    create_hook,
    get_run,
    get_writable,
    heartbeat,
    resume_hook,
    set_attributes,
    start,
    step,
    workflow,
)
from perdure.api import connect
from perdure.telemetry.telemetry import of_this_process
from tests.telemetry.collected import Collected, attributes_of, below, trace_id_of

pytestmark = pytest.mark.anyio

SECRET = "hunter2"
TRIED: list[str] = []


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Collected:
    TRIED.clear()
    collected = Collected()
    monkeypatch.setattr(connect, "telemetry", lambda: collected.telemetry)
    return collected


@step(name="tt:charge", retry=Retry(max_retries=1, delay="1ms"))
async def charge(card: str) -> str:
    TRIED.append(card)
    await set_attributes(card=card)
    await heartbeat(card)
    async with get_writable(str) as out:
        await out.write(card)
    if len(TRIED) == 1:
        raise ValueError(card)
    return card


@workflow(name="tt:pay")
async def pay(card: str) -> str:
    return await charge(card)


@step(name="tt:begin")
async def begin() -> str:
    return await (await start(pay, "4711")).result()


@workflow(name="tt:nested")
async def nested() -> str:
    return await begin()


@workflow(name="tt:keyed")
async def keyed() -> str:
    """A start that our own step makes."""
    run = await start(pay, "4711", options=StartOptions(idempotency_key="k"))
    return await get_run(run.run_id, str).result()


@step(name="tt:wait")
async def wait() -> None:
    await asyncio.Event().wait()


@workflow(name="tt:waits")
async def waits() -> None:
    await wait()


@workflow(name="tt:confess")
async def confess() -> str:
    async with create_hook(str, token=SECRET, metadata=SECRET) as hook:
        raise RuntimeError(f"{await hook} {await charge(SECRET)}")


async def test_with_the_users_verbs_on_sqlite(told: Collected, tmp_path: Path) -> None:
    configure(world=f"sqlite:///{tmp_path}/it.db")
    with told.tracer.start_as_current_span("request"):
        run = await start(pay, "4711")
    assert await run.result() == "4711"
    await close()
    begun = told.one("start tt:pay")
    assert below(begun, told.one("request"))
    assert [span.name for span in told.spans if below(span, begun)] == ["step tt:charge"] * 2 + ["run tt:pay"]
    assert told.told("perdure.commit.size")[()][0] >= 3
    assert told.told("perdure.commit.duration")[()][1] > 0


async def test_a_fork_begins_when_it_was_made(told: Collected) -> None:
    """Its log has the other run's start, which was before it."""
    configure(world="memory://")
    run = await start(pay, "4711")
    await run.result()
    fork = await run.fork("tt:charge")
    await fork.result()
    created_ns = round((await fork.info()).created_at.timestamp() * 1000) * 1_000_000
    await close()
    first, second = told.named("run tt:pay")
    assert (first.start_time or 0) < created_ns <= (second.start_time or 0)
    assert told.told("perdure.runs") == {("started", "tt:pay"): 2, ("completed", "tt:pay"): 2}
    [(waits, _)] = told.told("perdure.run.latency").values()
    assert waits == 1, "it begins where the other was, and waits for no worker to do that"
    assert told.told("perdure.step.attempts")[("tt:charge", "completed")][0] == 2


async def test_what_a_step_starts_is_below_it(told: Collected) -> None:
    configure(world="memory://")
    assert await (await start(nested)).result() == "4711"
    await close()
    inner = told.one("start tt:pay")
    assert below(inner, told.one("step tt:begin"))
    assert below(told.one("run tt:pay"), inner)


async def test_what_our_own_step_starts_is_below_the_run_that_asked(told: Collected) -> None:
    configure(world="memory://")
    assert await (await start(keyed)).result() == "4711"
    await close()
    inner = told.one("start tt:pay")
    assert below(inner, told.one("start tt:keyed"))
    assert below(told.one("run tt:pay"), inner)
    assert [span.name for span in told.spans if span.name.startswith("step")] == ["step tt:charge"] * 2
    assert {name for name, _ in told.told("perdure.step.duration")} == {"tt:charge"}
    assert told.told("perdure.step.latency").keys() == {("tt:charge",)}


async def test_a_start_from_sync_code_is_below_its_caller(told: Collected) -> None:
    configure(world="memory://")

    def sync_code() -> str:
        with told.tracer.start_as_current_span("request"):
            return perdure.sync.start(pay, "4711").result()

    assert await asyncio.to_thread(sync_code) == "4711"
    await asyncio.to_thread(perdure.sync.close)
    assert below(told.one("start tt:pay"), told.one("request"))


def test_a_step_that_the_end_of_its_loop_cuts_off_was_cancelled(told: Collected) -> None:
    async def main() -> None:
        configure(world="memory://")
        run = await start(waits)
        while [each.status async for each in run.steps()] != ["running"]:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    span = told.one("step tt:wait")
    assert attributes_of(span)["perdure.step.outcome"] == "cancelled"
    assert "error.type" not in attributes_of(span)
    assert told.named("run tt:waits") == []


async def test_no_payload_is_told_with_keys_or_without(told: Collected) -> None:
    """Neither arguments, results, errors, chunks, attributes, progress, nor tokens, payloads and metadata of hooks."""
    configure(world="memory://", keys={"k1": "ab" * 32})
    run = await start(confess)
    while not [hook async for hook in run.hooks()]:
        await asyncio.sleep(0.01)
    await resume_hook(SECRET, SECRET)
    with pytest.raises(perdure.RunFailed):
        await run.result()
    engine = await connect.CONNECTION.engine()
    log = await engine.world.read_log(run.run_id)  # type: ignore[arg-type]
    assert log is not None
    trace_id = f"{trace_id_of(told.one('start tt:confess')):032x}".encode()
    assert [row.type for row in log.rows if SECRET.encode() in row.payload or trace_id in row.payload] == []
    await close()
    assert attributes_of(told.one("run tt:confess"))["error.type"] == "RuntimeError"
    assert SECRET not in told.everything()


def test_one_for_the_global_providers() -> None:
    assert of_this_process() is of_this_process()


def test_what_is_not_recorded_is_carried_on_all_the_same() -> None:
    """With OpenTelemetry's API alone, nothing is told; but who has another process's trace hands it on."""
    remote = trace.SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(remote)), of_this_process().start("app:fulfil") as starting:
        assert starting.trace == {"traceparent": "00-00000000000000000000000000000abc-0000000000000def-01"}
    with of_this_process().start("app:fulfil") as starting:
        assert starting.trace == {}
