"""What a span says of an error: its type."""

from opentelemetry.trace import StatusCode

from perdure import FatalError, register
from perdure.telemetry.error import mark_failed, type_name, type_of
from tests.telemetry.collected import Collected, attributes_of


class Odd(Exception):
    class Inner(Exception): ...


class Named(Exception): ...


register(Named, name="bank:Refused")


def test_its_type() -> None:
    assert type_of(ValueError("x")) == "ValueError"
    assert type_of(FatalError("x")) == "perdure.errors.FatalError"
    assert type_of(Odd.Inner()) == f"{__name__}.Odd.Inner"
    assert type_of(Named()) == "bank.Refused", "as its failure is recorded"


def test_a_recorded_one_reads_alike() -> None:
    assert type_name("builtins:ValueError") == "ValueError"
    assert type_name("app.bank:Refused.Twice") == "app.bank.Refused.Twice"


def test_the_span_has_failed() -> None:
    told = Collected()
    with told.tracer.start_as_current_span("it") as span:
        mark_failed(span, "ValueError")
    assert told.one("it").status.status_code is StatusCode.ERROR
    assert attributes_of(told.one("it")) == {"error.type": "ValueError"}
