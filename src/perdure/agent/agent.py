"""`DurableAgent`: a model, instructions and tools, in a workflow; the loop between them survives whatever happens."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Unpack, cast

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, Tool
from pydantic_ai.capabilities import NativeTool
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.native_tools import AbstractNativeTool
from pydantic_ai.run import AgentRun
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ExternalToolset
from pydantic_ai.usage import UsageLimits

from perdure import UsageError, Writable, timeout, uuid4
from perdure.agent.budget import used_up
from perdure.agent.conversation import Conversation
from perdure.agent.message import decisions_in, readable, to_model_messages
from perdure.agent.options import STEPS_MAX, AgentOptions, AgentTerms, check_options
from perdure.agent.result import AgentResult, AgentStep, steps_of
from perdure.agent.tool import ToolFunction, as_tool
from perdure.agent.turn import TURN, Turn, called
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.ending import FAILED, finish
from perdure.chat.history import earlier_messages
from perdure.chat.message import UIMessage
from perdure.chat.turn import ChatTurn
from perdure.chat.turns import Turns
from perdure.model.duration import Duration

CLIENTS = "client"
"""The toolset of tools that the client answers."""
Messages = str | Sequence[UIMessage] | Sequence[ModelMessage]


class DurableAgent:
    """`DurableAgent("anthropic:claude-haiku-4-5", instructions="…", tools=[lookup, tool(refund, needs_approval=True)])`.

    Made in a workflow's body or at the module's top. `agent` is the one of pydantic-ai inside. Each model call is a step
    named `NAME.model`, which writes its chunks while it runs.

    * `model`: as pydantic-ai has it; `instructions`: what the model is told first.
    * `tools`: a tool is a step, a workflow that is inlined, or a function whose calls become steps; or one of the model's
      provider (`WebSearchTool()`); or a `ToolDefinition`, which the client answers: the loop ends with its calls, and the
      client's next message has what they gave.
    * `toolsets`: those of pydantic-ai, MCP servers among them.
    * `name`: of the agent, first part of its steps' names.
    * `options`: AgentTerms.

    Raises: UsageError, for an unknown option too.
    """

    def __init__(
        self,
        model: Model | str,
        *,
        instructions: str | Sequence[str] | None = None,
        tools: Sequence[Tool[Any] | ToolFunction | AbstractNativeTool | ToolDefinition] = (),
        toolsets: Sequence[AbstractToolset[Any]] = (),
        name: str = "agent",
        **options: Unpack[AgentTerms],
    ) -> None:
        check_options(options, AgentTerms)
        self.name, self._options = name, options
        clients = [given for given in tools if isinstance(given, ToolDefinition)]
        providers = [NativeTool(given) for given in tools if isinstance(given, AbstractNativeTool)]
        self.agent: Agent[Any, Any] = Agent(
            model,
            name=name,
            instructions=instructions,
            tools=[as_tool(given) for given in tools if not isinstance(given, ToolDefinition | AbstractNativeTool)],
            toolsets=[*toolsets, *([ExternalToolset(clients, id=CLIENTS)] if clients else ())],
            capabilities=[Conversation(name, options), *providers],
        )

    async def stream(
        self, messages: Messages, *, writable: Writable[UIMessageChunk], **options: Unpack[AgentOptions]
    ) -> AgentResult:
        """Answer, and write to `writable` what a chat client has to know while it happens. In a workflow's body.

        `messages`: a text, a chat client's messages, or pydantic-ai's. Whatever becomes of the run, its end writes `finish`
        to the stream.

        Raises: UsageError for messages that are none, what the model raised for good, TimeoutError.
        """
        return await self._answer(messages, self._turn(writable, options))

    async def generate(self, messages: Messages, **options: Unpack[AgentOptions]) -> AgentResult:
        """As `DurableAgent.stream`, and writes nothing."""
        return await self._answer(messages, self._turn(None, options))

    async def converse(
        self, message: UIMessage, *, idle: Duration = "1h", **options: Unpack[AgentOptions]
    ) -> list[ModelMessage]:
        """Answer `message`, and those that come after it, one by one, until none has come for as long as `idle`; all
        messages, of pydantic-ai. The `options` are as for one answer.

        In the body of a workflow that `wrap(…, chat=…)` serves, with the parameters `message: UIMessage` and `session:
        str`: one run for a session. A turn that fails or is stopped is no end: its stream says so, and the next goes on
        from what was known before it, and the message. Known is too what earlier runs of the session have said.
        """
        async with Turns(message, idle=idle) as turns:
            earlier = readable(await earlier_messages())
            known = to_model_messages(earlier) if earlier else []
            async for turn in turns:
                answer = await turn.answer(partial(self._reply, known, turn, options))
                known = list(answer.messages) if answer is not None else known
        return known

    async def _reply(self, known: list[ModelMessage], turn: ChatTurn, options: AgentOptions) -> AgentResult:
        """The answer to a turn, whose message is known from here on."""
        return await self._answer([turn.message], self._turn(turn.writable, options), known)

    def _turn(self, writable: Writable[UIMessageChunk] | None, options: AgentOptions) -> Turn:
        check_options(options, AgentOptions)
        return Turn(writable, {**self._options, **options})

    async def _answer(self, messages: Messages, turn: Turn, known: list[ModelMessage] | None = None) -> AgentResult:
        """`known`: what was said before; the messages are added to it."""
        options, token = turn.options, TURN.set(turn)
        history, failed = [] if known is None else known, FAILED
        try:
            await turn.tell_end()
            if options.get("send_start", True):
                await turn.tell({"type": "start", "messageId": _message_id(messages)})
            # where a hook is asked, what a client says of approvals is no decision: it may have made up the call as well
            decisions = decisions_in(messages) if options.get("approvals") == "client" else None
            try:
                history += to_model_messages(messages, () if decisions is None else decisions.approvals)
            except UsageError as error:
                failed = str(error)  # of what the client has sent: it may know
                raise
            async with AsyncExitStack() as stack:
                if "timeout" in options:
                    await stack.enter_async_context(timeout(options["timeout"]))
                # in a task of its own: those that are made in it don't count among the body's
                result = await asyncio.create_task(self._loop(history, decisions, turn))
            await self._finished(turn, result)
            return result
        except asyncio.CancelledError:
            await called(options.get("on_abort"))
            raise
        except Exception as error:
            text = await called(options.get("on_error"), error)
            await turn.tell({"type": "error", "errorText": text if isinstance(text, str) else failed})
            await turn.tell_end(error_told=True)
            raise
        finally:
            TURN.reset(token)
            turn.place.close()

    async def _finished(self, turn: Turn, result: AgentResult) -> None:
        await turn.end_step()
        reason, stopped = result.finish_reason, result.stopped if result.stopped != "client" else None
        if turn.options.get("send_finish", False):
            await turn.tell(finish(reason, stopped))
            await turn.tell_nothing_at_end()
        else:
            await turn.tell_end(reason, stopped=stopped)
        await called(turn.options.get("on_finish"), result)

    async def _loop(
        self, history: list[ModelMessage], decisions: DeferredToolResults | None, turn: Turn
    ) -> AgentResult:
        options = turn.options
        output = options.get("output", str)
        async with self.agent.iter(
            message_history=history,
            output_type=[output, DeferredToolRequests],
            deferred_tool_results=decisions,
            model_settings=options.get("settings"),
            usage_limits=UsageLimits(request_limit=None),
            deps=options.get("deps"),
        ) as run:
            stopped, left = await self._drive(run, turn, len(history))
            return _result(run, stopped, [*run.all_messages(), *left], len(history))

    async def _drive(self, run: AgentRun[Any, Any], turn: Turn, known: int) -> tuple[str | None, list[ModelMessage]]:
        """Until there is an output, or (why) the loop is to stop; and the request that isn't made then: what the tools
        gave is in it."""
        told = 0
        node = run.next_node
        while not Agent.is_end_node(node):
            if Agent.is_model_request_node(node):
                steps = steps_of([*run.all_messages()[known:], node.request])
                told = await _tell_steps(turn, steps, told)
                why = await _why_stop(turn, steps)
                if why is not None:
                    return why, [node.request]
            node = await run.next(node)
        await _tell_steps(turn, steps_of(run.all_messages()[known:]), told)
        output: object = node.data.output
        if not isinstance(output, DeferredToolRequests):
            return None, []
        for call in output.approvals:  # by the call's own id: the client's next message names that
            id = call.tool_call_id
            await turn.tell({"type": "tool-approval-request", "approvalId": id, "toolCallId": id})
        return "client", []


async def _tell_steps(turn: Turn, steps: list[AgentStep], told: int) -> int:
    """Call back for the steps that are new; how many that makes."""
    for step in steps[told:]:
        await called(turn.options.get("on_step_finish"), step)
    return len(steps)


async def _why_stop(turn: Turn, steps: list[AgentStep]) -> str | None:
    """Why the next model call isn't made; None: it is."""
    if not steps:
        return None
    if len(steps) >= turn.options.get("max_steps", STEPS_MAX):
        return "max_steps"
    asked = turn.options.get("stop_when", ())
    for condition in (asked,) if callable(asked) else asked:
        if await called(condition, steps):
            return "stop_when"
    return "budget" if await used_up(turn, steps) else None


def _result(run: AgentRun[Any, Any], stopped: str | None, messages: Sequence[ModelMessage], known: int) -> AgentResult:
    return AgentResult(
        output=run.result.output if run.result is not None and stopped is None else None,
        stopped=stopped,
        steps=steps_of(messages[known:]),
        messages=messages,
        new=messages[known:],
        usage=run.usage,
    )


def _message_id(messages: Messages) -> str:
    """The answer's: where the client's last message is an answer that goes on, it keeps its own."""
    last: Any = messages[-1] if messages and not isinstance(messages, str) else None
    if isinstance(last, dict):
        message = cast(UIMessage, last)
        if message.get("role") == "assistant" and isinstance(message.get("id"), str):
            return message["id"]
    return f"msg_{uuid4().hex}"
