"""Signatures as the reference shows them."""

import griffe
import pytest

from documents.names import named
from documents.signature import stub

PLANTED = """
from dataclasses import dataclass, field
from typing import Literal

LEAST = 60

class Plain:
    def __init__(self, a: int, /, *, b: "str | None" = None) -> None: ...

@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    name: str
    sizes: dict[str, int] = field(default_factory=dict[str, int])

async def wait(first: int, *rest: int, least: float = 1.5, **more: str) -> "list[int]": ...

def bare(x, y='z'): ...
"""


@pytest.fixture
def planted() -> griffe.Module:
    with griffe.temporary_visited_module(PLANTED, module_name="planted") as module:
        return module


@pytest.mark.parametrize(
    ("name", "made", "lines"),
    [
        ("Plain", False, []),
        ("Plain", True, ["Plain(a: int, /, *, b: str | None = None)"]),
        (
            "Record",
            False,
            [
                "@dataclass(frozen=True, kw_only=True)",
                "class Record:",
                "    name: str",
                "    sizes: dict[str, int] = {}",
            ],
        ),
        ("wait", False, ["async wait(first: int, *rest: int, least: float = 1.5, **more: str) -> list[int]"]),
        ("bare", False, ['bare(x, y="z")']),
    ],
)
def test_a_stub(planted: griffe.Module, name: str, made: bool, lines: list[str]) -> None:
    it = planted.members[name]
    assert isinstance(it, griffe.Class | griffe.Function)
    assert stub(it, name, made=made) == lines


def test_a_block_is_one() -> None:
    assert stub(named("perdure.worker"), "worker")[0] == "async with worker("


def test_options_that_only_one_function_names_are_its_parameters() -> None:
    lines = stub(named("perdure.configure"), "configure")
    assert lines[:3] == ["configure(", "    *,", "    world: str | None = …,"]


def test_aliases_that_nobody_promises_are_what_they_stand_for() -> None:
    assert stub(named("perdure.http.with_token"), "with_token") == ["with_token(token: str) -> Authorize"]
    assert stub(named("perdure.Run.status"), "Run.status") == [
        'async Run.status() -> Literal["pending", "running", "completed", "failed", "cancelled", "blocked"]'
    ]


def test_a_name_is_what_its_module_imports_not_the_module_below_it() -> None:
    assert named("perdure.http.wrap").path == "perdure.http.wrap.wrap"
    assert named("perdure.agent.tool.ToolFunction").path == "perdure.agent.tool.ToolFunction"
    with pytest.raises(KeyError):
        named("perdure.nothing")
