"""The bare capability: an agent of pydantic-ai whose model calls, tool calls and MCP calls are steps, in a workflow.

Outside of a workflow it changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Literal, cast

from pydantic_ai.agent import EventStreamHandler
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    CallableOperationBackend,
    DurabilityEngineSpec,
    DurableOperationId,
    JournalOperationNamer,
    ModelRequestId,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
    ToolsetGetInstructionsId,
    ToolsetGetToolsId,
    conversation_id_from_run_id,
)
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior, UserError
from pydantic_ai.models import Model
from pydantic_ai.toolsets.abstract import ToolsetTool

from perdure import NotInWorkflow, Retry, UsageError, get_workflow_metadata, now, uuid4
from perdure.agent.operation import Operation, StepOptions, call_operation
from perdure.agent.span import model_call, tool_call
from perdure.agent.tool import METADATA
from perdure.agent.toolset import listing
from perdure.model.duration import Duration

PASSING = frozenset((408, 409, 425, 429))
"""Statuses below 500 of a model that may be other at the next try."""


def is_final(error: BaseException) -> bool:
    """Whether it would be the same again: the model refuses the request, or what it said can't be used."""
    if isinstance(error, ModelHTTPError):
        return 400 <= error.status_code < 500 and error.status_code not in PASSING
    return isinstance(error, UserError | UnexpectedModelBehavior | UsageError)


MODEL_RETRY = Retry(give_up_on=is_final)


class Durability(BaseDurabilityCapability[Any]):
    """Makes an agent durable: `Agent(…, name="support", capabilities=[Durability()])`, run in a workflow's body.

    Each model call and each tool call is a step, named after the agent, or `name`: `support.model`, `support.lookup`. A
    step's record has its outcome; the conversation isn't written again with each.

    * `retry` and `timeout` are those of model calls, `tool_retry` and `tool_timeout` of the rest. A tool made by
      `perdure.agent.tool` from a step or a workflow keeps its own.
    * `models`: further models, by the names that a run may ask for them by.
    * `event_stream_handler` hears a model's events in its step, while it speaks.
    """

    engine_spec = DurabilityEngineSpec(
        engine_name="perdure",
        durable_unit_noun="step",
        durable_container_noun="workflow",
        codec=JSON_CODEC,
        # MCP: each step connects, for a connection is made for one event loop, and the body's isn't that of steps.
        toolset_lifecycles={"function": "enter-always", "mcp": "enter-never", "dynamic": "enter-never"},
        tool_config_key=METADATA,
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        models: Mapping[str, Model] | None = None,
        event_stream_handler: EventStreamHandler[Any] | None = None,
        retry: Retry = MODEL_RETRY,
        timeout: Duration | None = None,
        tool_retry: Retry | None = None,
        tool_timeout: Duration | None = None,
    ) -> None:
        super().__init__(models=models, event_stream_handler=event_stream_handler, name=name)
        self._model = StepOptions(retry, timeout)
        self._other = StepOptions(tool_retry or Retry(), tool_timeout)

    @property
    def in_durable_context(self) -> bool:
        """Whether this is a workflow's body. pydantic-ai asks that, and for what is below."""
        try:
            get_workflow_metadata()
        except NotInWorkflow:
            return False
        return True

    def get_durable_operation_backend(self) -> "Steps":
        """What makes operations steps."""
        return Steps(self.name, self._model, self._other)

    def get_default_run_id(self) -> str | None:
        """The same in every replay: a function of the place in the workflow, and of how often it was passed."""
        return str(uuid4()) if self.in_durable_context else None

    def get_default_conversation_id(self, run_id: str) -> str | None:
        """As the run's, the same in every replay."""
        return conversation_id_from_run_id(run_id) if self.in_durable_context else None

    def get_run_clock(self) -> Callable[[], datetime] | None:
        """In a body its own time, the same in every replay."""
        return now if self.in_durable_context else None


class Steps(CallableOperationBackend[StepOptions]):
    """Operations as steps."""

    def __init__(self, agent: str, model: StepOptions, other: StepOptions) -> None:
        options = RoleBasedOperationConfig(
            model=model, event=other, capability=other, tool=other, resolve_tool=_options_of_tools(other)
        )
        super().__init__(namer=Names(agent), config=options)
        self._agent = agent

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: StepOptions,
    ) -> object:
        if isinstance(operation_id, ModelRequestId):
            return await self.ask(name, config, model_call(self._agent, body))
        if isinstance(operation_id, ToolsetCallToolId):
            body = tool_call(self._agent, name.removeprefix(f"{self._agent}."), body)
        elif isinstance(operation_id, ToolsetGetToolsId | ToolsetGetInstructionsId):
            body = listing(operation_id.toolset_id, body)
        return await self.call(name, config, body)

    async def call(self, name: str, options: StepOptions, operation: Operation) -> Any:
        """Perform an operation as a step."""
        return await call_operation(name, options, operation)

    async def ask(self, name: str, options: StepOptions, operation: Operation) -> Any:
        """The same, for a model call."""
        return await self.call(name, options, operation)


class Names(JournalOperationNamer):
    """What the steps are called: kept in logs, and so never changed."""

    def __init__(self, agent: str) -> None:
        super().__init__(agent)
        self._agent = agent

    def operation_name(self, operation_id: DurableOperationId) -> str:
        match operation_id:
            case ModelRequestId():
                return f"{self._agent}.model"
            case ToolsetGetToolsId(toolset_id=toolset):
                return f"{self._agent}.{toolset}.get_tools"
            case ToolsetGetInstructionsId(toolset_id=toolset):
                return f"{self._agent}.{toolset}.get_instructions"
            case _:
                return super().operation_name(operation_id)

    def invocation_name(self, operation_id: DurableOperationId, *, label: str | None) -> Any:
        named = super().invocation_name(operation_id, label=label)
        if isinstance(operation_id, ToolsetCallToolId) and label:
            return type(named)(f"{self._agent}.{label}")
        return named


def _options_of_tools(
    other: StepOptions,
) -> Callable[[DurableOperationId, object | None, str], StepOptions | Literal[False]]:
    def options_of(operation_id: DurableOperationId, tool: object | None, name: str) -> StepOptions | Literal[False]:
        metadata = cast("ToolsetTool[Any]", tool).tool_def.metadata if tool is not None else None
        return False if (metadata or {}).get(METADATA) is False else other

    return options_of
