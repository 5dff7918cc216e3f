"""Agents whose model calls and tool calls are durable steps, and whose tokens reach a browser live: `DurableAgent`.

Needs the extra `agent` (pydantic-ai). Written with perdure's public verbs.
"""

import perdure.agent.extra  # noqa: F401  # pyright: ignore[reportUnusedImport] - first: it says what is missing
from perdure.agent.agent import DurableAgent
from perdure.agent.budget import raise_budget
from perdure.agent.durability import Durability
from perdure.agent.message import to_model_messages, to_ui_messages
from perdure.agent.options import AgentOptions, AgentTerms, Budget, More, Prepared, StepContext
from perdure.agent.price import Price, PriceUnknown
from perdure.agent.result import AgentResult, AgentStep
from perdure.agent.tool import tool
from perdure.agent.toolset import ToolsetDown
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.message import UIMessage

__all__ = [
    "AgentOptions",
    "AgentResult",
    "AgentStep",
    "AgentTerms",
    "Budget",
    "Durability",
    "DurableAgent",
    "More",
    "Prepared",
    "Price",
    "PriceUnknown",
    "StepContext",
    "ToolsetDown",
    "UIMessage",
    "UIMessageChunk",
    "raise_budget",
    "to_model_messages",
    "to_ui_messages",
    "tool",
]
