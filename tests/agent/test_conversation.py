"""What is between model and tools: people who approve, calls that are prepared, limits, and who is told of what."""

import asyncio
import gc
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai.models.test import TestModel

from perdure import (
    HookNotFound,
    PayloadConflict,
    Run,
    create_hook,
    get_writable,
    resume_hook,
    sleep,
    start,
    step,
    workflow,
)
from perdure.agent import (
    AgentResult,
    AgentStep,
    DurableAgent,
    Prepared,
    StepContext,
    UIMessage,
    UIMessageChunk,
    tool,
)
from perdure.chat.approval import APPROVALS, Approval, approval_key
from tests.agent.script import scripted, shown
from tests.agent.test_agent import MODEL, SOON, agent_of, chunks_of, clean, look_up, outcome, refund
from tests.api.ways import hooks_of, in_every_way, once

REFUND = ("refund", {"order": "7"})


# -- approval


@workflow(name="agents:careful")
async def careful(question: str) -> str:
    agent = agent_of(["I'll refund it", REFUND, ("look_up", {"order": "7"})], ["there"], approval_timeout="5m")
    return (await agent.stream(question, writable=get_writable(UIMessageChunk))).text


async def first_of(run: Run[Any], kind: str) -> UIMessageChunk:
    """The first chunk of this type, once it is there."""
    async with aclosing(run.readable(UIMessageChunk)) as chunks:
        async for chunk in chunks:
            if chunk["type"] == kind:
                return chunk
    raise AssertionError(f"there is no {kind}")


async def asked(run: Run[Any]) -> str:
    """The id of the approval that is asked for."""
    return (await first_of(run, "tool-approval-request"))["approvalId"]


@pytest.mark.parametrize(
    ("decision", "given"),
    [
        (Approval(True), "refunded 7"),
        (Approval(False), ["denied"]),
        (Approval(False, "too much"), ["denied"]),
    ],
)
def test_a_call_waits_for_its_approval(decision: Approval, given: Any) -> None:
    async def act() -> list[Any]:
        run = await start(careful, "please")
        approval_id = await asked(run)
        while True:  # a sender whose answer was lost tries again; it counts once
            try:
                await APPROVALS.resume(approval_key(run.run_id, approval_id), decision, idempotency_key=approval_id)
                break
            except HookNotFound:
                await asyncio.sleep(0.01)
        return await outcome(run)

    seen = [
        ["text", "I'll refund it"],
        ["refund", {"order": "7"}, given],
        ["look_up", {"order": "7"}, {"order": "7", "lines": [1, None]}],
        ["text", "there"],
    ]
    in_every_way(act, careful, look_up, refund, MODEL, gives=[seen, "there", True], before=clean)


def test_what_the_model_is_told_of_a_refusal() -> None:
    async def act() -> list[Any]:
        run = await start(careful, "please")
        await APPROVALS.resume(approval_key(run.run_id, await asked(run)), Approval(False, "too much"))
        return [chunk for chunk in await chunks_of(run) if chunk["type"] == "tool-approval-response"]

    [response] = once(act, careful, look_up, refund, MODEL)[0]
    assert (response["approved"], response["reason"]) == (False, "too much")


def test_nobody_decides_in_time() -> None:
    async def act() -> list[Any]:
        return await outcome(await start(careful, "please"))

    parts, text, _ = once(act, careful, look_up, refund, MODEL)[0]
    assert (parts[1], text) == (["refund", {"order": "7"}, ["denied"]], "there")


def test_an_approval_that_is_forged_or_repeated() -> None:
    async def act() -> list[str]:
        run, other = await start(careful, "please"), await start(careful, "please")
        mine, theirs = await asked(run), await asked(other)
        said: list[str] = []
        for key, approval, again in (
            (approval_key(other.run_id, mine), Approval(True), "x"),  # another run's
            (approval_key(run.run_id, "guessed"), Approval(True), "x"),
            (approval_key(run.run_id, mine), Approval(True), mine),
            (approval_key(run.run_id, mine), Approval(False), mine),
        ):
            try:
                await APPROVALS.resume(key, approval, idempotency_key=again)
                said.append("accepted")
            except (HookNotFound, PayloadConflict) as error:
                said.append(type(error).__name__)
        await APPROVALS.resume(approval_key(other.run_id, theirs), Approval(True))
        await run.result(), await other.result()
        try:
            await APPROVALS.resume(approval_key(run.run_id, mine), Approval(True))
        except HookNotFound:
            said.append("over")
        return said

    parts = (careful, look_up, refund, MODEL)
    assert once(act, *parts)[0] == ["HookNotFound", "HookNotFound", "accepted", "PayloadConflict", "over"]


@workflow(name="agents:lenient")
async def lenient(messages: list[UIMessage]) -> str:
    """As `deferring`, but a hook is asked, and the model has no wish."""
    agent = agent_of(["done"], approval_timeout="5m")
    return (await agent.stream(messages, writable=get_writable(UIMessageChunk))).text


@pytest.mark.parametrize("state", ["approval-responded", "input-available"])
@pytest.mark.parametrize("tool", ["refund", "look_up"])
def test_no_call_is_made_that_a_client_has_made_up(tool: str, state: str) -> None:
    """Whatever it says of it; a tool that nobody is asked about isn't called either."""
    forged = {"type": f"tool-{tool}", "toolCallId": "forged", "input": {"order": "7"}, "state": state}
    approved = {**forged, "approval": {"id": "forged", "approved": True}}

    async def act() -> list[Any]:
        run = await start(lenient, [QUESTION, message("assistant", {"type": "step-start"}, approved)])
        called = {chunk.get("toolCallId") for chunk in await chunks_of(run)}
        return ["forged" in called, await run.result(), [step.name async for step in run.steps()]]

    told, result, steps = once(act, lenient, look_up, refund, MODEL)[0]
    assert (told, result, steps) == (False, "done", ["scripted.model"])


@workflow(name="agents:choosy")
async def choosy(amount: int) -> str:
    """Only large sums are asked for."""
    pays = tool(pay, needs_approval=lambda amount: amount > 100)
    agent = agent_of([("pay", {"amount": amount})], ["paid"], tools=[pays], approval_timeout="5m")
    return str((await agent.generate("pay")).tool_results[0].content)


@step(name="agents:pay")
async def pay(amount: int) -> str:
    return f"paid {amount}"


@pytest.mark.parametrize(("amount", "told"), [(100, "paid 100"), (101, "nobody decided in time")])
def test_who_is_asked_may_depend_on_the_arguments(amount: int, told: str) -> None:
    async def act() -> str:
        return await (await start(choosy, amount)).result()

    assert once(act, choosy, pay, MODEL)[0] == told


@workflow(name="agents:deferring")
async def deferring(messages: list[UIMessage]) -> list[Any]:
    agent = agent_of([REFUND], ["done"], approvals="client")
    answer = await agent.stream(messages, writable=get_writable(UIMessageChunk))
    return [answer.stopped, answer.text]


def message(role: str, *parts: dict[str, Any]) -> UIMessage:
    return {"id": f"{role}-1", "role": role, "parts": list(parts)}


QUESTION = message("user", {"type": "text", "text": "refund it"})


@pytest.mark.parametrize(("approved", "given"), [(True, "refunded 7"), (False, ["denied"])])
def test_the_clients_next_message_may_bring_the_decision(approved: bool, given: Any) -> None:
    """Nothing waits meanwhile: the first run has ended."""
    waiting = {"type": "tool-refund", "toolCallId": "call-0-0", "input": {"order": "7"}}
    decided = {**waiting, "state": "approval-responded", "approval": {"id": "a", "approved": approved}}

    async def act() -> list[Any]:
        first = await start(deferring, [QUESTION])
        chunks = [chunk for chunk in await chunks_of(first) if chunk["type"] == "tool-approval-request"]
        second = await start(deferring, [QUESTION, message("assistant", {"type": "step-start"}, decided)])
        last = await chunks_of(second)
        outputs = [chunk.get("output", ["denied"]) for chunk in last if chunk["type"].startswith("tool-output")]
        return [len(chunks), await first.result(), outputs, last[0], await second.result()]

    start_of = {"type": "start", "messageId": "assistant-1"}
    gives = [1, ["client", ""], [given], start_of, [None, "done"]]
    assert once(act, deferring, refund, MODEL)[0] == gives


# -- how the loop goes on, and when it ends


@workflow(name="agents:limited")
async def limited(how: str) -> list[Any]:
    steps: list[str] = []

    def stop(done: Sequence[AgentStep]) -> bool:
        return len(done) == 2

    async def told(done: AgentStep) -> None:
        steps.append(f"{done.text}{len(done.tool_results)}")

    answers = [[f"turn {number}", ("look_up", {"order": str(number)})] for number in range(5)]
    limits: dict[str, dict[str, Any]] = {
        "max_steps": {"max_steps": 3}, "stop_when": {"stop_when": [lambda _: False, stop]}, "none": {}
    }  # fmt: skip
    agent = agent_of(*answers, ["done"], on_step_finish=told, **limits[how])
    answer = await agent.stream("go", writable=get_writable(UIMessageChunk))
    return [answer.stopped, answer.output, steps, len(answer.messages), len(answer.new)]


@pytest.mark.parametrize(
    ("how", "gives"),
    [
        ("max_steps", ["max_steps", None, ["turn 01", "turn 11", "turn 21"], 7, 6]),
        ("stop_when", ["stop_when", None, ["turn 01", "turn 11"], 5, 4]),
        ("none", [None, "done", ["turn 01", "turn 11", "turn 21", "turn 31", "turn 41", "done0"], 12, 11]),
    ],
)
def test_when_the_loop_ends(how: str, gives: list[Any]) -> None:
    async def act() -> list[Any]:
        run = await start(limited, how)
        kinds = [chunk["type"] for chunk in await chunks_of(run)]
        return [await run.result(), kinds[-2:]]

    assert once(act, limited, look_up, MODEL)[0] == [gives, ["finish-step", "finish"]]


@workflow(name="agents:endless")
async def endless(question: str) -> int:
    answers = [[("look_up", {"order": "1"})]] * 30
    return len((await agent_of(*answers).generate(question)).steps)


def test_no_loop_is_endless() -> None:
    async def act() -> int:
        return await (await start(endless, "go")).result()

    assert once(act, endless, look_up, MODEL)[0] == 20


@workflow(name="agents:prepared")
async def prepared(question: str) -> list[Any]:
    seen: list[Any] = []

    def prepare(context: StepContext) -> Prepared | None:
        seen.append([context.number, len(context.steps), len(context.messages)])
        if context.number == 1:
            return None
        return Prepared(model=TestModel(call_tools=[], custom_output_text="another model"), active_tools=[])

    agent = agent_of([("look_up", {"order": "1"})], prepare_step=prepare)
    return [(await agent.generate(question)).text, seen]


def test_each_call_may_be_prepared() -> None:
    async def act() -> list[Any]:
        return await (await start(prepared, "go")).result()

    assert once(act, prepared, look_up, MODEL)[0] == ["another model", [[1, 0, 1], [2, 1, 3]]]


class Verdict(BaseModel):
    good: bool
    why: str


@workflow(name="agents:judging")
async def judging(question: str) -> Verdict:
    """The first try doesn't fit, and is asked for again."""
    agent = agent_of(
        [("final_result", {"good": "perhaps"})], [("final_result", {"good": True, "why": "it is"})], output=Verdict
    )
    return (await agent.stream(question, writable=get_writable(UIMessageChunk))).output


def test_an_output_of_a_type() -> None:
    async def act() -> Any:
        return await (await start(judging, "well?")).result()

    in_every_way(act, judging, MODEL, gives=Verdict(good=True, why="it is"), before=clean)


@workflow(name="agents:watched")
async def watched(how: str) -> list[Any]:
    heard: list[str] = []

    def finished(result: AgentResult) -> None:
        heard.append(f"finished {result.text}")

    async def waits() -> None:
        await asyncio.sleep(60)

    agent = DurableAgent(
        scripted(["so", waits] if how != "ends" else ["so"]),
        name="scripted",
        retry=SOON,
        on_finish=finished,
        on_abort=lambda: heard.append("aborted"),
        on_error=lambda error: heard.append(type(error).__name__),
        **({"timeout": "5s"} if how == "late" else {}),
    )
    try:
        await agent.stream("go", writable=get_writable(UIMessageChunk))
    except (TimeoutError, asyncio.CancelledError):
        heard.append("caught")
    return heard


@pytest.mark.parametrize(
    ("how", "gives", "last"),
    [
        ("ends", ["finished so"], ["finish-step", "finish"]),
        ("late", ["TimeoutError", "caught"], ["error", "finish"]),
        ("cancelled", ["aborted", "caught"], ["text-delta", "finish"]),
    ],
)
def test_who_is_told(how: str, gives: list[str], last: list[str]) -> None:
    async def act() -> list[Any]:
        run = await start(watched, how)
        if how == "cancelled":
            await first_of(run, "text-delta")
            await run.cancel()
        return [await run.result(), [chunk["type"] for chunk in await chunks_of(run)][-2:]]

    assert once(act, watched, MODEL)[0] == [gives, last]


@workflow(name="agents:stopped")
async def stopped(question: str) -> None:
    async def waits() -> None:
        await asyncio.sleep(60)

    agent = DurableAgent(scripted(["so", waits]), name="scripted", retry=SOON)
    await agent.stream(question, writable=get_writable(UIMessageChunk))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("grace", [None, 0])
def test_a_chat_that_is_stopped(grace: int | None) -> None:
    """A worker that dies here leaves a model's step in the middle, which nobody closes but the collector, somewhere."""

    async def act() -> list[Any]:
        run = await start(stopped, "go")
        await first_of(run, "text-delta")
        await run.cancel(grace=grace)
        chunks = await chunks_of(run)
        return [await run.status(), *[chunk["type"] for chunk in chunks[-2:]]]

    in_every_way(act, stopped, MODEL, gives=["cancelled", "abort", "finish"], before=clean)
    gc.collect()


# -- tools of the body


@workflow(name="agents:ask-mum")
async def ask_mum(about: str) -> str:
    """Ask mum, and wait for what she says."""
    async with create_hook(str, token=f"mum:{about}") as hook:
        return f"{about}: {await hook}"


@workflow(name="agents:rest")
async def rest(minutes: int) -> str:
    """Sleep."""
    await sleep(f"{minutes}m")
    return "rested"


@workflow(name="agents:child")
async def child(number: int) -> int:
    return number * 2


@workflow(name="agents:delegate")
async def delegate(number: int) -> int:
    """Have somebody else do it."""
    return await (await start(child, number)).result()


@workflow(name="agents:patient")
async def patient(question: str) -> str:
    agent = agent_of(
        [("ask_mum", {"about": "tea"}), ("rest", {"minutes": 5}), ("delegate", {"number": 21})],
        ["that's all"],
        tools=[ask_mum, rest, delegate],
    )
    return (await agent.stream(question, writable=get_writable(UIMessageChunk))).text


def test_tools_that_sleep_wait_and_start_children() -> None:
    async def act() -> list[Any]:
        run = await start(patient, "go")
        await hooks_of(run)
        while True:
            try:
                await resume_hook("mum:tea", "black", idempotency_key="once")
                break
            except HookNotFound:
                await asyncio.sleep(0.01)
        return await outcome(run)

    seen = [
        ["ask_mum", {"about": "tea"}, "tea: black"],
        ["rest", {"minutes": 5}, "rested"],
        ["delegate", {"number": 21}, 42],
        ["text", "that's all"],
    ]
    in_every_way(act, patient, child, MODEL, gives=[seen, "that's all", True], before=clean)


@workflow(name="agents:helper")
async def helper(out: Any) -> str:
    """A child that answers into its parent's stream, whose end is the parent's."""
    return (await agent_of(["from the child"]).stream("go", writable=out, send_start=False)).text


@workflow(name="agents:parent")
async def parent(question: str) -> str:
    out = get_writable(UIMessageChunk)
    await agent_of(["first"]).stream(question, writable=out)
    return await (await start(helper, out)).result()


def test_several_agents_one_message() -> None:
    async def act() -> list[Any]:
        run = await start(parent, "go")
        chunks = await chunks_of(run)
        kinds = [chunk["type"] for chunk in chunks]
        return [shown(chunks), await run.result(), kinds.count("start"), kinds.count("finish"), kinds[-1]]

    gives = [[["text", "first"], ["text", "from the child"]], "from the child", 1, 1, "finish"]
    assert once(act, parent, helper, MODEL)[0] == gives


@workflow(name="agents:finishing")
async def finishing(question: str) -> None:
    """Two messages in one stream, each with its finish."""
    for _ in range(2):
        await agent_of(["so"]).stream(question, writable=get_writable(UIMessageChunk), send_finish=True)


def test_a_message_may_be_finished_before_the_run_is() -> None:
    async def act() -> list[str]:
        return [chunk["type"] for chunk in await chunks_of(await start(finishing, "go"))]

    kinds = once(act, finishing, MODEL)[0]
    assert [kind for kind in kinds if kind in ("start", "finish")] == ["start", "finish"] * 2
