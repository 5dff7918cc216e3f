"""What bodies wait for."""

from pathlib import Path

import pytest

from tests.testing.scorecard.written import subject

KIND = "approvals = define_hook(bool, prefix='approval')\n"


def flow(*lines: str, head: str = "@workflow") -> str:
    return KIND + f"{head}\nasync def flow(order: str) -> str:\n" + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("made", "token"),
    [
        ("approvals.create(order)", "namespaced"),
        ("approvals.create('one')", "one for all"),
        ("approvals.create(uuid4())", "by chance"),
        ("create_hook(token=f'approval:{order}')", "namespaced"),
        ("create_hook(token='approval:' + order)", "namespaced"),
        ("create_hook(token=f'approval{order}')", "bare"),
        ("create_hook(token=order)", "bare"),
        ("create_hook(token='approval')", "one for all"),
        ("create_hook()", "random"),
    ],
)
def test_tokens(folder: Path, made: str, token: str) -> None:
    [use] = subject(folder, flow(f"async with {made} as hook:", "    await hook")).hooks
    assert (use.token, use.kind) == (token, "hook")


@pytest.mark.parametrize(
    ("lines", "limited"),
    [
        (("async with approvals.create(order) as hook:", "    await hook"), False),
        (("async with approvals.create(order) as hook:", "    await race(hook, sleep('1d'))"), True),
        (("async with approvals.create(order) as hook:", "    await race(hook)"), False),
        (("async with approvals.create(order) as hook:", "    async with timeout('1d'):", "        await hook"), True),
        (("async with approvals.create(order, expires='1d') as hook:", "    await hook"), True),
        (("hook = approvals.create(order)", "await asyncio.wait_for(hook, 5)"), True),
        (("hook = approvals.create(order)", "await race(hook, sleep('1d'))", "await hook"), False),
        (("async with approvals.create(order) as hook:", "    async for said in hook:", "        pass"), False),
        (("await approvals.create(order)",), False),
    ],
)
def test_limits(folder: Path, lines: tuple[str, ...], limited: bool) -> None:
    [use] = subject(folder, flow(*lines)).hooks
    assert use.limited is limited


def test_a_workflows_own_timeout_is_one(folder: Path) -> None:
    [use] = subject(folder, flow("await approvals.create(order)", head="@workflow(timeout='1d')")).hooks
    assert use.limited


@pytest.mark.parametrize(("called", "limited"), [("race(ask(order), sleep('1d'))", True), ("ask(order)", False)])
def test_a_function_that_is_raced(folder: Path, called: str, limited: bool) -> None:
    ask = "async def ask(order):\n    async with approvals.create(order) as hook:\n        return await hook\n"
    [use] = subject(folder, flow(f"await {called}") + ask).hooks
    assert use.limited is limited


def test_webhooks(folder: Path) -> None:
    signed, open_to_all = subject(
        folder, flow("create_webhook(verify=carrier, token=f'c:{order}')", "create_webhook()")
    ).hooks
    assert (signed.kind, signed.verified, signed.token) == ("webhook", True, "namespaced")
    assert (open_to_all.verified, open_to_all.token) == (False, "random")
