"""What may be asked of an agent, for all of its conversations or for one of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypedDict

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings, ToolChoice

from perdure import ArgumentsInvalid, Retry, UsageError
from perdure.agent.price import Prices, check_amount
from perdure.agent.result import AgentResult, AgentStep
from perdure.model.duration import Duration

STEPS_MAX = 20
KINDS = ("tokens", "tool_calls", "cost")
"""What a budget may limit."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one `stream` or `generate` may use. Looked at before each further model call; what is used up by then ends the
    loop. `cost`: in US dollars, or the currency of the option `prices`; of a model whose price isn't known, nothing is
    asked (PriceUnknown).

    `tokens`, `tool_calls`, `cost`: None, as many as it takes. With `pause` the run waits there instead, until `raise_budget`
    gives it more. Raises: UsageError.
    """

    tokens: int | None = None
    tool_calls: int | None = None
    cost: Decimal | None = None
    pause: bool = False

    def __post_init__(self) -> None:
        for name, value in (("tokens", self.tokens), ("tool_calls", self.tool_calls)):
            if value is not None and value < 0:
                raise UsageError(f"{name}={value} is negative: give at least 0, or None for as many as it takes")
        if self.cost is not None:
            check_amount("cost", self.cost)


@dataclass(frozen=True, kw_only=True)
class More:
    """So many more `tokens` and `tool_calls`, and so much more `cost`, for a budget that is used up; or with `end`, nothing:
    its loop ends.

    As JSON, for who sends it to the hook otherwise: `{"cost": "2.50"}`, `{"end": true}`. What isn't enough adds up there, and
    the run asks again. Raises: ArgumentsInvalid.
    """

    tokens: int = 0
    tool_calls: int = 0
    cost: Decimal = Decimal(0)
    end: bool = False

    def __post_init__(self) -> None:
        amounts = {kind: getattr(self, kind) for kind in KINDS}
        for kind, amount in amounts.items():
            if not Decimal(amount).is_finite() or amount < 0:
                raise ArgumentsInvalid("More", f"{kind}={amount} is less than nothing")
        if self.end == any(amounts.values()):
            raise ArgumentsInvalid("More", "give more tokens, tool_calls or cost; or end=True, and nothing else")


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """Where the loop stands before a model call: `number` counts from 1, `steps` are those before it."""

    number: int
    steps: Sequence[AgentStep]
    messages: Sequence[ModelMessage]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What `prepare_step` changes for one model call; None leaves it. `messages` are what the model sees of the history,
    `active_tools` the tools that it may call, `tool_choice` whether it must; `model` and `settings` are the call's."""

    model: Model | str | None = None
    messages: Sequence[ModelMessage] | None = None
    active_tools: Sequence[str] | None = None
    tool_choice: ToolChoice = None
    settings: ModelSettings | None = None


PrepareStep = Callable[[StepContext], Prepared | Awaitable[Prepared | None] | None]
StopWhen = Callable[[Sequence[AgentStep]], bool | Awaitable[bool]]
RepairToolCall = Callable[[str, str, str], str | Awaitable[str | None] | None]
"""Tool's name, its arguments as the model wrote them, and what is wrong with them; the arguments mended, or None."""


class AgentOptions(TypedDict, total=False):
    """Options of a `DurableAgent`, and of one `stream` or `generate`, which go first. All callbacks are called in the
    workflow's body, async or not: what acts on the world there is a step.

    * `max_steps`: model calls, 20 where it isn't given. `stop_when`: asked after each step.
    * `prepare_step`: asked before each model call what to change for it; `tool_choice`, `active_tools`: as in Prepared.
    * `output`: a type that the answer must have: validated, and asked for again.
    * `settings`: the model's (temperature, max_tokens, …). `deps`: what tools get, as in pydantic-ai.
    * `timeout`: of the whole loop.
    * `budget`: a Budget. `prices`: what models cost, by their names or as a function; without them, what is published in US
      dollars.
    * `approvals`: "durable", the loop waits for them; or "client", it ends, and the client's next message brings the
      answers. `approval_timeout`: one that isn't given by then is refused.
    * `repair_tool_call`: gets a tool's name, its arguments as the model wrote them, and what is wrong with them; gives the
      arguments mended, or None.
    * `on_step_finish`, `on_finish`, `on_error`, `on_abort`: told what their names say; `on_error` may give the text that the
      client is told of the error.
    * `send_start`, `send_finish`: whether the stream is told here that the message begins and (instead of at the run's end)
      that it is finished.
    """

    max_steps: int
    stop_when: StopWhen | Sequence[StopWhen]
    prepare_step: PrepareStep
    tool_choice: ToolChoice
    active_tools: Sequence[str]
    output: Any
    settings: ModelSettings
    timeout: Duration
    budget: Budget
    prices: Prices
    approval_timeout: Duration
    approvals: Literal["durable", "client"]
    repair_tool_call: RepairToolCall
    on_step_finish: Callable[[AgentStep], Any]
    on_finish: Callable[[AgentResult], Any]
    on_error: Callable[[BaseException], Any]
    on_abort: Callable[[], Any]
    deps: Any
    send_start: bool
    send_finish: bool


class AgentTerms(AgentOptions, total=False):
    """What a `DurableAgent` is made with: AgentOptions, for all of its answers, and how its steps are tried.

    * `retry`: of model calls; `step_timeout`: of one attempt of one.
    * `tool_retry`, `tool_timeout`: the same, of tools that are plain functions, and of MCP servers. Tools that are steps have
      their own.

    A step of one name is tried in one way: so these are no options of one answer.
    """

    retry: Retry
    step_timeout: Duration
    tool_retry: Retry
    tool_timeout: Duration


def check_options(given: Mapping[str, object], known: type) -> None:
    """Raises: UsageError for what is no option there: a typing error would be overlooked else."""
    names: frozenset[str] = getattr(known, "__optional_keys__")  # noqa: B009 - of the class, and known to no type checker
    for name in sorted(given.keys() - names):
        if name in AgentTerms.__optional_keys__:
            raise UsageError(
                f"{name} is no option of one answer: it says how all of the agent's steps are tried; "
                "give it to DurableAgent(…)"
            )
        raise UsageError(f"an agent has no option {name!r}: it has {', '.join(sorted(names))}")
