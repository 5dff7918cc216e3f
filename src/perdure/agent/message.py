"""Messages from and to chat clients; and what people have decided on tool calls, where the client brings that along."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_ai import DeferredToolResults, ToolDenied
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, UserPromptPart
from pydantic_ai.ui.vercel_ai import VercelAIAdapter
from pydantic_ai.ui.vercel_ai.request_types import UIMessage as TypedUIMessage

from perdure import UsageError
from perdure.chat.chunk import NEWEST
from perdure.chat.message import UIMessage, misfit

_MESSAGES: TypeAdapter[list[TypedUIMessage]] = TypeAdapter(list[TypedUIMessage])


def to_model_messages(
    messages: str | Sequence[UIMessage] | Sequence[ModelMessage], decided: Collection[str] = ()
) -> list[ModelMessage]:
    """What the model gets: of a text, of a chat client's messages, or of messages of pydantic-ai, which stay as they are.

    `decided`: by their ids, the calls that a client's messages may end with. Others are left out: it may have made them up.
    Raises: UsageError for what is none of these, with the path.
    """
    if isinstance(messages, str):
        return [ModelRequest(parts=[UserPromptPart(messages)])]
    if messages and all(isinstance(message, ModelRequest | ModelResponse) for message in messages):
        return list(cast(Sequence[ModelMessage], messages))
    given = list(cast(Sequence[UIMessage], messages))
    wrong = misfit(given)
    if wrong is not None:
        raise UsageError(f"{wrong[0]} is no message of a chat: {wrong[1]}")
    try:
        typed = _MESSAGES.validate_python([{"id": "", **message} for message in given])
        read = _without_open_calls(VercelAIAdapter.load_messages(typed), decided)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        raise UsageError(f"messages[{path}] is no message of a chat: {first['msg']}") from None
    except ValueError as error:
        raise UsageError(f"the messages of a chat can't be read: {error}") from None
    if not read:
        raise UsageError("the messages of a chat have nothing that a model could be given: no text, no file")
    return read


def _without_open_calls(messages: list[ModelMessage], but: Collection[str]) -> list[ModelMessage]:
    """What has no answer at the end would be called next. A run that waits for one has it from a hook; others are over."""
    last = messages[-1] if messages else None
    if not isinstance(last, ModelResponse):
        return messages
    parts = [part for part in last.parts if not isinstance(part, ToolCallPart) or part.tool_call_id in but]
    return [*messages[:-1], *([replace(last, parts=parts)] if parts else [])]


def readable(messages: Sequence[UIMessage]) -> list[UIMessage]:
    """Those that a model can be given: what a client once sent must not be in the way of all that comes after."""

    def is_readable(message: UIMessage) -> bool:
        try:
            to_model_messages([message])
        except UsageError:
            return False
        return True

    return [message for message in messages if is_readable(message)]


def to_ui_messages(messages: Sequence[ModelMessage]) -> list[UIMessage]:
    """As a chat client keeps them: plain JSON. Their ids follow from their places, so that a replay makes the same."""
    numbers: dict[str, int] = {}

    def name(_message: Any, role: str, _index: int) -> str:
        numbers[role] = numbers.get(role, 0) + 1
        return f"{role}-{numbers[role]}"

    made = VercelAIAdapter.dump_messages(messages, sdk_version=NEWEST, generate_message_id=name)
    return [message.model_dump(mode="json", by_alias=True, exclude_none=True) for message in made]


def decisions_in(messages: object) -> DeferredToolResults | None:
    """What the client's last message says of calls that waited for approval, by their ids; None: nothing."""
    given = cast(list[Any], messages) if isinstance(messages, list) else []
    last = cast(dict[str, Any], given[-1]) if given and isinstance(given[-1], dict) else {}
    parts = cast(list[Any], last.get("parts", []))
    results = DeferredToolResults()
    for part in parts:
        match part:
            case {
                "state": "approval-responded",
                "toolCallId": str(id),
                "approval": {"approved": bool(approved)} as said,
            }:
                reason = said.get("reason")
                results.approvals[id] = approved or (
                    ToolDenied(reason) if isinstance(reason, str) and reason else False
                )
            case _:
                pass
    return results if results.approvals else None
