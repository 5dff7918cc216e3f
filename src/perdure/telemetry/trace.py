"""Traces on their way through the log: the context that is current, as headers, and back.

The global propagator decides which headers these are: by default `traceparent`, `tracestate` and `baggage`.
"""

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Span, set_span_in_context


def headers_of(span: Span, context: Context | None = None) -> dict[str, str]:
    """What is to be recorded of this span, in this context; None: the current one."""
    headers: dict[str, str] = {}
    inject(headers, set_span_in_context(span, context))
    return headers


def context_of(headers: Mapping[str, str]) -> Context:
    """The context that was recorded; of one that can't be read, none."""
    return extract(headers, Context())


def ns(at_ms: int) -> int:
    """A moment of the log, as spans have it."""
    return at_ms * 1_000_000
