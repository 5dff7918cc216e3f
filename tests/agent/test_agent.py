"""`DurableAgent`: what a client is shown, and what runs again, whichever way the run goes; at a death at each append too."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    FilePart,
    ModelMessage,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    TextPart,
    ThinkingPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.native_tools import WebSearchTool
from pydantic_ai.tools import ToolDefinition

from perdure import (
    FatalError,
    Retry,
    Run,
    StartOptions,
    get_step_metadata,
    get_writable,
    start,
    step,
    workflow,
)
from perdure.agent import DurableAgent, UIMessage, UIMessageChunk, tool
from perdure.agent.operation import StepOptions, operation_step
from perdure.chat.assembly import Assembly
from perdure.chat.history import earlier_messages
from perdure.chat.session import SESSION
from perdure.chat.turn import Word
from tests.agent.script import called, calls, scripted, shown
from tests.api.ways import in_every_way, once
from tests.chat.test_turn import message as prompt
from tests.chat.test_turn import told
from tests.chat.test_turns import word

SOON = Retry(max_retries=3, delay=0.01, jitter=0)
MODEL = operation_step("scripted.model", StepOptions(SOON))


async def chunks_of(run: Run[Any]) -> list[UIMessageChunk]:
    return [chunk async for chunk in run.readable(UIMessageChunk)]


async def ran_once(run: Run[Any]) -> bool:
    """Whether nothing ran again whose outcome is recorded: the last attempt that was made is the recorded one."""
    made: dict[str, list[int]] = {}
    for step_id, attempt in calls:
        made.setdefault(step_id, []).append(attempt)
    recorded = {one.step_id: one.attempt async for one in run.steps()}
    return all(attempts == sorted(attempts) and attempts[-1] == recorded[id] for id, attempts in made.items())


async def outcome(run: Run[Any]) -> list[Any]:
    """What the client has at the end, the run's result, and whether recorded work was left alone."""
    parts = shown(await chunks_of(run))
    return [parts, await run.result(), await ran_once(run)]


def clean() -> None:
    calls.clear()


@step(name="agents:look-up")
async def look_up(order: str) -> dict[str, Any]:
    """Look up an order."""
    called()
    return {"order": order, "lines": [1, None]}


@step(name="agents:refund")
async def refund(order: str) -> str:
    """Refund an order."""
    called()
    return f"refunded {order}"


def agent_of(*answers: Any, **options: Any) -> DurableAgent:
    tools = options.pop("tools", [look_up, tool(refund, needs_approval=True)])
    return DurableAgent(scripted(*answers), tools=tools, name="scripted", retry=SOON, **options)


# -- the loop


@workflow(name="agents:asking")
async def asking(question: str) -> str:
    agent = agent_of(
        ["~hm", "let me ", "see", ("look_up", {"order": "1"}), ("look_up", {"order": "2"})], ["all ", "is well"]
    )
    answer = await agent.stream(question, writable=get_writable(UIMessageChunk))
    assert [len(step.tool_results) for step in answer.steps] == [2, 0]
    assert (answer.stopped, answer.output) == (None, "all is well")
    return answer.text


def test_an_answer_with_tools() -> None:
    async def act() -> list[Any]:
        return await outcome(await start(asking, "how is it?"))

    seen = [
        ["reasoning", "hm"],
        ["text", "let me see"],
        ["look_up", {"order": "1"}, {"order": "1", "lines": [1, None]}],
        ["look_up", {"order": "2"}, {"order": "2", "lines": [1, None]}],
        ["text", "all is well"],
    ]
    in_every_way(act, asking, look_up, MODEL, gives=[seen, "all is well", True], before=clean)


def test_its_chunks_in_order() -> None:
    async def act() -> list[str]:
        return [chunk["type"] for chunk in await chunks_of(await start(asking, "how is it?"))]

    kinds, _ = once(act, asking, look_up, MODEL)
    assert kinds[:2] == ["start", "start-step"]
    assert kinds[-2:] == ["finish-step", "finish"]
    assert kinds.count("start-step") == kinds.count("finish-step") == 2


@workflow(name="agents:long")
async def long(turns: int) -> str:
    """Ten turns, each with its tool."""
    answers: list[Any] = [[f"turn {number}", ("look_up", {"order": str(number)})] for number in range(turns)]
    answer = await agent_of(*answers, ["done"]).stream("go", writable=get_writable(UIMessageChunk))
    return f"{len(answer.steps)} steps, {len(answer.tool_results)} results"


def test_ten_turns_with_a_death_at_each_append() -> None:
    """Recorded model and tool results never run again; what was in flight does, with the same idempotency key."""

    async def act() -> list[Any]:
        return await outcome(await start(long, 10))

    seen: list[Any] = []
    for number in range(10):
        order = {"order": str(number)}
        seen += [["text", f"turn {number}"], ["look_up", order, {**order, "lines": [1, None]}]]
    gives = [[*seen, ["text", "done"]], "11 steps, 10 results", True]
    in_every_way(act, long, look_up, MODEL, gives=gives, before=clean)


@workflow(name="agents:slow")
async def slow(question: str) -> str:
    """Each chunk is an append of its own."""
    model = scripted(["look", "ing", ("look_up", {"order": "1"})], ["so ", "be ", "it"], gap_s=0.03)
    agent = DurableAgent(model, tools=[look_up], name="scripted", retry=SOON)
    return (await agent.stream(question, writable=get_writable(UIMessageChunk))).text


def test_a_death_at_each_chunk() -> None:
    """What was cut off is ended in the stream, and taken back: a client of `ai` 7 shows none of it."""

    async def act() -> list[Any]:
        return await outcome(await start(slow, "well?"))

    seen = [["text", "looking"], ["look_up", {"order": "1"}, {"order": "1", "lines": [1, None]}], ["text", "so be it"]]
    in_every_way(act, slow, look_up, MODEL, gives=[seen, "so be it", True], before=clean)


def test_the_conversation_is_not_recorded_again_with_each_call() -> None:
    async def act() -> list[tuple[int, int]]:
        sizes: list[tuple[int, int]] = []
        for turns in (2, 10):
            run = await start(long, turns)
            await run.result()
            sizes.append((turns, sum([len(str(event.data)) async for event in run.events()])))
        return sizes

    [(few, small), (many, large)], _ = once(act, long, look_up, MODEL)
    assert large < 1.2 * small * (many + 1) / (few + 1), "it grows with the number of turns, not with its square"


# -- models that fail


def failing(*attempts: int) -> Any:
    """Fails in these attempts."""

    def fail() -> None:
        if get_step_metadata().attempt in attempts:
            raise ConnectionError("the line is dead")

    return fail


@workflow(name="agents:unsteady")
async def unsteady(times: int) -> str:
    agent = agent_of(["half an ", failing(*range(1, times + 1)), "answer"])
    return (await agent.stream("?", writable=get_writable(UIMessageChunk))).text


@pytest.mark.parametrize("times", [1, 3])
def test_a_model_step_that_is_tried_again(times: int) -> None:
    async def act() -> list[Any]:
        return await outcome(await start(unsteady, times))

    async def resets() -> int:
        return [chunk["type"] for chunk in await chunks_of(await start(unsteady, times))].count("reset-step")

    in_every_way(act, unsteady, MODEL, gives=[[["text", "half an answer"]], "half an answer", True], before=clean)
    assert once(resets, unsteady, MODEL)[0] == times


def test_ids_of_parts_are_of_one_attempt() -> None:
    async def act() -> list[str]:
        return [chunk["id"] for chunk in await chunks_of(await start(unsteady, 1)) if chunk["type"] == "text-start"]

    [first, second], _ = once(act, unsteady, MODEL)
    assert first.removesuffix(".1.1") == second.removesuffix(".2.1")


async def ended(run: Run[Any]) -> list[str]:
    """How it ended, and the stream's last chunks."""
    kinds = [chunk["type"] for chunk in await chunks_of(run)]
    return [await run.status(), *kinds[kinds.index("start-step") + 1 :]]


def test_a_model_that_is_down_is_an_error_and_the_end() -> None:
    async def act() -> list[str]:
        return await ended(await start(unsteady, 9))

    texts = ["text-start", "text-delta", "text-end"]
    assert once(act, unsteady, MODEL)[0] == ["failed", *texts, *["reset-step", *texts] * 3, "error", "finish"]

    async def at_last() -> list[Any]:
        run = await start(unsteady, 9)
        chunks = await chunks_of(run)
        return [await run.status(), shown(chunks), [chunk["type"] for chunk in chunks].count("finish"), chunks[-1]]

    gives = ["failed", [["text", "half an "], ["error"]], 1, {"type": "finish", "finishReason": "error"}]
    in_every_way(at_last, unsteady, MODEL, gives=gives, before=clean)


@workflow(name="agents:refused")
async def refused(text: str | None) -> str:
    heard: list[str] = []

    def on_error(error: BaseException) -> str | None:
        heard.append(str(error))
        return text

    agent = agent_of([FatalError("no such model")], on_error=on_error)
    with suppress(FatalError):
        await agent.stream("?", writable=get_writable(UIMessageChunk))
    return f"heard {heard}"


@pytest.mark.parametrize(("text", "told"), [(None, "The answer could not be finished."), ("sorry", "sorry")])
def test_what_the_client_is_told_of_an_error(text: str | None, told: str) -> None:
    async def act() -> list[Any]:
        run = await start(refused, text)
        errors = [chunk["errorText"] for chunk in await chunks_of(run) if chunk["type"] == "error"]
        return [errors, await run.result()]

    assert once(act, refused, MODEL)[0] == [[told], "heard ['no such model']"]


# -- tools that fail


@step(name="agents:breaks", max_retries=0)
async def breaks(order: str) -> str:
    raise RuntimeError(f"{order} is broken")


def breaks_too(order: str) -> str:
    """A plain function."""
    called()
    raise FatalError(f"{order} is broken too")


def plainly(order: str, count: int = 1) -> str:
    """A plain function, whose calls become steps."""
    called()
    return order * count


PLAINLY, BREAKS_TOO = (operation_step(f"scripted.{name}", StepOptions()) for name in ("plainly", "breaks_too"))


@workflow(name="agents:clumsy")
async def clumsy(question: str) -> str:
    agent = agent_of(
        [("breaks", {"order": "1"}), ("breaks_too", {"order": "2"}), ("plainly", {"order": "3", "count": 2})],
        [("plainly", {"count": "many"})],
        [("nothing", {})],
        ["I give up"],
        tools=[breaks, tool(breaks_too, retries=3), tool(plainly, retries=3)],
    )
    return (await agent.stream(question, writable=get_writable(UIMessageChunk))).text


def test_what_goes_wrong_with_a_tool_is_told_to_the_model_and_the_client() -> None:
    async def act() -> list[Any]:
        run = await start(clumsy, "go")
        parts, result, once_only = await outcome(run)
        return [[part if part[0] == "text" else [part[0], _beginning(part[2])] for part in parts], result, once_only]

    gives = [
        ["breaks", ["error", "RuntimeError: 1 is broken"]],
        ["breaks_too", ["error", "FatalError: 2 is broken too"]],
        ["plainly", "33"],
        ["plainly", ["error", '[{"type":"missing","loc":["order"]']],
        ["nothing", ["error", "Unknown tool name: 'nothing'. Available"]],
        ["text", "I give up"],
    ]
    parts = (clumsy, breaks, PLAINLY, BREAKS_TOO, MODEL)
    in_every_way(act, *parts, gives=[gives, "I give up", True], before=clean)


def _beginning(given: Any) -> Any:
    return [given[0], given[1][: 39 if given[1].startswith("Unknown") else 34]] if isinstance(given, list) else given


@workflow(name="agents:mending")
async def mending(question: str) -> str:
    def repair(name: str, arguments: str, reason: str) -> str | None:
        return '{"order": "mended"}' if name == "look_up" and "order" in reason else None

    agent = agent_of([("look_up", {"ordre": "1"})], ["done"], repair_tool_call=repair)
    answer = await agent.stream(question, writable=get_writable(UIMessageChunk))
    return str(answer.tool_results[0].content)


def test_a_call_whose_arguments_are_mended() -> None:
    async def act() -> str:
        return await (await start(mending, "go")).result()

    assert once(act, mending, look_up, MODEL)[0] == "{'order': 'mended', 'lines': [1, None]}"


# -- many turns


async def counted(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
    """Looks something up, and says of how many prompts it knows; or fails."""
    called()
    parts = [part for message in messages for part in message.parts]
    prompts = [part.content for part in parts if isinstance(part, UserPromptPart)]
    if prompts[-1] == "fail":
        raise FatalError("no")
    if parts[-1].part_kind == "user-prompt":
        yield {0: DeltaToolCall(name="look_up", json_args='{"order": "1"}', tool_call_id=f"call-{len(prompts)}")}
    else:
        yield f"{len(prompts)} so far"


@workflow(name="agents:conversing")
async def conversing(message: UIMessage) -> list[str]:
    agent = DurableAgent(FunctionModel(stream_function=counted), tools=[look_up], name="scripted", retry=SOON)
    messages = await agent.converse(message, idle="1h")
    return [part.content for one in messages for part in one.parts if isinstance(part, TextPart | UserPromptPart)]  # type: ignore[misc]


def test_a_conversation_with_a_death_at_each_append() -> None:
    """Turns that fail are known to the model later on, but for what is no message; nothing that was recorded runs again."""

    async def act() -> list[Any]:
        run = await start(conversing, prompt("a", "one"))
        odd = {"id": "x", "role": "user", "parts": [{"type": "text", "text": "odd", "state": 5}]}
        sent = {"b": prompt("b", "fail"), "x": odd, "c": prompt("c", "three")}
        await word(run, *(Word("message", id, one) for id, one in sent.items()), Word("end"))
        seen = [shown([*await told(run.run_id, id)][1:]) for id in ("a", *sent)]
        return [seen, await run.result(), await ran_once(run)]

    look = ["look_up", {"order": "1"}, {"order": "1", "lines": [1, None]}]
    streams = [[look, ["text", "1 so far"]], [["error"]], [["error"]], [look, ["text", "3 so far"]]]
    result = ["one", "1 so far", "fail", "three", "3 so far"]
    in_every_way(act, conversing, look_up, earlier_messages, MODEL, gives=[streams, result, True], before=clean)


def test_what_cannot_be_read_is_told_and_in_nobodys_way() -> None:
    """Neither in its own run, nor in those that the session has afterwards."""

    async def act() -> list[Any]:
        options = StartOptions(attributes={SESSION: "mine"})
        odd = {"id": "odd", "role": "user", "parts": [{"type": "text", "text": "odd", "state": 5}]}
        first = await start(conversing, odd, options=options)
        await word(first, Word("message", "a", prompt("a", "one")), Word("end"))
        await first.result()
        second = await start(conversing, prompt("b", "two"), options=options)
        await word(second, Word("end"))
        return [[chunk.get("errorText") for chunk in await told(first.run_id, "odd")], await second.result()]

    errors, said = once(act, conversing, look_up, earlier_messages, MODEL)[0]
    wrong = "messages[0.parts.0.TextUIPart.state] is no message of a chat: Input should be 'streaming' or 'done'"
    assert errors == [None, None, wrong, None]
    assert said == ["one", "1 so far", "two", "2 so far"]


# -- tools that others execute, and files


LOCATE = ToolDefinition(name="locate", description="Where the user is.", parameters_json_schema={"type": "object"})


@workflow(name="agents:locating")
async def locating(messages: list[UIMessage]) -> list[Any]:
    """One tool is the client's, the other is ours."""
    agent = agent_of([("look_up", {"order": "1"}), ("locate", {})], ["in Oslo"], tools=[look_up, LOCATE])
    answer = await agent.stream(messages, writable=get_writable(UIMessageChunk))
    return [answer.stopped, answer.text, [call.tool_name for call in answer.tool_calls]]


def test_a_tool_that_the_client_answers() -> None:
    """The loop ends with its call; the client's next message has what it gave."""

    async def act() -> list[Any]:
        first = await start(locating, [prompt("a", "where is my order?")])
        chunks = await chunks_of(first)
        message = Assembly(chunks).message
        assert message is not None
        parts = {part["type"]: part for part in message["parts"]}
        open_ = dict(parts["tool-locate"])
        parts["tool-locate"].update(state="output-available", output="Oslo")
        second = await start(locating, [prompt("a", "where is my order?"), message])
        return [
            await first.result(),
            shown(chunks),
            open_["state"],
            await second.result(),
            shown(await chunks_of(second)),
        ]

    seen = [["look_up", {"order": "1"}, {"order": "1", "lines": [1, None]}], ["locate", {}, None]]
    first = ["client", "", ["look_up", "locate"]]
    gives = [first, seen, "input-available", [None, "in Oslo", []], [["text", "in Oslo"]]]
    in_every_way(act, locating, look_up, MODEL, gives=gives, before=clean)


async def searching(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
    """A model whose provider searches for it."""
    called()
    assert [type(tool) for tool in info.model_request_parameters.native_tools] == [WebSearchTool]
    yield {0: NativeToolCallPart("web_search", {"query": "tea"}, "call-0", provider_name="function")}
    yield {1: NativeToolReturnPart("web_search", {"hits": [None, 2]}, "call-0", provider_name="function")}
    yield "found"


@workflow(name="agents:searched")
async def searched(question: str) -> list[Any]:
    agent = DurableAgent(
        FunctionModel(stream_function=searching), tools=[WebSearchTool(), look_up], name="scripted", retry=SOON
    )
    answer = await agent.stream(question, writable=get_writable(UIMessageChunk))
    [(call, result)] = answer.steps[0].response.native_tool_calls
    kept = [part["type"] for part in answer.ui_messages[-1]["parts"]]
    return [answer.text, call.args, result.content, kept, len(answer.tool_calls)]


def test_a_tool_that_the_models_provider_executes() -> None:
    """It is part of the model's step, told as it happens, and kept in the history."""

    async def act() -> list[Any]:
        run = await start(searched, "tea?")
        told = [chunk for chunk in await chunks_of(run) if chunk["type"].startswith("tool-")]
        assert all(chunk["providerExecuted"] for chunk in told if not chunk["type"].endswith("delta"))
        return [*await outcome(run), [one.name async for one in run.steps()]]

    seen = [["web_search", {"query": "tea"}, {"hits": [None, 2]}], ["text", "found"]]
    result = ["found", {"query": "tea"}, {"hits": [None, 2]}, ["tool-web_search", "text"], 0]
    in_every_way(act, searched, look_up, MODEL, gives=[seen, result, True, ["scripted.model"]], before=clean)


DOT = "data:image/png;base64,iVBORw0KGgo="


@workflow(name="agents:drawing")
async def drawing(messages: list[UIMessage]) -> list[Any]:
    """Thinks, and gives back the picture that it was sent."""

    async def draw(history: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        called()
        if isinstance(history[-1], ModelResponse):
            raise AssertionError("nobody has asked")
        files = [file for part in history[0].parts for file in part.content if isinstance(file, BinaryContent)]
        thoughts = [part for message in history[1:] for part in message.parts if isinstance(part, ThinkingPart)]
        text = f"{len(files)} files, {len(thoughts)} thoughts"
        return ModelResponse(parts=[ThinkingPart("hm", signature="s"), FilePart(files[0]), TextPart(text)])

    agent = DurableAgent(FunctionModel(draw), name="scripted", retry=SOON)
    first = await agent.generate(messages)
    second = await agent.generate([*first.ui_messages, prompt("b", "again")])
    return [first.ui_messages, second.text]


def test_files_and_reasoning_are_kept() -> None:
    async def act() -> list[Any]:
        message = prompt("a", "draw it")
        message["parts"].append({"type": "file", "mediaType": "image/png", "url": DOT})
        run = await start(drawing, [message])
        messages, text = await run.result()
        kinds = [[part["type"] for part in each["parts"]] for each in messages]
        urls = [part["url"] for each in messages for part in each["parts"] if part["type"] == "file"]
        return [kinds, urls, text, await ran_once(run)]

    gives = [[["text", "file"], ["reasoning", "file", "text"]], [DOT, DOT], "1 files, 1 thoughts", True]
    in_every_way(act, drawing, MODEL, gives=gives, before=clean)
