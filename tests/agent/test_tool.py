"""Tools: from steps, workflows and functions."""

from typing import Any

import pytest
from pydantic_ai import RunContext, Tool

from perdure import RemoteError, UsageError, step, workflow
from perdure.agent.tool import METADATA, as_tool, failed, tool


@step(name="tools:find")
async def find(name: str, limit: int = 5) -> list[str]:
    """Find people.

    Args:
        name: What they are called.
        limit: So many at most.
    """
    return [name] * limit


@workflow(name="tools:wait")
async def wait(hours: int) -> str:
    """Wait a while."""
    return f"{hours}"


def plain(context: RunContext[Any], name: str) -> str:
    """Say hello."""
    return name


def test_name_description_and_schema_are_the_functions_own() -> None:
    made = tool(find)
    assert (made.name, made.description) == ("find", "Find people.")
    schema = made.function_schema.json_schema
    assert schema["required"] == ["name"]
    assert schema["properties"]["name"] == {"description": "What they are called.", "type": "string"}
    assert schema["properties"]["limit"] == {"default": 5, "description": "So many at most.", "type": "integer"}
    assert tool(wait).function_schema.json_schema["required"] == ["hours"]


def test_they_may_be_given() -> None:
    made = tool(find, name="search", description="Search.", retries=4, needs_approval=True)
    assert (made.name, made.description, made.max_retries, made.requires_approval) == ("search", "Search.", 4, True)


@pytest.mark.parametrize(("function", "durable"), [(find, True), (wait, True), (plain, False)])
def test_what_is_a_step_by_itself_is_not_made_one(function: Any, durable: bool) -> None:
    made = as_tool(function)
    assert (made.metadata or {}).get(METADATA) is (False if durable else None)
    assert as_tool(made) is made


def test_a_context_is_passed_on() -> None:
    assert tool(plain).takes_ctx
    assert tool(plain, needs_approval=lambda name: True).function_schema.json_schema["required"] == ["name"]


def test_what_is_none() -> None:
    with pytest.raises(UsageError, match=r"'x' is no tool: give a step, a workflow or a function"):
        tool("x")  # type: ignore[arg-type]
    assert isinstance(as_tool(find), Tool)
    assert str(failed(ValueError("no"))) == "ValueError: no"
    assert str(failed(RemoteError("shop.errors:SoldOut", "no tea"))) == "SoldOut: no tea"
