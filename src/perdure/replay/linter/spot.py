"""Spots: the nodes of a function, each with the scope that its names are looked up in, and the nodes around it."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from perdure.replay.linter.bindings import Comprehension, Function
from perdure.replay.linter.names import Scope


class Spot(NamedTuple):
    """`around`: the nearest last."""

    node: ast.AST
    scope: Scope
    around: tuple[ast.AST, ...]


def spots_of(node: ast.AST, scope: Scope, around: tuple[ast.AST, ...] = ()) -> Iterator[Spot]:
    """The node and all that it holds, nested functions too, in the order of the source; no function's decorators."""
    yield Spot(node, scope, around)
    inside = Scope(node, scope) if isinstance(node, Function | ast.ClassDef | ast.Lambda | Comprehension) else scope
    decorators = node.decorator_list if isinstance(node, Function) else []
    for child in ast.iter_child_nodes(node):
        if not any(child is decorator for decorator in decorators):
            yield from spots_of(child, inside, (*around, node))
