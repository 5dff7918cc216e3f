"""The span of an attempt is the current one while the step's function runs, in a thread too."""

import asyncio
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, StatusCode

from perdure import Retry, step, workflow
from perdure.api.step import Step
from perdure.engine.engine import Engine
from perdure.model.ids import RunId, step_id
from tests.engine.stage import Stage, new
from tests.telemetry.collected import Collected, attributes_of, below

NOT_AGAIN = Retry(max_retries=0)


@step(name="s:model")
async def model() -> str:
    span = trace.get_current_span()
    span.set_attribute("gen_ai.request.model", "m-1")
    span.set_attribute("gen_ai.usage.output_tokens", 7)
    with trace.get_tracer("app", tracer_provider=PROVIDER[0]).start_as_current_span("POST model"):
        span.set_attribute("tenant", str(baggage.get_baggage("tenant")))
    return "well"


@step(name="s:sync")
def sync() -> str:
    with trace.get_tracer("app", tracer_provider=PROVIDER[0]).start_as_current_span("render") as span:
        span.set_attribute("tenant", str(baggage.get_baggage("tenant")))
    return "well"


@step(name="s:fail", retry=NOT_AGAIN)
async def fail() -> None:
    raise LookupError("secret")


@step(name="s:slow", timeout="2s", retry=NOT_AGAIN)
async def slow() -> None:
    await asyncio.sleep(60)


@step(name="s:silent", heartbeat_timeout="2s", retry=NOT_AGAIN)
async def silent() -> None:
    await asyncio.sleep(60)


@step(name="s:stopped", retry=NOT_AGAIN)
async def stopped() -> None:
    raise asyncio.CancelledError


@step(name="s:shapeless", retry=NOT_AGAIN)
async def shapeless() -> Any:
    return object()


STEPS: dict[str, "Step[..., Any]"] = {
    each.definition.name: each for each in (model, sync, fail, slow, silent, stopped, shapeless)
}
PROVIDER: list[Any] = []


@workflow(name="s:calling")
async def calling(name: str) -> Any:
    return await STEPS[name]()


@workflow(name="s:letting_go")
async def letting_go() -> None:
    with_limit = asyncio.create_task(slow())
    await asyncio.sleep(1)
    with_limit.cancel()
    await asyncio.sleep(1)


def run(workflow: Any, *arguments: Any) -> tuple[Collected, RunId]:
    """All that was told by a run of it, and its id. The caller of the start has baggage."""
    stage, told = Stage(), Collected()
    PROVIDER[:] = [told.tracers]

    async def scene() -> RunId:
        on: Engine = await stage.working(calling, letting_go, *STEPS.values(), telemetry=told.telemetry)
        token = attach(baggage.set_baggage("tenant", "acme"))
        run_id = (await on.start(new(workflow, *arguments))).run_id
        detach(token)
        await on.end(run_id)
        return run_id

    return told, stage.play(scene)


def test_what_a_step_does_is_below_its_span() -> None:
    told, run_id = run(calling, "s:model")
    span = told.one("step s:model")
    assert below(span, told.one("start s:calling"))
    assert below(told.one("POST model"), span)
    assert (span.kind, span.status.status_code) == (SpanKind.INTERNAL, StatusCode.UNSET)
    assert attributes_of(span) == {
        "perdure.workflow": "s:calling",
        "perdure.run.id": run_id,
        "perdure.step.id": step_id(run_id, "0/step:s:model#0"),
        "perdure.step.name": "s:model",
        "perdure.step.attempt": 1,
        "perdure.step.outcome": "completed",
        "gen_ai.request.model": "m-1",
        "gen_ai.usage.output_tokens": 7,
        "tenant": "acme",
    }


def test_in_a_thread_too() -> None:
    told, _ = run(calling, "s:sync")
    assert below(told.one("render"), told.one("step s:sync"))
    assert attributes_of(told.one("render")) == {"tenant": "acme"}
    assert attributes_of(told.one("run s:calling"))["perdure.run.status"] == "completed"


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("s:fail", "LookupError"),
        ("s:slow", "perdure.errors.StepTimeout"),
        ("s:silent", "perdure.errors.StepTimeout"),
        ("s:stopped", "asyncio.exceptions.CancelledError"),
        ("s:shapeless", "perdure.errors.EncodeError"),
    ],
)
def test_one_that_fails_says_by_which_error(name: str, type: str) -> None:
    told, _ = run(calling, name)
    span = told.one(f"step {name}")
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
    assert attributes_of(span)["perdure.step.outcome"] == "failed"
    assert attributes_of(span)["error.type"] == type


def test_one_that_nobody_waits_for_any_more() -> None:
    told, _ = run(letting_go)
    span = told.one("step s:slow")
    assert attributes_of(span)["perdure.step.outcome"] == "cancelled"
    assert (span.status.status_code, "error.type" in attributes_of(span)) == (StatusCode.UNSET, False)
