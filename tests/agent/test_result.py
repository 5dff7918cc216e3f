"""What an agent's work came to, from its messages."""

from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.usage import RunUsage

from perdure.agent.result import AgentResult, steps_of

MESSAGES = (
    ModelRequest(parts=[UserPromptPart("hi")]),
    ModelResponse(parts=[TextPart("so"), ToolCallPart("look", {}, "c")], finish_reason="tool_call"),
    ModelRequest(parts=[ToolReturnPart("look", 5, "c")]),
    ModelResponse(parts=[TextPart("there")], finish_reason="content_filter"),
)


def test_steps_are_responses_with_what_their_tools_gave() -> None:
    first, second = steps_of(MESSAGES)
    assert (first.text, [call.tool_name for call in first.tool_calls]) == ("so", ["look"])
    assert ([result.content for result in first.tool_results], first.finish_reason) == ([5], "tool-calls")
    assert (second.text, second.tool_results, second.finish_reason) == ("there", (), "content-filter")
    assert second.usage.total_tokens == 0


def test_a_result() -> None:
    made = AgentResult(
        output="there", stopped=None, steps=steps_of(MESSAGES), messages=MESSAGES, new=MESSAGES[1:], usage=RunUsage()
    )
    assert (made.text, made.finish_reason) == ("there", "content-filter")
    assert ([call.tool_name for call in made.tool_calls], [one.content for one in made.tool_results]) == (["look"], [5])
    assert [message["role"] for message in made.ui_messages] == ["user", "assistant", "assistant"]
    nothing = AgentResult(output=None, stopped="client", steps=[], messages=(), new=(), usage=RunUsage())
    assert (nothing.text, nothing.finish_reason) == ("", None)
