"""Prices: who is asked, under which name, and what is written into an answer."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import ModelRequestAttempt, ModelResponse, TextPart
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.instrumented import InstrumentedModel
from pydantic_ai.usage import RequestUsage

from perdure import UsageError, now
from perdure.agent import Price, PriceUnknown
from perdure.agent.price import Prices, check_prices, recorded_cost, write_costs

USAGE = RequestUsage(
    input_tokens=1_000_000, output_tokens=500_000, cache_read_tokens=200_000, cache_write_tokens=100_000
)
PLAIN, CACHED = (
    Price(input=Decimal(2), output=Decimal(8)),
    Price(input=Decimal(2), output=Decimal(8), cache_read=Decimal("0.2"), cache_write=Decimal("2.5")),
)


class Published(FunctionModel):
    """A model whose price everybody may know."""

    @property
    def system(self) -> str:
        return "anthropic"


def model(name: str, kind: type[FunctionModel] = FunctionModel) -> FunctionModel:
    return kind(lambda messages, info: ModelResponse(parts=[TextPart("so")]), model_name=name)


def answer(name: str | None = "small", **fields: Any) -> Any:
    return JSON_CODEC.dump(ModelResponse, ModelResponse(parts=[TextPart("so")], model_name=name, usage=USAGE, **fields))


@pytest.mark.parametrize(("price", "cost"), [(PLAIN, Decimal("6")), (CACHED, Decimal("5.69"))])
def test_tokens_of_the_cache_have_prices_of_their_own(price: Price, cost: Decimal) -> None:
    assert price.of(USAGE) == cost
    assert price.of(RequestUsage()) == 0


def called(name: str, usage: RequestUsage) -> Decimal | None:
    return Decimal("0.25") * usage.output_tokens / 1000 if name == "small" else None


@pytest.mark.parametrize(
    ("prices", "asked", "named", "cost"),
    [
        ({"small": PLAIN}, "small", "small", 6),
        ({"small": PLAIN}, "small", "small-20260101", 6),  # as it was asked for
        (
            {"small": PLAIN, "small-20260101": CACHED},
            "small",
            "small-20260101",
            "5.69",
        ),  # what the answer says goes first
        ({"small": PLAIN}, "small", None, 6),
        (called, "small", "small", "125.00"),
        (called, "other", "other", None),
        (
            {},
            "claude-haiku-4-5",
            "claude-haiku-4-5",
            None,
        ),  # who gives prices gives all: theirs may be another currency
        (None, "claude-haiku-4-5", "claude-haiku-4-5-20251001", "3.345"),
        (None, "small", "small", None),
    ],
)
def test_what_an_answer_has_cost(prices: Prices | None, asked: str, named: str | None, cost: Any) -> None:
    given = answer(named, provider_name="anthropic")
    write_costs(given, prices, InstrumentedModel(model(asked, Published)))
    assert given["usage"]["cost"] == (None if cost is None else str(Decimal(cost)))
    assert recorded_cost(given) == Decimal(cost or 0)
    assert JSON_CODEC.load(ModelResponse, given).usage.cost == (None if cost is None else Decimal(cost))


def test_what_a_provider_has_told_stands_where_no_prices_are_given() -> None:
    for prices, cost in ((None, "0.5"), ({"small": PLAIN}, "6")):
        given = answer()
        given["usage"]["cost"] = "0.5"
        write_costs(given, prices, model("small"))
        assert given["usage"]["cost"] == cost


def test_answers_that_were_rejected_have_cost_too() -> None:
    """And where it isn't known which of several models answered, it was the dearest."""
    times = {"timestamp": now(), "duration": timedelta(seconds=1)}
    attempts = [
        ModelRequestAttempt(model_name="dear", outcome="rejected", usage=USAGE, **times),
        ModelRequestAttempt(model_name="down", outcome="error", error="it is", **times),
    ]
    prices = {"dear": CACHED, "small": PLAIN}
    either = FallbackModel(model("dear"), model("small"))
    given = answer("small", failed_attempts=attempts)
    write_costs(given, prices, either)
    assert (given["usage"]["cost"], recorded_cost(given)) == ("6", Decimal("11.69"))
    given = answer("small-20260101")
    write_costs(given, {"dear": Price(input=Decimal(9), output=Decimal(9)), "small": PLAIN}, either)
    assert recorded_cost(given) == Decimal("13.5")


@pytest.mark.parametrize(
    ("prices", "asked", "known"),
    [
        ({"small": PLAIN}, model("small"), True),
        ({"small": PLAIN}, model("large"), False),
        ({"small": PLAIN}, InstrumentedModel(FallbackModel(model("small"), model("large"))), False),
        (called, model("small"), True),
        (called, model("large"), False),
        (None, model("claude-haiku-4-5", Published), True),
        (None, model("large"), False),
    ],
)
def test_whether_all_that_may_answer_have_a_price(prices: Prices | None, asked: Any, known: bool) -> None:
    check_prices(prices, asked, needed=False)
    if known:
        check_prices(prices, asked, needed=True)
    else:
        with pytest.raises(PriceUnknown) as caught:
            check_prices(prices, asked, needed=True)
        assert caught.value.model == "large"


def test_usage_that_was_not_told_has_no_published_price() -> None:
    given = answer("claude-haiku-4-5", provider_name="anthropic")
    given["usage"]["unmeasured_requests"] = 1
    write_costs(given, None, model("claude-haiku-4-5", Published))
    assert given["usage"]["cost"] is None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Price(input=0.1, output=1), r"input=0.1 is no amount: give a Decimal, such as Decimal\('0.25'\)"),  # type: ignore[arg-type]
        (lambda: Price(input=True, output=1), "input=True is no amount: give a Decimal"),  # type: ignore[arg-type]
        (lambda: Price(input=Decimal(-1), output=Decimal(1)), "input=-1 is no amount: give at least 0"),
        (lambda: Price(input=Decimal("NaN"), output=Decimal(1)), "input=NaN is no amount: give at least 0"),
        (lambda: Price(input=Decimal(1), output=None), "output=None is no amount"),  # type: ignore[arg-type]
        (
            lambda: check_prices({"small": 5}, model("small"), needed=False),  # type: ignore[dict-item]
            r"prices\['small'\]=5 is no price: give Price\(input=…, output=…\)",
        ),
        (
            lambda: check_prices(lambda name, usage: 0.5, model("small"), needed=False),  # type: ignore[arg-type,return-value]
            "the cost of small=0.5 is no amount: give a Decimal",
        ),
    ],
)
def test_what_is_no_price(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make()
