"""Bindings: what a scope binds its names to."""

import ast

import pytest

from perdure.replay.linter.bindings import Assigned, Bindings, Imported, Local


def of_module(text: str) -> Bindings:
    return Bindings(ast.parse(text))


def of_function(text: str) -> Bindings:
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    return Bindings(node)


def of_expression(text: str) -> Bindings:
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Lambda | ast.ListComp)
    return Bindings(node)


@pytest.mark.parametrize(
    ("text", "name", "full_name"),
    [
        ("import time", "time", "time"),
        ("import time as t", "t", "time"),
        ("import os.path", "os", "os"),
        ("import os.path as p", "p", "os.path"),
        ("from datetime import datetime as dt", "dt", "datetime.datetime"),
        ("from . import time", "time", ".time"),
        ("from ..shop import time", "time", "..shop.time"),
        ("if x:\n    import time", "time", "time"),
        ("try:\n    import time\nexcept ImportError as error: ...", "time", "time"),
    ],
)
def test_imports(text: str, name: str, full_name: str) -> None:
    assert of_module(text).names[name] == [Imported(full_name)]


def test_stars_are_kept_in_order() -> None:
    bindings = of_module("from random import *\nfrom time import *")
    assert (bindings.stars, bindings.names) == (["random", "time"], {})


@pytest.mark.parametrize("text", ["def f(): x = 1", "async def f(): x = 1", "class f: x = 1"])
def test_what_is_defined_is_not_entered(text: str) -> None:
    bindings = of_module(text)
    assert set(bindings.names) == {"f"}
    assert isinstance(bindings.names["f"][0], Local)


def test_what_is_made_and_entered_at_once_is_kept() -> None:
    match of_module("async def f():\n    async with a() as x, b as y, c() as (z, _): ...").names:
        case {"f": [Local(node)]}:
            held = Bindings(node).names
        case other:
            raise AssertionError(other)
    assert [type(getattr(each[0], "value", None)) for each in (held["x"], held["y"], held["z"])] == [
        ast.Call, type(None), type(None)
    ]  # fmt: skip


def test_what_is_assigned_is_kept() -> None:
    match of_module("x = 1").names["x"]:
        case [Assigned(ast.Constant(1), None)]:
            pass
        case other:
            raise AssertionError(other)
    match of_module("x: int = 1").names["x"]:
        case [Assigned(ast.Constant(1), ast.Name("int"))]:
            pass
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    "text",
    [
        "for x in y: ...",
        "with y as x: ...",
        "(x, z) = y",
        "[z, *x] = y",
        "try: ...\nexcept E as x: ...",
        "match y:\n    case x: ...",
        "match y:\n    case [*x]: ...",
        "match y:\n    case {1: 2, **x}: ...",
        "match y:\n    case E(z=[x]): ...",
        "[(x := z) for z in y]",
    ],
)
def test_other_ways_of_binding(text: str) -> None:
    assert of_module(text).names["x"] == [Assigned()]


def test_each_binding_is_kept() -> None:
    assert len(of_module("x = 1\nimport x\nx: int\nif (x := 2): ...").names["x"]) == 4


@pytest.mark.parametrize("text", ["x.y = 1", "x[0] = 1", "x += 1", "print(x)", "lambda: (x := 1)", "[x for x in y]"])
def test_what_binds_nothing(text: str) -> None:
    assert of_module(text).names == {}


def test_parameters() -> None:
    bindings = of_function("def f(a, /, b: int, *c, d=1, **e): ...")
    assert list(bindings.names) == ["a", "b", "d", "c", "e"]
    match bindings.names["b"]:
        case [Assigned(None, ast.Name("int"))]:
            pass
        case other:
            raise AssertionError(other)


def test_lambdas_and_comprehensions() -> None:
    assert list(of_expression("lambda x: (y := x)").names) == ["x", "y"]
    assert list(of_expression("[x for x, y in z for w in y]").names) == ["x", "y", "w"]


@pytest.mark.parametrize("write", ["x = 1", "x += 1", "import x", "def x(): ...", "for x in y: ..."])
def test_globals_that_are_written(write: str) -> None:
    bindings = of_function(f"def f():\n    global x, z\n    {write}")
    assert (bindings.names, bindings.global_names, bindings.global_writes) == ({}, {"x", "z"}, {"x"})


def test_globals_that_are_read() -> None:
    assert of_function("def f():\n    global x\n    return x").global_writes == set()
