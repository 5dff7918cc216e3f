"""Headers of a trace, into the log and back."""

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from perdure.telemetry.trace import context_of, headers_of, ns
from tests.telemetry.collected import Collected


def test_a_span_and_its_baggage_come_back() -> None:
    span = Collected().tracer.start_span("request", Context())
    here = span.get_span_context()
    headers = headers_of(span, baggage.set_baggage("tenant", "acme", Context()))
    assert headers.keys() == {"traceparent", "baggage"}
    back = context_of(headers)
    there = get_current_span(back).get_span_context()
    assert (there.trace_id, there.span_id, there.is_remote) == (here.trace_id, here.span_id, True)
    assert baggage.get_all(back) == {"tenant": "acme"}


@pytest.mark.parametrize("headers", [{}, {"traceparent": "00-none-of-it"}, {"other": "x"}])
def test_what_cant_be_read_is_no_trace(headers: dict[str, str]) -> None:
    """Not even that of whoever looks."""
    with Collected().tracer.start_as_current_span("somebody else"):
        assert not get_current_span(context_of(headers)).get_span_context().is_valid


def test_milliseconds_of_the_log() -> None:
    assert ns(1_700_000_000_123) == 1_700_000_000_123_000_000
