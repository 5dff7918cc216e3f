"""Budgets: the loop ends, or waits until somebody gives more."""

from typing import Any

import pytest

from perdure import UsageError, get_writable, start, workflow
from perdure.agent import Budget, UIMessageChunk
from perdure.agent.budget import BUDGETS
from perdure.agent.options import More
from tests.agent.test_agent import MODEL, agent_of, clean, look_up
from tests.agent.test_conversation import first_of
from tests.api.ways import in_every_way, once

ANSWERS = [[("look_up", {"order": str(number)})] for number in range(3)]


@workflow(name="budgets:spending")
async def spending(tokens: int | None, calls: int | None, pause: bool) -> list[Any]:
    budget = Budget(tokens=tokens, tool_calls=calls, pause=pause)
    agent = agent_of(*ANSWERS, ["done"], budget=budget)
    answer = await agent.stream("go", writable=get_writable(UIMessageChunk))
    return [answer.stopped, len(answer.tool_results)]


@pytest.mark.parametrize(
    ("tokens", "calls", "gives"),
    [
        (None, None, [None, 3]),
        (None, 2, ["budget", 2]),
        (None, 4, [None, 3]),
        (1, None, ["budget", 1]),
        (0, 9, ["budget", 1]),
    ],
)
def test_what_is_used_up_ends_the_loop(tokens: int | None, calls: int | None, gives: list[Any]) -> None:
    async def act() -> list[Any]:
        return await (await start(spending, tokens, calls, False)).result()

    assert once(act, spending, look_up, MODEL)[0] == gives


@pytest.mark.parametrize(("more", "gives"), [(More(tool_calls=9), [None, 3]), (More(), ["budget", 2])])
def test_somebody_may_give_more(more: More, gives: list[Any]) -> None:
    async def act() -> list[Any]:
        run = await start(spending, None, 2, True)
        token = (await first_of(run, "data-budget"))["data"]["token"]
        await BUDGETS.resume(token.partition(":")[2], more, idempotency_key="once")
        return await run.result()

    in_every_way(act, spending, look_up, MODEL, gives=gives, before=clean)


def test_a_budget_is_not_negative() -> None:
    with pytest.raises(UsageError, match=r"tokens=-1 is negative: give at least 0, or None"):
        Budget(tokens=-1)
