"""What `DurableAgent` adds to the bare capability: the client is told, people are asked, each call may be prepared."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import ValidationError
from pydantic_ai import DeferredToolRequests, DeferredToolResults, ModelRetry, RunContext, ToolDenied
from pydantic_ai.capabilities.abstract import WrapModelRequestHandler
from pydantic_ai.exceptions import ToolRetryError
from pydantic_ai.messages import (
    AgentStreamEvent,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    ToolCallPart,
)
from pydantic_ai.models import Model, ModelRequestContext, infer_model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from perdure import race, sleep, uuid4
from perdure.agent.durability import MODEL_RETRY, Durability, Steps
from perdure.agent.live import tell
from perdure.agent.operation import Operation, StepOptions
from perdure.agent.options import AgentOptions, AgentTerms, Prepared, StepContext
from perdure.agent.price import check_prices, recorded_cost, write_costs
from perdure.agent.result import steps_of
from perdure.agent.tool import failed
from perdure.agent.turn import TURN, Turn, called
from perdure.chat.approval import APPROVALS, Approval, approval_key

MODEL_EVENTS = (PartStartEvent, PartDeltaEvent, PartEndEvent)
"""Those that a model's step tells live; the body sees them once more, when it is done."""
TOO_LATE = "nobody decided in time"


async def _tell_live(context: RunContext[Any], events: AsyncIterable[AgentStreamEvent]) -> None:
    turn = TURN.get()
    if turn is not None and turn.writable is not None:
        await tell(turn.writable, events)


class Conversation(Durability):
    """The capability of a `DurableAgent`."""

    def __init__(self, name: str, terms: AgentTerms) -> None:
        super().__init__(
            name=name,
            event_stream_handler=_tell_live,
            retry=terms.get("retry", MODEL_RETRY),
            timeout=terms.get("step_timeout"),
            tool_retry=terms.get("tool_retry"),
            tool_timeout=terms.get("tool_timeout"),
        )

    def get_durable_operation_backend(self) -> "TurnSteps":
        return TurnSteps(self.name, self._model, self._other)

    @property
    def has_wrap_run_event_stream(self) -> bool:
        turn = TURN.get()
        return turn is not None and turn.writable is not None

    async def wrap_run_event_stream(
        self, ctx: RunContext[Any], *, stream: AsyncIterable[AgentStreamEvent]
    ) -> AsyncIterator[AgentStreamEvent]:
        turn = TURN.get()
        async for event in stream:
            if turn is not None and not isinstance(event, MODEL_EVENTS):
                await turn.heard(event)
            yield event

    # -- a model call

    async def wrap_model_request(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        """A model that `prepare_step` brought is known for as long as this call lasts."""
        turn = TURN.get()
        try:
            return await super().wrap_model_request(ctx, request_context=request_context, handler=handler)
        finally:
            if turn is not None:
                self._models_by_id.pop(turn.call, None)

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        turn = TURN.get()
        if turn is not None:
            given, request = request_context.model, request_context
            request_context = await turn.place.make(lambda: _begun(turn, ctx, request))
            if request_context.model is not given:
                self._models_by_id[turn.call] = request_context.model
        return await super().before_model_request(ctx, request_context)

    # -- a tool call

    async def wrap_tool_validate(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: Any,
        handler: Callable[[Any], Awaitable[Any]],
    ) -> Any:
        """Arguments that don't fit are mended by who offered to; else the model is told."""
        try:
            return await handler(args)
        except (ValidationError, ModelRetry, ToolRetryError) as error:
            turn = TURN.get()
            repair = turn.options.get("repair_tool_call") if turn is not None else None
            if turn is None or repair is None:
                raise
            asked = (call.tool_name, call.args_as_json_str(), str(error))
            mended = await turn.place.make(lambda: called(repair, *asked))
            if mended is None:
                raise
            return await handler(mended)

    async def on_tool_execute_error(
        self, ctx: RunContext[Any], *, call: ToolCallPart, tool_def: ToolDefinition, args: Any, error: Exception
    ) -> Any:
        """The model is told, and may do without."""
        raise failed(error) from error

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """Ask people, all at once, and wait. What the client answers by itself, in its next message, stays open."""
        turn = TURN.get()
        if turn is None or turn.options.get("approvals") == "client" or not requests.approvals:
            return None
        deciding = [turn.place.make(partial(_decision, turn, call)) for call in requests.approvals]
        decisions = await asyncio.gather(*deciding)
        results = DeferredToolResults()
        results.approvals.update(zip([call.tool_call_id for call in requests.approvals], decisions, strict=True))
        return results


class TurnSteps(Steps):
    """Steps that know which conversation they belong to."""

    async def call(self, name: str, options: StepOptions, operation: Operation) -> Any:
        turn = TURN.get()
        if turn is None:
            return await super().call(name, options, operation)

        async def within() -> Any:
            token = TURN.set(turn)
            try:
                return await operation()
            finally:
                TURN.reset(token)

        return await turn.place.make(partial(super().call, name, options, within))

    async def ask(self, name: str, options: StepOptions, operation: Operation) -> Any:
        """What it has cost is recorded with the answer, and counted from there."""
        turn = TURN.get()
        if turn is None or turn.model is None:
            return await super().ask(name, options, operation)
        answer = await super().ask(name, options, partial(_priced, turn.options, turn.model, operation))
        turn.cost += recorded_cost(answer)
        return answer


async def _priced(options: AgentOptions, model: Model, operation: Operation) -> Any:
    """An answer with what it has cost. Before the model is asked, that is known which it will be, where it must be."""
    budget, prices = options.get("budget"), options.get("prices")
    limited = budget is not None and budget.cost is not None
    if limited or prices is not None:
        check_prices(prices, model, needed=limited)
    answer = await operation()
    write_costs(answer, prices, model)
    return answer


async def _begun(turn: Turn, ctx: RunContext[Any], request: ModelRequestContext) -> ModelRequestContext:
    await turn.begin_step()
    request = await _prepared(turn, ctx, request)
    turn.model = request.model
    return request


async def _prepared(turn: Turn, ctx: RunContext[Any], request: ModelRequestContext) -> ModelRequestContext:
    """The call as `prepare_step`, `active_tools` and `tool_choice` have it."""
    prepare, active = turn.options.get("prepare_step"), turn.options.get("active_tools")
    choice, changed = turn.options.get("tool_choice"), Prepared()
    if prepare is not None:
        steps = steps_of([message for message in ctx.messages if message.run_id == ctx.run_id])
        context = StepContext(number=turn.number, steps=steps, messages=tuple(request.messages))
        changed = await called(prepare, context) or changed
    if changed.model is not None:
        request.model = infer_model(changed.model)
    if changed.messages is not None:
        request.messages = list(changed.messages)
    settings: dict[str, Any] = {**(request.model_settings or {}), **(changed.settings or {})}
    if (wanted := changed.tool_choice or choice) is not None:
        settings["tool_choice"] = wanted
    request.model_settings = ModelSettings(**settings) if settings else request.model_settings
    allowed = changed.active_tools if changed.active_tools is not None else active
    if allowed is not None:
        request.model_request_parameters = _only(request.model_request_parameters, allowed)
    return request


def _only(parameters: Any, names: Sequence[str]) -> Any:
    tools = [tool for tool in parameters.function_tools if tool.name in names]
    return replace(parameters, function_tools=tools)


async def _decision(turn: Turn, call: ToolCallPart) -> bool | ToolDenied:
    """What a person says of this call; it is asked for in the stream, and by the hook."""
    approval_id = uuid4().hex
    asked = {"toolName": call.tool_name, "toolCallId": call.tool_call_id, "input": call.args_as_dict()}
    patience = turn.options.get("approval_timeout")
    async with APPROVALS.create(approval_key(turn.run_id, approval_id), metadata=asked) as hook:
        await turn.tell({"type": "tool-approval-request", "approvalId": approval_id, "toolCallId": call.tool_call_id})
        refused = Approval(approved=False, reason=TOO_LATE)
        decision = await (hook if patience is None else race(hook, sleep(patience, result=refused)))
    await turn.tell(
        {
            "type": "tool-approval-response",
            "approvalId": approval_id,
            "approved": decision.approved,
            "reason": decision.reason,
        }
    )
    if decision.approved:
        return True
    return ToolDenied(decision.reason) if decision.reason else False
