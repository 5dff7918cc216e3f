"""Ten kinds of bug that durable workflows are known for, each as small as it can be. What the simulator must find.

They are those that guides warn of: Stripe's of idempotent requests (1 to 4), the "determinism" of Temporal's and of Azure's
Durable Functions (5 to 7), what is said of at-least-once everywhere (8, 9), and signals that come too early (10).
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from perdure import (
    FatalError,
    HookNotFound,
    create_hook,
    get_step_metadata,
    resume_hook,
    sleep,
    start,
    step,
    workflow,
)
from perdure.api.workflow import Workflow
from perdure.testing import Effects


@dataclass(frozen=True, kw_only=True)
class Bug:
    """`steps` and `payloads` are for `simulate`. `expected`, `found` and `fault` (the only one, "": the order of things
    alone) are what the simulator says; `storms`: of so many at least one finds it; 0: it needs none."""

    workflow: Workflow[..., Any]
    expected: str
    found: str
    fault: str
    storms: int = 300
    steps: Callable[[Effects], dict[Any, Callable[..., Any]]]
    payloads: dict[str, Any] | None = None


# 1: money moves without an idempotency key


@step(name="bugs:charge")
async def charge(order: str) -> str:
    raise NotImplementedError


@workflow(name="bugs:no_key")
async def no_key() -> str:
    return await charge("o-1")


def without_key(effects: Effects) -> dict[Any, Any]:
    def fake(order: str) -> str:
        effects.note("charged")
        return "done"

    return {charge: fake}


# 2: a key that is another in each attempt


def key_of_the_attempt(effects: Effects) -> dict[Any, Any]:
    def fake(order: str) -> str:
        effects.note("charged", key=uuid.uuid4())
        return "done"

    return {charge: fake}


@workflow(name="bugs:other_key")
async def other_key() -> str:
    return await charge("o-1")


# 3: two effects in one step, of which the first has no key


@workflow(name="bugs:two_in_one")
async def two_in_one() -> str:
    return await charge("o-1")


def two_effects(effects: Effects) -> dict[Any, Any]:
    def fake(order: str) -> str:
        effects.note("mail sent")
        effects.note("charged", key=get_step_metadata().step_id)
        return "done"

    return {charge: fake}


# 4: who isn't first does nothing: the first may have died before it did it


@workflow(name="bugs:first_only")
async def first_only() -> str:
    return await charge("o-1")


def only_in_the_first_attempt(effects: Effects) -> dict[Any, Any]:
    def fake(order: str) -> str:
        if get_step_metadata().attempt == 1:
            effects.note("charged", key=get_step_metadata().step_id)
        return "done"

    return {charge: fake}


# 5: what one step leaves in the process's memory, another needs


@step(name="bugs:prepare")
async def prepare() -> None:
    raise NotImplementedError


@step(name="bugs:use")
async def use() -> str:
    raise NotImplementedError


@workflow(name="bugs:in_memory")
async def in_memory() -> str:
    await prepare()
    await sleep("1h")
    return await use()


def memory_of_a_process(effects: Effects) -> dict[Any, Any]:
    prepared: dict[object, str] = {}

    def keep() -> None:
        prepared[asyncio.get_running_loop()] = "ready"

    def take() -> str:
        if asyncio.get_running_loop() not in prepared:
            raise FatalError("nothing is prepared here")
        return prepared[asyncio.get_running_loop()]

    return {prepare: keep, use: take}


# 6: a body that asks the outside which way to go, and gets another answer in its replay

SWITCH = {"new": False}


@step(name="bugs:old_way")
async def old_way() -> str:
    return "done"


@step(name="bugs:new_way")
async def new_way() -> str:
    return "done"


@workflow(name="bugs:switched")
async def switched() -> str:
    SWITCH["new"] = not SWITCH["new"]  # perdure: ignore[global-state]
    return await new_way() if SWITCH["new"] else await old_way()


def switches(effects: Effects) -> dict[Any, Any]:
    SWITCH["new"] = False
    return {}


# 7: a result in the order in which things happened to end


@step(name="bugs:fetch")
async def fetch(part: str) -> str:
    return part


@workflow(name="bugs:as_they_come")
async def as_they_come() -> list[str]:
    came: list[str] = []

    async def one(part: str) -> None:
        came.append(await fetch(part))

    await asyncio.gather(*map(one, "abc"))
    return came


def nothing(effects: Effects) -> dict[Any, Any]:
    return {}


# 8: read, add, write: a counter outside that a retried step counts up again

ACCOUNT = {"cents": 0}


@step(name="bugs:deposit")
async def deposit(cents: int) -> int:
    ACCOUNT["cents"] += cents
    return ACCOUNT["cents"]


@workflow(name="bugs:balance")
async def balance() -> int:
    await deposit(10)
    return await deposit(5)


def empties(effects: Effects) -> dict[Any, Any]:
    ACCOUNT["cents"] = 0
    return {}


# 9: a start without a key of its own, from a place that is tried again


@step(name="bugs:launch")
async def launch() -> None:
    raise NotImplementedError


@workflow(name="bugs:child")
async def child(number: int) -> int:
    return number


@workflow(name="bugs:launches")
async def launches() -> None:
    await launch()


def starts_another_each_time(effects: Effects) -> dict[Any, Any]:
    numbers = iter(range(1_000_000))

    async def fake() -> None:
        await start(child, next(numbers))  # another argument: another run, or a conflict, in the next attempt

    return {launch: fake}


# 10: the answer is sent before anybody waits for it, and whoever sends it takes no for an answer


@step(name="bugs:ask")
async def ask() -> None:
    raise NotImplementedError


@workflow(name="bugs:late_hook")
async def late_hook() -> str:
    await ask()
    async with create_hook(str, token="bugs-answer") as hook:
        return await hook


def answers_at_once(effects: Effects) -> dict[Any, Any]:
    async def fake() -> None:
        with suppress(HookNotFound):
            await resume_hook("bugs-answer", "yes")

    return {ask: fake}


ACTED = "worker 1, killed after the effect "
WRITING = "worker 1, killed before commit of step_created, step_completed"
BUGS = {
    "no idempotency key": Bug(
        workflow=no_key,
        steps=without_key,
        expected="charged 1 times",
        found="charged 2 times",
        fault=f"{ACTED}'charged'",
    ),
    "a key of the attempt": Bug(
        workflow=other_key,
        steps=key_of_the_attempt,
        expected="charged 1 times",
        found="charged 2 times",
        fault=f"{ACTED}'charged'",
    ),
    "two effects in a step": Bug(
        workflow=two_in_one,
        steps=two_effects,
        expected="mail sent 1 times",
        found="mail sent 2 times",
        fault=f"{ACTED}'mail sent'",
    ),
    "only the first attempt acts": Bug(
        workflow=first_only,
        steps=only_in_the_first_attempt,
        expected="charged 1 times",
        found="charged 0 times",
        fault="worker 1, killed after commit of step_created",
    ),
    "state in a process": Bug(
        workflow=in_memory,
        steps=memory_of_a_process,
        expected='the result "ready"',
        found="the failure FatalError: nothing is prepared here",
        fault="worker 1, killed after commit of step_created, step_completed",
    ),
    "a switch in the body": Bug(
        workflow=switched,
        steps=switches,
        expected='the result "done"',
        found="that it is blocked: the code doesn't fit the log in turn 0: recorded is step bugs:new_way({})",
        fault="worker 1, killed after commit of step_created, step_completed",
    ),
    "the order of completion": Bug(
        workflow=as_they_come, steps=nothing, expected='the result ["a","b","c"]', found='the result ["', fault=""
    ),
    "read, add, write": Bug(
        workflow=balance, steps=empties, expected="the result 15", found="the result 25", fault=WRITING
    ),
    "a start that is another each time": Bug(
        workflow=launches,
        steps=starts_another_each_time,
        expected="the result null",
        found="the failure StartConflict",
        fault=f"{WRITING}, run_completed",
    ),
    "an answer before the hook": Bug(
        workflow=late_hook,
        steps=answers_at_once,
        expected="an end",
        found="a run that stands still after 5 events, the last a hook_created",
        fault="",
        storms=0,
    ),
}
