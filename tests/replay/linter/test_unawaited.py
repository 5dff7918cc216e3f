"""Forgotten awaits: what is lost, and what somebody may still wait for."""

import ast

import pytest

from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.unawaited import unawaited_in

SOURCE = """
import asyncio
from perdure import (
    Run, Writable, create_hook, define_hook, get_run, get_writable, race, set_attributes, sleep, start, step, timeout, wait,
    workflow,
)
from perdure.agent import DurableAgent
from other import unknown
approvals = define_hook(str, prefix="a")
@step
async def charge(order): ...
@step(max_retries=3)
def invoice(order): ...
durable = workflow(timeout="1h")
@durable
async def pay(order): ...
acting = step(unknown)
async def both(order): ...
async def parts(order):
    yield order
@unknown
async def wrapped(order): ...
def plain(order): ...
class Shop:
    @step
    async def sell(self): ...
"""


def found(body: str, head: str = "@workflow\nasync def body(order, run: Run[str], out: Writable[str]):") -> list[str]:
    """In an async function with this body: what, and what to use instead."""
    lines = "\n    ".join(body.splitlines())
    scope = Scope(ast.parse(f"{SOURCE}{head}\n    {lines}\n"))
    function = scope.node.body[-1]  # type: ignore[union-attr]
    assert isinstance(function, ast.AsyncFunctionDef)
    places = [*unawaited_in(Defined(function, scope), {})]
    assert all(ast.unparse(node) for node, _, _ in places)
    return [f"{what} {rule.instead}" for _, rule, what in places]


CHARGE = "the step charge() await charge(…)"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("charge(order)", CHARGE),
        ("if order:\n    charge(order)", CHARGE),
        ("try:\n    await pay(order)\nfinally:\n    charge(order)", CHARGE),
        ("async with timeout('1h'):\n    charge(order)", CHARGE),
        ("invoice(order)", "the step invoice() await invoice(…)"),
        ("acting(order)", "the step acting() await acting(…)"),
        ("Shop.sell(order)", "the step Shop.sell() await Shop.sell(…)"),
        ("pay(order)", "the workflow pay() await pay(…)"),
        ("both(order)", "both() await both(…)"),
        ("async def inner(): ...\ninner()", "inner() await inner(…)"),
        ("sleep('1h')", "sleep() await sleep(…)"),
        ("asyncio.sleep(1)", "asyncio.sleep() await asyncio.sleep(…)"),
        ("start(pay, order)", "start() await start(…)"),
        ("set_attributes(phase='paid')", "set_attributes() await set_attributes(…)"),
        ("race(order, sleep('1h'))", "race() await race(…)"),
        ("asyncio.gather(charge(1), charge(2))", "asyncio.gather() await asyncio.gather(…)"),
        ("out.write(order)", "out.write() await out.write(…)"),
        ("progress = get_writable()\nprogress.write(order)", "progress.write() await progress.write(…)"),
        ("async with get_writable() as to:\n    to.write(order)", "to.write() await to.write(…)"),
        ("run.cancel()", "run.cancel() await run.cancel(…)"),
        ("child = await start(pay, order)\nchild.result()", "child.result() await child.result(…)"),
        ("get_run(order).result()", "get_run(order).result() await get_run(order).result(…)"),
        ("agent = DurableAgent('m')\nagent.stream([])", "agent.stream() await agent.stream(…)"),
        ("hook = approvals.create(order)\nhook.dispose()", "hook.dispose() await hook.dispose(…)"),
        ("async with create_hook() as hook:\n    hook", "the hook 'hook' await hook"),
        ("async with approvals.create(order) as hook:\n    hook", "the hook 'hook' await hook"),
        ("approvals.resume(order, 'yes')", "approvals.resume() await approvals.resume(…)"),
        ("paid = charge(order)", CHARGE),
        ("_ = charge(order)", CHARGE),
        ("paid = charge(order)\nif paid:\n    await pay(order)", CHARGE),
        ("paid = charge(order)\nreturn paid", CHARGE),
        ("paid = charge(order)\nawait invoice(paid)", CHARGE),
        ("paid = charge(order)\nreturn f'{paid} {paid.id}'", CHARGE),
        ("if charge(order):\n    return 1", CHARGE),
        ("while charge(order): ...", CHARGE),
        ("return 1 if charge(order) else 2", CHARGE),
        ("if not charge(order):\n    return 1", CHARGE),
        ("assert charge(order)", CHARGE),
        ("return charge(order) == 1", CHARGE),
        ("return charge(order) or 1", CHARGE),
        ("return 1 + charge(order)", CHARGE),
        ("return charge(order)['id']", CHARGE),
        ("return charge(order).id", CHARGE),
        ("return charge(order)", CHARGE),
        ("return f'{charge(order)}'", CHARGE),
        ("for part in charge(order): ...", CHARGE),
        ("return [part for part in charge(order)]", CHARGE),
        ("return [part for part in order if charge(part)]", CHARGE),
        ("return [*charge(order)]", CHARGE),
        ("match charge(order):\n    case _: ...", CHARGE),
        ("await invoice(charge(order))", CHARGE),
        ("await invoice(order=charge(order))", CHARGE),
        ("await start(pay, charge(order))", CHARGE),
        ("[charge(part) for part in order]", CHARGE),
        ("tasks = [charge(part) for part in order]", CHARGE),
        ("order and charge(order)", CHARGE),
        ("charge(order) if order else None", CHARGE),
    ],
)
def test_what_is_lost(body: str, expected: str) -> None:
    assert found(body) == [expected]


def test_each_is_told() -> None:
    assert found("charge(1), charge(2)") == [CHARGE, CHARGE]


@pytest.mark.parametrize(
    "body",
    [
        "await charge(order)",
        "return await charge(order)",
        "await asyncio.gather(charge(1), *[charge(2)], *map(charge, order))",
        "await race(charge(order), sleep('1h'))",
        "await asyncio.wait_for(charge(order), 3)",
        "asyncio.create_task(charge(order))",
        "async with asyncio.TaskGroup() as group:\n    group.create_task(charge(order))",
        "await asyncio.shield(charge(order))",
        "paid = charge(order)\nawait paid",
        "paid = charge(order)\nif order:\n    await paid",
        "paid = charge(order)\nif paid:\n    await paid",
        "paid = charge(order)\nother = paid\nawait other",
        "paid = charge(order)\nasync def later():\n    await paid\nawait later()",
        "paid = charge(order)\npaid = await paid",
        "paid: object = None\npaid = charge(order)",
        "global paid\npaid = charge(order)",
        "order.paid = charge(order)",
        "order['paid'] = charge(order)",
        "tasks = [charge(part) for part in order]\nawait asyncio.gather(*tasks)",
        "tasks = {part: charge(part) for part in order}\nreturn [await task for task in tasks.values()]",
        "tasks = []\ntasks.append(charge(order))\nawait asyncio.gather(*tasks)",
        "return [await task for task in [charge(part) for part in order]]",
        "both_of = charge(1), charge(2)\nawait asyncio.gather(*both_of)",
        "make = lambda: charge(order)\nawait make()",
        "def make():\n    return charge(order)\nawait make()",
        "paid = (charge(order) if order else sleep(0))\nawait paid",
        "later = order or charge(order)\nawait later",
        "order.send(charge(order))",
        "plain(charge(order))",
        "charge(order).close()",
        "paid = charge(order)\npaid.close()",
        "asyncio.gather(charge(order)).cancel()",
        "await asyncio.gather(charge(1), charge(2))",
        "unknown(order)",
        "wrapped(order)",
        "plain(order)",
        "parts(order)",
        "async for part in parts(order): ...",
        "order.charge(order)",
        "charge",
        "order.hook",
        "hook = create_hook()",
        "async with create_hook() as hook:\n    async for each in hook: ...",
        "async with approvals.create(order) as hook, timeout('1h'):\n    return await hook",
        "with order as hook:\n    hook",
        "yes = await race(approvals.create(order), sleep('24h'))",
        "def charge(order): ...\ncharge(order)",
        "async def inner():\n    charge(order)",
    ],
)
def test_what_somebody_may_wait_for(body: str) -> None:
    assert found(body) == []


def test_a_function_that_a_body_calls_may_give_it_what_must_be_awaited() -> None:
    assert found("return charge(order)", "async def helper(order):") == []
    assert found("paid = charge(order)\nreturn paid", "async def helper(order):") == []
    assert found("charge(order)", "async def helper(order):") == [CHARGE]
