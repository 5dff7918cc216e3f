"""Hooks that answer themselves: which, how often, with what."""

import pytest

from perdure import create_hook, create_webhook, define_hook, start, step, workflow
from perdure.testing import Lab

pytestmark = pytest.mark.anyio
words = define_hook(str, prefix="answer")


@step(name="answer:quick")
async def quick() -> None: ...


@workflow(name="answer:ask")
async def ask(key: str) -> str:
    async with words.create(key) as hook:
        return await hook


@workflow(name="answer:two")
async def two() -> list[str]:
    async with create_hook(str, token="two") as hook:
        return [await hook, await hook]


@workflow(name="answer:web")
async def web() -> str:
    async with create_webhook() as hook:
        return (await hook).text()


async def test_the_last_that_was_given_counts(lab: Lab) -> None:
    lab.answer("answer:*", "all")
    lab.answer("answer:b*", "b")
    assert [await (await start(ask, key)).result() for key in ("a", "b1")] == ["all", "b"]


async def test_one_that_waits_already_is_answered_too(lab: Lab) -> None:
    run = await start(ask, "late")
    await lab.wait_for_hook(run)
    lab.answer("answer:late", "now")
    assert await run.result() == "now"


async def test_a_function_makes_the_payload(lab: Lab) -> None:
    async def made(hook: object) -> str:
        return f"for {hook.token}"  # type: ignore[attr-defined]

    lab.answer("answer:?", made)
    assert await (await start(ask, "c")).result() == "for answer:c"


async def test_once_each_and_no_webhooks(lab: Lab) -> None:
    lab.answer("*", "x")
    runs = [await start(two), await start(web)]
    await lab.rest()
    assert [await run.status() for run in runs] == ["running", "running"]
