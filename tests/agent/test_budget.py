"""Budgets: the loop ends, or waits until somebody gives more; what it cost is what was recorded."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RequestUsage

from perdure import (
    ArgumentsInvalid,
    HookNotFound,
    PayloadConflict,
    PayloadInvalid,
    Run,
    RunFailed,
    UsageError,
    create_hook,
    get_writable,
    resume_hook,
    start,
    workflow,
)
from perdure.agent import (
    Budget,
    DurableAgent,
    More,
    Prepared,
    PriceUnknown,
    UIMessageChunk,
    raise_budget,
    to_model_messages,
)
from perdure.agent.budget import BUDGETS
from perdure.chat.assembly import Assembly
from tests.agent.script import calls, scripted
from tests.agent.test_agent import MODEL, SOON, agent_of, chunks_of, clean, look_up, ran_once
from tests.agent.test_conversation import first_of
from tests.agent.test_price import Published
from tests.api.ways import hooks_of, in_every_way, once

ANSWERS = [[("look_up", {"order": str(number)})] for number in range(3)]
prices: dict[str, Decimal] = {}
"""What a model call costs, by the model's name; looked at while the call is made."""


def afresh() -> None:
    clean()
    prices.clear()
    prices["function"] = Decimal("0.25")


@pytest.fixture(autouse=True)
def cleaned() -> None:
    afresh()


def price(name: str, usage: RequestUsage) -> Decimal | None:
    return prices.get(name.partition(":")[0])


@workflow(name="budgets:spending")
async def spending(tokens: int | None, calls: int | None, cost: Decimal | None, pause: bool) -> list[Any]:
    budget = Budget(tokens=tokens, tool_calls=calls, cost=cost, pause=pause)
    agent = agent_of(*ANSWERS, ["done"], budget=budget, prices=price)
    answer = await agent.stream("go", writable=get_writable(UIMessageChunk))
    return [answer.stopped, len(answer.tool_results), answer.usage.cost]


async def spend(cost: str, *, pause: bool = True) -> Run[Any]:
    return await start(spending, None, None, Decimal(cost), pause)


@pytest.mark.parametrize(
    ("tokens", "calls", "cost", "gives"),
    [
        (None, None, None, [None, 3, "1.00"]),
        (None, 2, None, ["budget", 2, "0.50"]),
        (None, 4, None, [None, 3, "1.00"]),
        (1, None, None, ["budget", 1, "0.25"]),
        (0, 9, None, ["budget", 1, "0.25"]),
        (None, None, "0.5", ["budget", 2, "0.50"]),
        (None, None, "0.51", ["budget", 3, "0.75"]),
        (None, None, "0", ["budget", 1, "0.25"]),
        (None, None, "1", [None, 3, "1.00"]),
        (None, 1, "9", ["budget", 1, "0.25"]),
    ],
)
def test_what_is_used_up_ends_the_loop(
    tokens: int | None, calls: int | None, cost: str | None, gives: list[Any]
) -> None:
    async def act() -> list[Any]:
        limit = None if cost is None else Decimal(cost)
        run = await start(spending, tokens, calls, limit, False)
        finish = (await chunks_of(run))[-1]
        return [*await run.result(), finish.get("messageMetadata")]

    metadata = {"stopped": "budget"} if gives[0] else None
    assert once(act, spending, look_up, MODEL)[0] == [*gives[:2], Decimal(gives[2]), metadata]


@pytest.mark.parametrize(
    ("more", "gives"),
    [
        (More(cost=Decimal("0.26")), [None, 3]),
        (More(cost=Decimal(9), tokens=9), [None, 3]),
        (More(end=True), ["budget", 3]),
    ],
)
def test_somebody_may_give_more(more: More, gives: list[Any]) -> None:
    """Whoever dies meanwhile, wherever: it waits, goes on, and nothing that was recorded runs again."""

    async def act() -> list[Any]:
        run = await spend("0.75")
        [hook] = await hooks_of(run)
        await raise_budget(hook.token, more, by="ops")
        return [(await run.result())[:2], await ran_once(run)]

    in_every_way(act, spending, look_up, MODEL, gives=[gives, True], before=afresh)


def test_what_is_not_enough_by_another_way_adds_up() -> None:
    """`raise_budget` refuses it; who writes to the hook itself is asked again, under another token."""

    async def act() -> list[Any]:
        run, seen = await start(spending, None, 1, Decimal("0.5"), True), []
        for number, more in enumerate(({"tool_calls": 9}, {"cost": "0.125"}, {"cost": 0.125}, {"end": True}), 1):
            hook = (await hooks_of(run, number))[-1]
            seen.append([str(amount) for amount in hook.metadata["limits"].values()])
            await resume_hook(hook.token, more, idempotency_key="once")
        return [seen, (await run.result())[:2]]

    gives = [[["1", "0.5"], ["10", "0.5"], ["10", "0.625"], ["10", "0.750"]], ["budget", 3]]
    in_every_way(act, spending, look_up, MODEL, gives=gives, before=afresh)


async def refusal(action: Any) -> str:
    try:
        await action
    except (HookNotFound, PayloadConflict, PayloadInvalid) as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


def test_what_is_forged_repeated_or_not_enough() -> None:
    async def act() -> list[str]:
        run, other = await spend("0.5"), await start(asking_mum)
        token = (await hooks_of(run))[0].token
        foreign = (await hooks_of(other))[0].token
        enough = More(cost=Decimal("0.25"), tokens=5)
        said = [
            await refusal(raise_budget(f"{BUDGETS.prefix}:{run.run_id}", enough)),
            await refusal(raise_budget(foreign, enough)),
            await refusal(raise_budget(token, More(tokens=5))),
            await refusal(resume_hook(token, {"cost": -1})),
            await refusal(resume_hook(token, {"cots": 1})),
            await refusal(raise_budget(token, enough)),
            await refusal(raise_budget(token, enough)),
            await refusal(raise_budget(token, More(cost=Decimal(9)))),
        ]
        later = (await hooks_of(run, 2))[1].token
        said += [await refusal(raise_budget(token, enough)), await refusal(raise_budget(token, More(end=True)))]
        await raise_budget(later, More(end=True))
        said += [str((await run.result())[:2]), await refusal(resume_hook(later, {"end": True}))]
        return [line.partition(": it is unknown")[0] for line in said]

    nobody = "HookNotFound: no hook takes a payload under this token"
    conflict = (
        "PayloadConflict: the idempotency key 'more' was used with another payload: "
        "give the same payload, or another key"
    )
    refused = "PayloadInvalid: the payload doesn't fit: payload"
    gives = [
        nobody,
        nobody,
        f"{refused}.cost: 0 more isn't enough: 0.50 is used, of 0.5; give more than 0.00, or More(end=True)",
        f"{refused}: More refused it (ArgumentsInvalid: the arguments don't fit More: cost=-1 is less than nothing)",
        f"{refused}: More refused it (ArgumentsInvalid: the arguments don't fit More: give more tokens, tool_calls or cost; "
        "or end=True, and nothing else)",
        "accepted",
        "accepted",
        conflict,
        "accepted",
        conflict,
        "['budget', 3]",
        nobody,
    ]
    assert once(act, spending, asking_mum, look_up, MODEL)[0] == gives


@pytest.mark.parametrize("later", ["100", None])
def test_other_prices_change_nothing_that_was_decided(later: str | None) -> None:
    """They count for calls that are yet to be made, and no replay asks for them."""

    async def act() -> list[Any]:
        run = await spend("0.75")
        [hook] = await hooks_of(run)
        prices.clear()
        if later is not None:
            prices["function"] = Decimal(later)
        await raise_budget(hook.token, More(cost=Decimal(9)))
        try:
            return [*await run.result(), await ran_once(run)]
        except RunFailed as error:
            return [type(error.__cause__).__name__, await ran_once(run)]

    gives = ["PriceUnknown", True] if later is None else [None, 3, Decimal("100.75"), True]
    in_every_way(act, spending, look_up, MODEL, gives=gives, before=afresh)


# -- the price isn't known


@workflow(name="budgets:mum")
async def asking_mum() -> str:
    async with create_hook(str) as hook:
        return await hook


@workflow(name="budgets:unknown")
async def unknown(limited: bool) -> Any:
    """The second call is another model's."""

    def prepare(context: Any) -> Prepared | None:
        return Prepared(model=TestModel(call_tools=[], model_name="large")) if context.number == 2 else None

    limit: dict[str, Any] = {"budget": Budget(cost=Decimal(9))} if limited else {}
    agent = agent_of(*ANSWERS, prices=price, prepare_step=prepare, **limit)
    return (await agent.stream("go", writable=get_writable(UIMessageChunk))).usage.cost


@pytest.mark.parametrize(("missing", "asked"), [("function", 0), ("large", 1)])
def test_a_model_whose_price_is_not_known_is_not_asked(missing: str, asked: int) -> None:
    """Nor is it tried again, nor when the price is known later on."""

    async def act() -> list[Any]:
        prices.update(large=Decimal(1))
        del prices[missing]
        run = await start(unknown, True)
        with pytest.raises(RunFailed) as caught:
            await run.result()
        prices.update(function=Decimal(1), large=Decimal(1))
        kinds = [chunk["type"] for chunk in await chunks_of(run)]
        attempts = [one.attempt async for one in run.steps() if one.name == "scripted.model"]
        asked = len(
            [id for id, _ in calls if id in [one.step_id async for one in run.steps() if one.name == "scripted.model"]]
        )
        cause = caught.value.__cause__
        return [type(cause), str(cause), attempts, asked, kinds[-2:]]

    name = "large" if missing == "large" else "function:answer:speak"
    sentence = (
        f"the budget has a cost, and no price of the model {name!r} is known: give prices={{{name!r}: Price(input=…, "
        "output=…)}, or a function that knows it, or a budget without a cost"
    )
    gives = [PriceUnknown, sentence, [1] * (asked + 1), asked, ["error", "finish"]]
    assert once(act, unknown, look_up, MODEL)[0] == gives


def test_without_a_budget_of_costs_nothing_has_to_be_known() -> None:
    async def act() -> Any:
        return await (await start(unknown, False)).result()

    assert once(act, unknown, look_up, MODEL)[0] == Decimal("0.25")


@workflow(name="budgets:published")
async def published(model: str) -> list[Any]:
    """As most do it: without prices of one's own."""
    script = scripted(*ANSWERS, ["done"])
    known = Published(script.function, stream_function=script.stream_function, model_name=model)
    agent = DurableAgent(known, tools=[look_up], name="scripted", retry=SOON, budget=Budget(cost=Decimal("0.0001")))
    answer = await agent.generate("go")
    return [answer.stopped, answer.usage.cost == sum(step.usage.cost or 0 for step in answer.steps)]


def test_published_prices_are_there_without_asking() -> None:
    async def act() -> list[Any]:
        run = await start(published, "claude-haiku-4-5")
        result = await run.result()
        answers = [event.data["result"] async for event in run.events() if event.type == "step_completed"]
        return [*result, answers[0]["usage"]["cost"]]

    assert once(act, published, look_up, MODEL)[0] == ["budget", True, "0.000076"]


# -- what the client sees


def test_a_client_sees_that_it_waits_and_how_that_ends() -> None:
    """Neither the amounts nor the token are its business."""

    async def act() -> list[Any]:
        run = await spend("0.75")
        [hook] = await hooks_of(run)
        waiting = await first_of(run, "data-budget")
        await raise_budget(hook.token, More(cost=Decimal(9)))
        chunks = await chunks_of(run)
        assert hook.token not in str(chunks)
        assert "0.75" not in str(chunks)
        message = Assembly(chunks).message
        assert message is not None
        [request, *_] = to_model_messages(
            [{"id": "u", "role": "user", "parts": [{"type": "text", "text": "go"}]}, message]
        )
        parts = [part for part in message["parts"] if part["type"] == "data-budget"]
        around = [chunk["type"] for chunk in chunks]
        place = around.index("data-budget")
        return [waiting["data"], [part["data"] for part in parts], around[place - 1 : place + 3], request.kind]

    waiting, parts, around, kind = once(act, spending, look_up, MODEL)[0]
    assert waiting == {"state": "waiting", "passed": ["cost"]}
    assert parts == [{"state": "raised", "passed": ["cost"]}]
    assert around == ["finish-step", "data-budget", "data-budget", "start-step"]
    assert kind == "request"


# -- what is none


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Budget(tokens=-1), UsageError, r"tokens=-1 is negative: give at least 0, or None"),
        (lambda: Budget(cost=0.5), UsageError, r"cost=0.5 is no amount: give a Decimal"),  # type: ignore[arg-type]
        (lambda: Budget(cost=Decimal(-1)), UsageError, r"cost=-1 is no amount: give at least 0"),
        (More, ArgumentsInvalid, r"give more tokens, tool_calls or cost; or end=True, and nothing else"),
        (lambda: More(end=True, tokens=1), ArgumentsInvalid, r"or end=True, and nothing else"),
        (lambda: More(cost=Decimal("NaN")), ArgumentsInvalid, r"cost=NaN is less than nothing"),
    ],
)
def test_what_is_no_budget(make: Callable[[], object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        make()
