"""Prices: what a model call has cost, in whatever currency they are in. Found out in the call's step, which records it with
the answer; so a replay asks nobody, and other prices change nothing that was decided.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.usage import RequestUsage

from perdure import FatalError, UsageError, register

MILLION = 1_000_000


class PriceUnknown(UsageError, FatalError):
    """A budget has a cost, and what a model that may answer costs isn't known. It isn't asked. Field: `model`."""

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(
            f"the budget has a cost, and no price of the model {model!r} is known: give "
            f"prices={{{model!r}: Price(input=…, output=…)}}, or a function that knows it, or a budget without a cost"
        )


register(PriceUnknown, name="perdure.agent:PriceUnknown")


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a million tokens of a model cost: `input`, `output`, and those that are read from a cache (`cache_read`) or
    written to it (`cache_write`); None: as `input`. Whole numbers do, floats don't.

    Raises: UsageError.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cache_read", "cache_write"):
            amount = getattr(self, name)
            if amount is not None or name in ("input", "output"):
                check_amount(name, amount)

    def of(self, usage: RequestUsage) -> Decimal:
        """What this usage costs."""
        read, written = usage.cache_read_tokens, usage.cache_write_tokens
        parts = (
            (max(0, usage.input_tokens - read - written), self.input),
            (read, self.input if self.cache_read is None else self.cache_read),
            (written, self.input if self.cache_write is None else self.cache_write),
            (usage.output_tokens, self.output),
        )
        return sum((tokens * price for tokens, price in parts), Decimal(0)) / MILLION


Prices = Mapping[str, Price] | Callable[[str, RequestUsage], Decimal | None]
"""By models' names; or what says it of a name and a usage (at first of none, before anything is spent), None: unknown."""
_Asked = Callable[[ModelResponse], Decimal | None]


def check_amount(name: str, amount: object) -> None:
    """Raises: UsageError for what is no amount of money."""
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int):
        raise UsageError(f"{name}={amount!r} is no amount: give a Decimal, such as Decimal('0.25')")
    if not Decimal(amount).is_finite() or amount < 0:
        raise UsageError(f"{name}={amount} is no amount: give at least 0")


def check_prices(prices: Prices | None, model: Model, *, needed: bool) -> None:
    """Ask for the price of each model that may answer, before it does. `needed`: one that isn't known won't do.

    Raises: PriceUnknown, UsageError for prices that can't be used.
    """
    for one in _that_may_answer(model):
        if _asked(prices)(_as_from(one, ModelResponse(parts=[]))) is None and needed:
            raise PriceUnknown(one.model_name)


def write_costs(answer: object, prices: Prices | None, model: Model) -> None:
    """Write into a model's answer, as JSON, what it has cost, and what those did that were rejected for it. What a provider
    has told itself stands where no prices are given. Raises: UsageError for a price that is none."""
    said: dict[str, Any] = {
        **cast(dict[str, Any], answer),
        "parts": [],
    }  # which may be large, and cost nothing by themselves
    response = cast(ModelResponse, JSON_CODEC.load(ModelResponse, said))
    attempts = [
        ModelResponse(parts=[], usage=each.usage, model_name=each.model_name, provider_name=each.provider_name)
        for each in response.failed_attempts or ()
        if each.usage is not None
    ]
    for one, recorded in zip((response, *attempts), _usages(answer), strict=True):
        if prices is not None or recorded.get("cost") is None:
            cost = _cost(one, _asked(prices), model)
            recorded["cost"] = None if cost is None else str(cost)


def recorded_cost(answer: object) -> Decimal:
    """What an answer has cost by its record; 0 where that isn't known."""
    return sum((Decimal(usage["cost"]) for usage in _usages(answer) if usage.get("cost") is not None), Decimal(0))


def _usages(answer: object) -> Iterator[dict[str, Any]]:
    """Of an answer as JSON: its own usage, then those of the attempts that were rejected."""
    said = cast(dict[str, Any], answer)
    yield said["usage"]
    for attempt in said.get("failed_attempts") or ():
        if attempt["usage"] is not None:
            yield attempt["usage"]


def _cost(answer: ModelResponse, asked: _Asked, model: Model) -> Decimal | None:
    """By the name of the model that the answer has: it says most. Else by the names that it was asked for under; the dearest
    of these, where it isn't known which of them answered."""
    cost = asked(answer)
    if cost is not None:
        return cost
    costs = (asked(_as_from(one, answer)) for one in _that_may_answer(model))
    return max((each for each in costs if each is not None), default=None)


def _asked(prices: Prices | None) -> _Asked:
    if prices is None:
        return _published

    def asked(answer: ModelResponse) -> Decimal | None:
        name = answer.model_name or ""
        if callable(prices):
            cost = prices(name, answer.usage)
            if cost is not None:
                check_amount(f"the cost of {name}", cost)
            return cost
        price = cast(object, prices.get(name))
        if not isinstance(price, Price | None):
            raise UsageError(f"prices[{name!r}]={price!r} is no price: give Price(input=…, output=…)")
        return None if price is None else price.of(answer.usage)

    return asked


def _published(answer: ModelResponse) -> Decimal | None:
    """In US dollars, by what pydantic-ai knows (genai-prices). None too where the provider told no usage."""
    try:
        return answer.cost().total_price if answer.model_name else None
    except (LookupError, ValueError):
        return None


def _that_may_answer(model: Model) -> list[Model]:
    while isinstance(model, WrapperModel):
        model = model.wrapped
    return (
        [one for each in model.models for one in _that_may_answer(each)]
        if isinstance(model, FallbackModel)
        else [model]
    )


def _as_from(model: Model, answer: ModelResponse) -> ModelResponse:
    url = getattr(model, "base_url", None)
    return replace(answer, model_name=model.model_name, provider_name=model.system, provider_url=url)
