"""Budgets: how much a conversation may use, and what happens when it has."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RequestUsage

from perdure import HookInfo, HookNotFound, PayloadInvalid, define_hook, get_hook, resume_hook, uuid4
from perdure.agent.options import KINDS, More
from perdure.agent.result import AgentStep
from perdure.agent.turn import Turn

BUDGETS = define_hook(More, prefix="perdure-budget")
ONCE = "more"
"""The idempotency key of what is given: another raise than the first is refused, the same again has no effect."""

Amounts = dict[str, int | Decimal]
"""By kind: tokens, tool_calls, cost."""


async def used_up(turn: Turn, steps: list[AgentStep]) -> bool:
    """Whether the loop ends here; asks for more where it may."""
    budget, used = turn.options.get("budget"), _used(turn, steps)
    if budget is None:
        return False
    limits: Amounts = {kind: limit for kind in KINDS if (limit := getattr(budget, kind)) is not None}
    while passed := _passed(limits, used):
        more = await _asked(turn, passed, limits, used) if budget.pause else More(end=True)
        if more.end:
            return True
        limits = _raised(limits, more)
    turn.options["budget"] = replace(budget, **limits)
    return False


async def raise_budget(token: str, more: More, *, by: str | None = None) -> HookInfo:
    """Give more to a budget that is used up, or end its loop; it goes on from where it waits. Anywhere but in a body.

    `token`: its hook's (`perdure-budget:…`), among `run.hooks()`, or in the inspector; `metadata` there has `used` and
    `limits`. `more`: what it gets. `by`: who does it, for the log. The same again is accepted without effect.
    Raises: HookNotFound for a token that is no budget's or isn't asked for any more, PayloadInvalid for what isn't enough,
    PayloadConflict where something else was given before, WorldError.
    """
    if not token.startswith(f"{BUDGETS.prefix}:"):
        raise HookNotFound(token)
    waiting = cast("dict[str, Amounts]", (await get_hook(token, closed_too=True)).metadata)
    limits, used = waiting["limits"], waiting["used"]
    for kind in () if more.end else _passed(_raised(limits, more), used):
        given, short = getattr(more, kind), used[kind] - limits[kind]
        raise PayloadInvalid(
            f"payload.{kind}",
            f"{given} more isn't enough: {used[kind]} is used, of {limits[kind]}; give more than {short}, or More(end=True)",
        )
    return await resume_hook(token, more, idempotency_key=ONCE, by=by)


def _used(turn: Turn, steps: list[AgentStep]) -> Amounts:
    return {
        "tokens": sum(usage.total_tokens for step in steps for usage in _billed(step.response)),
        "tool_calls": sum(len(step.tool_calls) for step in steps),
        "cost": turn.cost,
    }


def _billed(response: ModelResponse) -> list[RequestUsage]:
    """The answer's usage, and that of answers that were rejected for it."""
    return [response.usage, *(each.usage for each in response.failed_attempts or () if each.usage is not None)]


def _raised(limits: Amounts, more: More) -> Amounts:
    return {kind: limit + getattr(more, kind) for kind, limit in limits.items()}


def _passed(limits: Amounts, used: Amounts) -> list[str]:
    return [kind for kind, limit in limits.items() if used[kind] >= limit]


async def _asked(turn: Turn, passed: list[str], limits: Amounts, used: Amounts) -> More:
    """What somebody gives. The client is told that it waits, and for what; the amounts, and the token, are none of its
    business."""
    id = uuid4().hex

    async def tell(state: str) -> None:
        data: dict[str, Any] = {"state": state, "passed": passed}
        await turn.tell({"type": "data-budget", "id": id, "data": data})

    await turn.end_step()
    async with BUDGETS.create(metadata={"limits": limits, "used": used}) as hook:
        await tell("waiting")
        more = await hook
    await tell("ended" if more.end else "raised")
    return more
