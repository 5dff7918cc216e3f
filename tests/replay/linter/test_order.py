"""Order: what a piece of source walks over, and where the order shows."""

import ast

import pytest

from perdure.replay.linter.order import orderless_in, walked_by


def walked(text: str, called: str | None = None) -> list[str]:
    statement = ast.parse(text).body[0]
    node = statement.value if isinstance(statement, ast.Expr) else statement
    return [ast.unparse(found) for found in walked_by(node, called)]


def orderless(text: str, called: str | None = None) -> list[str]:
    return [ast.unparse(found) for found in orderless_in(ast.parse(text, mode="eval").body, called)]


def test_what_walks() -> None:
    assert walked("for x in s: ...") == ["s"]
    assert walked("a, *b = s") == ["s"]
    assert walked("yield from s") == ["s"]
    assert walked("list(s)", "builtins.list") == ["s"]
    assert walked("map(f, s)", "builtins.map") == ["f", "s"]
    assert walked("', '.join(s)") == ["s"]


def test_what_does_not_walk() -> None:
    assert walked("x = s") == []
    assert walked("list(s)") == []
    assert walked("len(s)", "builtins.len") == []
    assert walked("x.join(s)") == []
    assert walked("async def f(): ...") == []


def test_a_star_walks_where_it_takes_apart() -> None:
    (call,) = ast.parse("f(*s)").body
    assert isinstance(call, ast.Expr) and isinstance(call.value, ast.Call)
    assert [ast.unparse(found) for found in walked_by(call.value.args[0], None)] == ["s"]


@pytest.mark.parametrize("name", ["sorted", "set", "frozenset", "min", "max", "any", "all", "sum", "len"])
def test_where_the_order_is_lost_again(name: str) -> None:
    assert orderless(f"{name}(x for x in s)", f"builtins.{name}") == ["(x for x in s)"]


def test_where_a_set_is_made() -> None:
    assert orderless("{x for x in s}") == ["{x for x in s}"]
    assert orderless("{*s, x}") == ["s"]


def test_an_awaited_member_keeps_its_place() -> None:
    assert orderless("sorted([await f(x) for x in s])", "builtins.sorted") == []
    assert orderless("{await f(x) for x in s}") == []


def test_where_the_order_stays() -> None:
    assert orderless("list(x for x in s)", "builtins.list") == []
    assert orderless("[x for x in s]") == []
