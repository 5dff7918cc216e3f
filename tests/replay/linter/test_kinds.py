"""Kinds: what sort of object an expression makes."""

import ast

import pytest

from perdure.replay.linter.kinds import kind_of
from perdure.replay.linter.names import Scope

IMPORTS = """
import asyncio, queue, threading, typing
from perdure import Writable, create_hook, define_hook, get_writable, start, step
from pathlib import Path
"""


def kind(text: str) -> str | None:
    """The kind of the last expression, in the scope of the last function, if it is in one."""
    module = ast.parse(IMPORTS + text)
    scope, last = Scope(module), module.body[-1]
    if isinstance(last, ast.FunctionDef):
        scope, last = Scope(last, scope), last.body[-1]
    assert isinstance(last, ast.Expr)
    return kind_of(last.value, scope, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'a', x}", "set"),
        ("{x for x in y}", "set"),
        ("set()", "set"),
        ("set(x)", "set"),
        ("frozenset(x)", "set"),
        ("set(x) | y", "set"),
        ("set(x) - y", "set"),
        ("set(x).union(y)", "set"),
        ("x = set(y)\nx", "set"),
        ("x = set(y)\nx |= z\nx", "set"),
        ("x: set[str] = y\nx", "set"),
        ("x: 'frozenset[str]' = y\nx", "set"),
        ("def f(x: set):\n    x", "set"),
        ("def f(x: typing.Set[str]):\n    x", "set"),
        ("def f(x: set[str]):\n    y = x if z else set()\n    y", "set"),
        ("(x := set(y))", "set"),
        ("Path('x')", "Path"),
        ("Path('x') / 'y'", "Path"),
        ("Path('x').parent.joinpath('y')", "Path"),
        ("def f(x: Path):\n    x.with_suffix('.y')", "Path"),
        ("LOCK = threading.RLock()\ndef f():\n    LOCK", "Lock"),
        ("threading.Event()", "Event"),
        ("queue.Queue()", "Queue"),
        ("asyncio.get_running_loop()", "loop"),
        ("[x]", "list"),
        ("[x for x in y]", "list"),
        ("{}", "dict"),
        ("def f() -> set[str]: ...\nf()", "set"),
        ("async def f() -> set[str]: ...\nawait f()", "set"),
        ("@step\nasync def f() -> 'frozenset[str]': ...\nawait f()", "set"),
        ("class O:\n    tags: set[str]\ndef f(x: O):\n    x.tags", "set"),
        ("class O:\n    tags: set[str]\ndef f(x: O):\n    x.tags | y", "set"),
        ("get_writable()", "Writable"),
        ("def f(x: Writable[str]):\n    x", "Writable"),
        ("create_hook()", "Hook"),
        ("h = define_hook(str, prefix='h')\nh.create('x')", "Hook"),
        ("await start(x)", "Run"),
        ("'x'", "str"),
        ("f'{x}'", "str"),
        ("str(x)", "str"),
        ("b'x'", "bytes"),
    ],
)
def test_what_is_certain(text: str, expected: str) -> None:
    assert kind(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{1, 2.5, -3}",
        "sorted({x})",
        "x = set(y)\nx = list(x)\nx",
        "import x\nx = set(y)\nx",
        "x = set(y)\nfor x in y: ...\nx",
        "def f(x: set[int]):\n    x",
        "def f(x: set[str] | None):\n    x",
        "def f(x: 'not python'):\n    x",
        "set = f\nset(x)",
        "set(x).pop()",
        "set(x) + y",
        "Path('x') | y",
        "Path('x').name",
        "set(x) if y else z",
        "asyncio.Lock()",
        "async def f() -> set[str]: ...\nf()",
        "@step\ndef f() -> set[str]: ...\nf()",
        "@x\ndef f() -> set[str]: ...\nf()",
        "@x\nasync def f() -> set[str]: ...\nawait f()",
        "class O:\n    tags: set[int]\ndef f(x: O):\n    x.tags",
        "class O:\n    tags: set[str]\ndef f(x: O):\n    x = y\n    x.tags",
        "def f(x: Unknown):\n    x.tags",
        "x.create('y')",
        "x = y\ny = x\nx",
    ],
)
def test_what_is_in_doubt(text: str) -> None:
    assert kind(text) is None


def test_names_given_to_names_are_worked_out_once() -> None:
    """Else this would take for ever."""
    lines = [f"x{n} = x{m} | y" for n in range(30) for m in range(30)]
    assert kind("\n".join(["x0 = set(y)", *lines, "x29"])) is None
    assert kind("\n".join(["x0 = set(y)", *(f"x{n + 1} = x{n} | y" for n in range(50)), "x50"])) == "set"
