"""Order: which expressions a piece of source walks over, one member after the other, and where the order shows."""

import ast
from collections.abc import Iterator

from perdure.replay.linter.bindings import Comprehension
from perdure.replay.linter.names import Defined

_WALKS = {
    "builtins." + name for name in ("list", "tuple", "enumerate", "iter", "zip", "map", "filter", "dict.fromkeys")
}
_ORDERLESS = {"builtins." + name for name in ("sorted", "set", "frozenset", "min", "max", "any", "all", "sum", "len")}


def walked_by(node: ast.AST, called: str | Defined | None) -> Iterator[ast.expr]:
    """What a statement or expression walks over; `called` is what a call resolves to."""
    match node:
        case ast.For(iter=walked):
            yield walked
        case ast.Starred(walked, ast.Load()) | ast.YieldFrom(walked):
            yield walked
        case ast.Assign(targets, value) if any(isinstance(target, ast.Tuple | ast.List) for target in targets):
            yield value
        case ast.Call(args=args) if called in _WALKS:
            yield from args
        case ast.Call(ast.Attribute(ast.Constant(str()), "join"), args):
            yield from args
        case _:
            pass


def orderless_in(node: ast.AST, called: str | Defined | None) -> Iterator[ast.expr]:
    """The parts whose order is lost again at once, as in `sorted(…)` or `{*…}`."""
    match node:
        case ast.Call(args=args) if called in _ORDERLESS:
            yield from (arg for arg in args if not (isinstance(arg, Comprehension) and _awaits(arg)))
        case ast.SetComp() if not _awaits(node):
            yield node
        case ast.Set(elements):
            yield from (element.value for element in elements if isinstance(element, ast.Starred))
        case _:
            pass


def _awaits(comprehension: Comprehension) -> bool:
    """Whether making a member may be a durable call: then the order of the calls is what counts."""
    made = comprehension.elt if not isinstance(comprehension, ast.DictComp) else comprehension.value
    return any(isinstance(inner, ast.Await) for inner in ast.walk(made))
