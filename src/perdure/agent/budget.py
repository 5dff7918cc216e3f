"""Budgets: how much a conversation may use, and what happens when it has."""

from perdure import define_hook, uuid4
from perdure.agent.options import Budget, More
from perdure.agent.result import AgentStep
from perdure.agent.turn import Turn

BUDGETS = define_hook(More, prefix="perdure-budget")


async def used_up(turn: Turn, steps: list[AgentStep]) -> bool:
    """Whether the loop ends here; asks for more where it may."""
    budget = turn.options.get("budget")
    while budget is not None and _passed(budget, steps):
        more = await _asked(turn) if budget.pause else More()
        if more == More():
            return True
        budget = turn.options["budget"] = Budget(
            tokens=None if budget.tokens is None else budget.tokens + more.tokens,
            tool_calls=None if budget.tool_calls is None else budget.tool_calls + more.tool_calls,
            pause=True,
        )
    return False


def _passed(budget: Budget, steps: list[AgentStep]) -> bool:
    tokens = sum(step.usage.total_tokens for step in steps)
    calls = sum(len(step.tool_calls) for step in steps)
    return (budget.tokens is not None and tokens >= budget.tokens) or (
        budget.tool_calls is not None and calls >= budget.tool_calls
    )


async def _asked(turn: Turn) -> More:
    async with BUDGETS.create(f"{turn.run_id}:{uuid4().hex}") as hook:
        await turn.tell({"type": "data-budget", "data": {"token": hook.token}, "transient": True})
        return await hook
