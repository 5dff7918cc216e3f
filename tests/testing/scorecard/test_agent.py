"""Agents, and the tests of what people do."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.agent import (
    is_tested,
    keeps_history,
    reconnects,
    runs_inside,
    tells_run,
    tools_are_approved,
    tools_are_idempotent,
    tools_are_steps,
)
from tests.testing.scorecard.written import FLOW, STEP, scored, subject

ALL = (
    runs_inside, tools_are_steps, tools_are_idempotent, tools_are_approved, tells_run, reconnects, keeps_history,
)  # fmt: skip
TOOLS = """
from perdure.agent import DurableAgent, tool

@step
async def look_up(order: str) -> str:
    return (await client.get('/x')).text

@step
async def refund(order: str) -> str:
    await client.post('/x', headers={'k': get_step_metadata().step_id})

def plain(order: str) -> str: ...
"""


def agent(tools: str) -> str:
    body = f"    a = DurableAgent(m, tools=[{tools}])\n    return await a.stream(messages)\n"
    return TOOLS + "@workflow\nasync def chat(messages: list[str]) -> str:\n" + body


def test_without_an_agent(folder: Path) -> None:
    about = subject(folder, STEP + "    ...\n" + FLOW)
    assert [scored(check, about) for check in ALL] == ["n/a"] * len(ALL)


@pytest.mark.parametrize(
    ("tools", "steps", "idempotent", "approved"),
    [
        ("look_up, tool(refund, needs_approval=True)", 2, 2, 2),
        ("look_up, refund", 2, 2, 0),
        ("look_up, plain", 1, 2, 2),
        ("plain", 0, 2, 2),
        ("", "open", "open", "open"),
    ],
)
def test_tools(folder: Path, tools: str, steps: int | str, idempotent: int | str, approved: int | str) -> None:
    about = subject(folder, agent(tools))
    assert scored(runs_inside, about) == 2
    found = (scored(tools_are_steps, about), scored(tools_are_idempotent, about), scored(tools_are_approved, about))
    assert found == (steps, idempotent, approved)


def test_a_tool_without_a_key(folder: Path) -> None:
    about = subject(folder, agent("refund").replace(", headers={'k': get_step_metadata().step_id}", ""))
    assert scored(tools_are_idempotent, about) == 0


def test_an_agent_outside_of_a_workflow(folder: Path) -> None:
    text = TOOLS + "a = DurableAgent(m, tools=[refund])\n" + STEP + "    ...\n" + FLOW
    assert scored(runs_inside, subject(folder, text)) == 0
    used = text.replace("return await act(order)", "return await a.run(order)")
    assert scored(runs_inside, subject(folder, used)) == 2


@pytest.mark.parametrize(
    ("app", "run_id", "again", "history"),
    [
        ("wrap(None, chat=chat)\n", 2, 2, 1),
        (
            "@api.post('/x')\nasync def go(request):\n    return chat_response(run, request)\nchat_history(run)\n",
            2,
            2,
            2,
        ),
        ("@api.post('/x')\nasync def go(request):\n    return {'x-workflow-run-id': 1}\n", 2, 0, "open"),
        ("@api.post('/x')\nasync def go(request): ...\n", 0, 0, "open"),
    ],
)
def test_chats(folder: Path, app: str, run_id: int, again: int, history: int | str) -> None:
    head = "from flows import chat\nfrom perdure.http import chat_history, chat_response, wrap\n"
    about = subject(folder, agent("look_up"), app_DOT_py=head + app)
    assert (scored(tells_run, about), scored(reconnects, about), scored(keeps_history, about)) == (
        run_id,
        again,
        history,
    )


HOOKED = "@workflow\nasync def flow(order: str) -> None:\n    await create_hook()\n"


def test_what_is_tested(folder: Path) -> None:
    assert scored(is_tested, subject(folder, STEP + "    ...\n" + FLOW)) == "n/a"
    assert scored(is_tested, subject(folder, HOOKED)) == 0
    tests = "import flows\ndef test_ann_approves(): ...\n"
    assert scored(is_tested, subject(folder, HOOKED, test_x_DOT_py=tests)) == 1
    tests += "def test_ann_refuses(): ...\ndef test_nobody_answers(): ...\n"
    assert scored(is_tested, subject(folder, HOOKED, test_x_DOT_py=tests)) == 2
    streamed = HOOKED.replace("    await", "    await get_writable().write(1)\n    await")
    app = "import flows\nfrom perdure.http import wrap\nwrap(None)\n"
    assert scored(is_tested, subject(folder, streamed, test_x_DOT_py=tests, app_DOT_py=app)) == 1
