"""Kinds: what sort of object an expression makes, where that decides whether a use of it is safe to replay.

It decides by the source alone, and only where all that a name is bound to agrees.
"""

import ast

from perdure.replay.linter.bindings import Assigned
from perdure.replay.linter.names import Scope
from perdure.replay.linter.rules import ANNOTATED_KINDS, KINDS

_STEADY = {"builtins.int", "builtins.float", "builtins.bool", "builtins.complex"}  # their hashes aren't salted
_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_PATH_METHODS = {"joinpath", "with_name", "with_suffix", "with_stem", "relative_to"}
_DEPTH_MAX = 8  # of names given to names


def kind_of(expression: ast.expr | None, scope: Scope, depth: int = 0) -> str | None:
    """One of the kinds of rules.py; None if it is another, or in doubt."""
    if depth > _DEPTH_MAX:
        return None
    match expression:
        case ast.Constant(str()) | ast.JoinedStr():
            return "str"
        case ast.Constant(bytes()):
            return "bytes"
        case ast.Set(elements):
            return None if all(_is_number(element) for element in elements) else "set"
        case ast.SetComp():
            return "set"
        case ast.Name(name):
            return _kind_of_name(name, scope, depth)
        case ast.NamedExpr(_, value):
            return kind_of(value, scope, depth + 1)
        case ast.IfExp(_, body, orelse):
            kind = kind_of(body, scope, depth + 1)
            return kind if kind == kind_of(orelse, scope, depth + 1) else None
        case ast.BinOp(left, operator):
            kind = kind_of(left, scope, depth + 1)
            fits = (kind == "set" and isinstance(operator, _SET_OPERATORS)) or (
                kind == "Path" and isinstance(operator, ast.Div)
            )
            return kind if fits else None
        case ast.Attribute(owner, "parent") if kind_of(owner, scope, depth + 1) == "Path":
            return "Path"
        case ast.Call():
            return _kind_of_call(expression, scope, depth)
        case _:
            return None


def _kind_of_call(call: ast.Call, scope: Scope, depth: int) -> str | None:
    made = scope.resolve(call.func)
    if isinstance(made, str):
        return KINDS.get(made)
    if isinstance(call.func, ast.Attribute):
        owner = kind_of(call.func.value, scope, depth + 1)
        if (owner == "set" and call.func.attr in _SET_METHODS) or (owner == "Path" and call.func.attr in _PATH_METHODS):
            return owner
    return None


def _kind_of_name(name: str, scope: Scope, depth: int) -> str | None:
    found = scope.find(name)
    if found is None:
        return None
    where, bindings = found
    kinds = {
        _annotated_kind(binding.annotation, where)
        if binding.annotation is not None
        else kind_of(binding.value, where, depth + 1)
        for binding in bindings
        if isinstance(binding, Assigned)
    }
    certain = len(kinds) == 1 and all(isinstance(binding, Assigned) for binding in bindings)
    return kinds.pop() if certain else None


def _annotated_kind(annotation: ast.expr, scope: Scope) -> str | None:
    match annotation:
        case ast.Constant(str(text)):
            try:
                return _annotated_kind(ast.parse(text, mode="eval").body, scope)
            except SyntaxError:
                return None
        case ast.Subscript(owner, member):
            if scope.resolve(member) in _STEADY:
                return None
            return _annotated_kind(owner, scope)
        case _:
            resolved = scope.resolve(annotation)
            return ANNOTATED_KINDS.get(resolved) if isinstance(resolved, str) else None


def _is_number(element: ast.expr) -> bool:
    return isinstance(element, ast.Constant) and isinstance(element.value, int | float | complex)
