"""The span of a start: below its caller's, over before the run begins, and what the run carries on."""

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from perdure.errors import WorldFull
from perdure.model.ids import RunId
from perdure.telemetry.start import StartSpan, origin
from tests.engine.program import one
from tests.engine.stage import Stage, new
from tests.telemetry.collected import Collected, attributes_of, below, leads_to, parent_of

RUN = RunId("wrun_1")


def test_it_is_below_its_callers_and_the_run_carries_it_on() -> None:
    told = Collected()
    with told.tracer.start_as_current_span("request"), StartSpan(told.tracer, "app:fulfil") as starting:
        trace = starting.trace
        starting.found(RUN, created=True)
    span = told.one("start app:fulfil")
    assert below(span, told.one("request"))
    assert span.kind is SpanKind.PRODUCER
    assert leads_to(trace, span)
    assert attributes_of(span) == {
        "perdure.workflow": "app:fulfil",
        "perdure.run.id": "wrun_1",
        "perdure.run.created": True,
    }


def test_one_that_fails() -> None:
    told = Collected()
    with pytest.raises(WorldFull), StartSpan(told.tracer, "app:fulfil"):
        raise WorldFull("no space")
    span = told.one("start app:fulfil")
    assert (span.status.status_code, attributes_of(span)["error.type"]) == (
        StatusCode.ERROR,
        "perdure.errors.WorldFull",
    )


def test_one_that_finds_the_run_of_its_key() -> None:
    stage, told = Stage(), Collected()

    async def scene() -> RunId:
        on = stage.engine(one, telemetry=told.telemetry)
        started = [await on.start(new(one, "x", idempotency_key="k")) for _ in range(2)]
        return started[0].run_id

    run_id = stage.play(scene)
    spans = told.named("start t:one")
    assert [attributes_of(span)["perdure.run.id"] for span in spans] == [run_id, run_id]
    assert [attributes_of(span)["perdure.run.created"] for span in spans] == [True, False]


def test_the_origin_of_a_run_is_nobodys_child() -> None:
    told = Collected()
    with told.tracer.start_as_current_span("somebody else"):
        trace = origin(told.tracer, "app:fulfil", RUN, 1_700_000_000_123)
    span = told.one("start app:fulfil")
    assert parent_of(span) is None
    assert span.start_time == span.end_time == 1_700_000_000_123_000_000
    assert leads_to(trace, span)
