"""Reach: which functions run as part of a workflow's body."""

import ast

import pytest

from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.reach import definition_at, examine_all, workflows_in

IMPORTS = """
import contextlib, functools, time, typing
import perdure as p
from perdure import step, workflow as flow
"""


def name_of(defined: Defined) -> str:
    return f"{defined.scope.qualname}.{defined.node.name}".lstrip(".")


def workflows(text: str) -> list[str]:
    return [name_of(defined) for defined in workflows_in(Scope(ast.parse(IMPORTS + text)))]


def reached(text: str) -> list[str]:
    """The functions in which the clock is read."""
    (root,) = workflows_in(Scope(ast.parse(IMPORTS + text)))
    return [name_of(defined) for defined, _, _, _ in examine_all(root)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@flow\nasync def f(): ...", ["f"]),
        ("@flow()\nasync def f(): ...", ["f"]),
        ("@flow(name='x')\nasync def f(): ...", ["f"]),
        ("@p.workflow\nasync def f(): ...", ["f"]),
        ("from perdure import *\n@workflow\nasync def f(): ...", ["f"]),
        ("durable = flow(timeout='1h')\n@durable\nasync def f(): ...", ["f"]),
        ("durable = flow\n@durable\nasync def f(): ...", ["f"]),
        ("class C:\n    @staticmethod\n    @flow\n    async def f(): ...", ["C.f"]),
        ("def test():\n    @flow\n    async def f(): ...", ["test.f"]),
        ("if x:\n    @flow\n    async def f(): ...\nelse:\n    @flow\n    async def g(): ...", ["f", "g"]),
        ("try:\n    @flow\n    async def f(): ...\nexcept E:\n    @flow\n    async def g(): ...", ["f", "g"]),
    ],
)
def test_workflows(text: str, expected: list[str]) -> None:
    assert workflows(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "async def f(): ...",
        "@step\nasync def f(): ...",
        "@other\nasync def f(): ...",
        "from other import workflow\n@workflow\nasync def f(): ...",
        "def flow(f): ...\n@flow\nasync def f(): ...",
        "@flow\nclass C: ...",
    ],
)
def test_no_workflows(text: str) -> None:
    assert workflows(text) == []


HELPER = "def helper():\n    time.time()\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@flow\nasync def f(): time.time()", ["f"]),
        (f"{HELPER}@flow\nasync def f(): helper()", ["helper"]),
        (f"@flow\nasync def f(): helper()\n{HELPER}", ["helper"]),
        (f"{HELPER}def between(): helper()\n@flow\nasync def f(): between()", ["helper"]),
        (f"{HELPER}@flow\nasync def f():\n    helper()\n    helper()", ["helper"]),
        ("def helper():\n    time.time()\n    helper()\n@flow\nasync def f(): helper()", ["helper"]),
        ("@flow\nasync def f():\n    def g(): time.time()\n    g()", ["f.g"]),
        ("class C:\n    def m(self): time.time()\n    @flow\n    async def f(self): self.m()", ["C.m"]),
        ("class C:\n    def __init__(self): time.time()\n@flow\nasync def f(): C()", ["C.__init__"]),
        ("class C:\n    def __post_init__(self): time.time()\n@flow\nasync def f(): C()", ["C.__post_init__"]),
        *(
            (f"@{decorator}\n{HELPER}@flow\nasync def f(): helper()", ["helper"])
            for decorator in ("functools.cache", "functools.lru_cache(maxsize=3)", "contextlib.contextmanager")
        ),
        ("class C:\n    @staticmethod\n    def m(): time.time()\n@flow\nasync def f(): C.m()", ["C.m"]),
    ],
)
def test_who_is_reached(text: str, expected: list[str]) -> None:
    assert reached(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"{HELPER}@flow\nasync def f(): ...",
        f"@step\n{HELPER}@flow\nasync def f(): await helper()",
        f"@step(max_retries=3)\n{HELPER}@flow\nasync def f(): await helper()",
        f"@p.step\n{HELPER}@flow\nasync def f(): await helper()",
        f"@unknown\n{HELPER}@flow\nasync def f(): helper()",
        f"{HELPER}acting = step(helper)\n@flow\nasync def f(): await acting()",
        "class C:\n    @step\n    async def m(self): time.time()\n    @flow\n    async def f(self): await self.m()",
        "@flow\nasync def f():\n    def g(): time.time()",
        "class C:\n    def m(self): time.time()\n@flow\nasync def f(): C()",
    ],
)
def test_who_is_not_reached(text: str) -> None:
    assert reached(text) == []


def test_another_workflow_is_a_body_of_its_own() -> None:
    first, second = workflows_in(
        Scope(ast.parse(f"{IMPORTS}@flow\nasync def f(): await g()\n@flow\nasync def g(): time.time()"))
    )
    assert [*examine_all(first)] == []
    assert [name_of(defined) for defined, _, _, _ in examine_all(second)] == ["g"]


PLACES = """
def f(): ...
@flow(
    name="x",
)
async def g():
    async def f(): ...
class C:
    @flow
    async def f(self): ...
if x:
    def h(): ...
"""


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [("f", 2, "f"), ("g", 3, "g"), ("f", 7, "g.f"), ("f", 9, "C.f"), ("h", 12, "h")],
)
def test_a_definition_is_found_by_its_first_line(name: str, line: int, expected: str) -> None:
    found = definition_at(Scope(ast.parse(PLACES)), name, line)
    assert found is not None
    assert name_of(found) == expected


@pytest.mark.parametrize(("name", "line"), [("f", 3), ("g", 6), ("h", 11), ("C", 8), ("f", 100)])
def test_no_definition_is_made_up(name: str, line: int) -> None:
    assert definition_at(Scope(ast.parse(PLACES)), name, line) is None
