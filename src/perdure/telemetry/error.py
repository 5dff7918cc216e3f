"""An error on a span: by its type alone. Messages and tracebacks may hold what is encrypted in the store."""

from opentelemetry.trace import Span, Status, StatusCode

from perdure.codec import exception


def mark_failed(span: Span, type: str) -> None:
    """`type`: its qualified name."""
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", type)


def type_of(error: BaseException) -> str:
    """As a recorded failure has it, in OpenTelemetry's spelling: `module.Name`; built-in ones without their module."""
    return type_name(exception.type_name(error))


def type_name(recorded: str) -> str:
    """Of a failure's `type`, which is `module:qualname`."""
    return recorded.removeprefix("builtins:").replace(":", ".")
