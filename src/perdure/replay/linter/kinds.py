"""Kinds: what sort of object an expression makes, where that decides whether a use of it is safe to replay.

It decides by the source alone, and only where all that a name is bound to agrees.
"""

import ast

from perdure.replay.linter.bindings import Assigned, Binding, Function, Imported
from perdure.replay.linter.decorator import decorator_of
from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.rules import ANNOTATED_KINDS, AWAITED_KINDS, KINDS

_STEADY = {"builtins.int", "builtins.float", "builtins.bool", "builtins.complex"}  # their hashes aren't salted
_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_PATH_METHODS = {"joinpath", "with_name", "with_suffix", "with_stem", "relative_to"}

# What is known of names so far; None is a name in doubt, or being worked out.
Known = dict[tuple[Scope, str], str | None]


def kind_of(expression: ast.expr | None, scope: Scope, known: Known) -> str | None:
    """One of the kinds of rules.py; None if it is another, or in doubt. Adds to `known`."""
    match expression:
        case ast.Constant(str()) | ast.JoinedStr():
            return "str"
        case ast.Constant(bytes()):
            return "bytes"
        case ast.Set(elements):
            return None if all(_is_number(element) for element in elements) else "set"
        case ast.SetComp():
            return "set"
        case ast.List() | ast.ListComp():
            return "list"
        case ast.Dict() | ast.DictComp():
            return "dict"
        case ast.Name(name):
            return _kind_of_name(name, scope, known)
        case ast.NamedExpr(_, value):
            return kind_of(value, scope, known)
        case ast.IfExp(_, body, orelse):
            kind = kind_of(body, scope, known)
            return kind if kind == kind_of(orelse, scope, known) else None
        case ast.BinOp(left, operator):
            kind = kind_of(left, scope, known)
            fits = (kind == "set" and isinstance(operator, _SET_OPERATORS)) or (
                kind == "Path" and isinstance(operator, ast.Div)
            )
            return kind if fits else None
        case ast.Attribute(owner, "parent") if kind_of(owner, scope, known) == "Path":
            return "Path"
        case ast.Attribute():
            return _kind_of_attribute(expression, scope, known)
        case ast.Call():
            return _kind_of_call(expression, scope, known)
        case ast.Await(ast.Call(func)):
            return _kind_of_awaited(scope.resolve(func))
        case _:
            return None


def _kind_of_call(call: ast.Call, scope: Scope, known: Known) -> str | None:
    made = scope.resolve(call.func)
    if isinstance(made, str):
        return KINDS.get(made)
    if isinstance(made, Defined) and isinstance(made.node, ast.FunctionDef) and not made.node.decorator_list:
        return _annotated_kind(made.node.returns, made.scope)
    if isinstance(call.func, ast.Attribute):
        owner = kind_of(call.func.value, scope, known)
        if owner == "HookDefinition" and call.func.attr == "create":
            return "Hook"
        if (owner == "set" and call.func.attr in _SET_METHODS) or (owner == "Path" and call.func.attr in _PATH_METHODS):
            return owner
    return None


def _kind_of_awaited(made: str | Defined | None) -> str | None:
    """Of what an async function, a step or a child gives, as its annotation says."""
    if not isinstance(made, Defined):
        return AWAITED_KINDS.get(made) if made is not None else None
    durable = decorator_of(made, "step") or decorator_of(made, "workflow")
    known = isinstance(made.node, Function) and (durable is not None or not made.node.decorator_list)
    return _annotated_kind(made.node.returns, made.scope) if known and isinstance(made.node, Function) else None


def _kind_of_attribute(expression: ast.Attribute, scope: Scope, known: Known) -> str | None:
    """Of a module's name, or a field of an object whose class is annotated."""
    held = scope.value(expression)
    if held is not None:
        return _kind_of_name(held.name, held.scope, known)
    match expression.value:
        case ast.Name(name):
            found = scope.find(name)
        case _:
            found = None
    match found:
        case where, [Assigned(annotation=annotation)] if annotation is not None:
            owner = where.resolve(annotation)
        case _:
            owner = None
    if not (isinstance(owner, Defined) and isinstance(owner.node, ast.ClassDef)):
        return None
    fields = Scope(owner.node, owner.scope)
    match fields.bindings.names.get(expression.attr):
        case [Assigned(annotation=annotation)] if annotation is not None:
            return _annotated_kind(annotation, fields)
        case _:
            return None


def _kind_of_name(name: str, scope: Scope, known: Known) -> str | None:
    found = scope.find(name)
    if found is None:
        return None
    where, bindings = found
    if isinstance(bindings[0], Imported):
        held = scope.value(ast.Name(name))
        return None if held is None else _kind_of_name(held.name, held.scope, known)
    if (where, name) not in known:
        known[where, name] = None
        kinds = {_kind_of_binding(binding, where, known) for binding in bindings}
        known[where, name] = kinds.pop() if len(kinds) == 1 else None
    return known[where, name]


def _kind_of_binding(binding: Binding, scope: Scope, known: Known) -> str | None:
    if not isinstance(binding, Assigned):
        return None
    if binding.annotation is not None:
        return _annotated_kind(binding.annotation, scope)
    return kind_of(binding.value, scope, known)


def _annotated_kind(annotation: ast.expr | None, scope: Scope) -> str | None:
    match annotation:
        case ast.Constant(str(text)):
            try:
                return _annotated_kind(ast.parse(text, mode="eval").body, scope)
            except SyntaxError:
                return None
        case None:
            return None
        case ast.Subscript(owner, member):
            if scope.resolve(member) in _STEADY:
                return None
            return _annotated_kind(owner, scope)
        case _:
            resolved = scope.resolve(annotation)
            return ANNOTATED_KINDS.get(resolved) if isinstance(resolved, str) else None


def _is_number(element: ast.expr) -> bool:
    if isinstance(element, ast.UnaryOp):
        element = element.operand
    return isinstance(element, ast.Constant) and isinstance(element.value, int | float | complex)
