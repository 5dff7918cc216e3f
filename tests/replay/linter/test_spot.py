"""Spots: nodes, the scopes that their names are looked up in, and what is around them."""

import ast

from perdure.replay.linter.names import Scope
from perdure.replay.linter.spot import Spot, spots_of

SOURCE = """
@decorated
async def f(x, y=default):
    def inner(x):
        return x
    return [x for x in (lambda x: x)(y)]
"""


def spots() -> list[Spot]:
    scope = Scope(ast.parse(SOURCE))
    return [*spots_of(scope.node.body[0], scope)]  # type: ignore[union-attr]


def names() -> dict[str, list[str]]:
    """By name, the kinds of nodes whose scopes have it where it is read."""
    found: dict[str, list[str]] = {}
    for spot in spots():
        if isinstance(spot.node, ast.Name) and isinstance(spot.node.ctx, ast.Load):
            bound = spot.scope.find(spot.node.id)
            found.setdefault(spot.node.id, []).append(type(bound[0].node).__name__ if bound else "")
    return found


def test_each_name_has_the_scope_that_it_is_looked_up_in() -> None:
    assert names() == {
        "default": [""],
        "x": ["FunctionDef", "ListComp", "Lambda"],
        "y": ["AsyncFunctionDef"],
    }, "decorators aside"


def test_what_is_around_a_node() -> None:
    (inner,) = (spot for spot in spots() if isinstance(spot.node, ast.Return) and isinstance(spot.node.value, ast.Name))
    assert [type(each).__name__ for each in inner.around] == ["AsyncFunctionDef", "FunctionDef"]
