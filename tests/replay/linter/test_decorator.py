"""Decorators: which functions are steps and workflows."""

import ast

import pytest

from perdure.replay.linter.decorator import decorator_of, is_ours
from perdure.replay.linter.names import Defined, Scope

SOURCE = """
import perdure as p
from perdure import step, workflow as flow
durable = flow(timeout="1h")
alias = flow
from other import workflow
"""


def found(decorators: str, name: str) -> str | None:
    scope = Scope(ast.parse(f"{SOURCE}{decorators}\nasync def f(): ...\n"))
    function = scope.node.body[-1]  # type: ignore[union-attr]
    assert isinstance(function, ast.AsyncFunctionDef)
    decorator = decorator_of(Defined(function, scope), name)
    return None if decorator is None else ast.unparse(decorator)


@pytest.mark.parametrize(
    ("decorators", "expected"),
    [
        ("@flow", "flow"),
        ("@flow(name='x')", "flow(name='x')"),
        ("@p.workflow", "p.workflow"),
        ("@durable", "flow(timeout='1h')"),
        ("@alias", "alias"),
        ("@other\n@flow", "flow"),
        ("@step", None),
        ("@workflow", None),
        ("@unknown(3)", None),
        ("", None),
    ],
)
def test_the_decorator_and_its_options(decorators: str, expected: str | None) -> None:
    assert found(decorators, "workflow") == expected


def test_of_two_the_one_that_is_asked_for() -> None:
    assert found("@flow\n@step", "step") == "step"


def test_ours() -> None:
    assert is_ours("perdure.sleep", "sleep", "now") and is_ours("perdure.api.wait.now", "sleep", "now")
    assert not is_ours("asyncio.sleep", "sleep") and not is_ours("perdured.sleep", "sleep") and not is_ours(None, "x")
