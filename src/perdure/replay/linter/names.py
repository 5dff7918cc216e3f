"""Names: what an expression of the source refers to, as far as that is certain.

It decides with Python's scoping rules, from the source alone: a name that is bound twice, to different things, refers
to nothing here.
"""

import ast
import builtins
import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import cast

from msgspec import Struct

from perdure.replay.linter.bindings import Assigned, Binding, Bindings, Function, Imported, Local, Within
from perdure.replay.linter.rules import CALLS, KINDS, VALUES

_KNOWN = {
    name.rsplit(".", cut)[0]
    for name in (*CALLS, *VALUES, *KINDS, "perdure.step", "perdure.workflow")
    for cut in range(name.count("."))
}
_DEPTH_MAX = 5  # of aliases of aliases


class Defined(Struct, frozen=True):
    """A function or class of this source, and the scope that holds it."""

    node: Function | ast.ClassDef
    scope: "Scope"


class Scope:
    """A module, class, function, lambda or comprehension, with what its names are bound to.

    `live` are the globals of the running module, for what its source doesn't show (notebooks).
    """

    def __init__(self, node: Within, parent: "Scope | None" = None, live: Mapping[str, object] | None = None) -> None:
        self.node, self.parent, self.live = node, parent, live or {}
        self.bindings = Bindings(node)

    @property
    def module(self) -> "Scope":
        return self if self.parent is None else self.parent.module

    @property
    def qualname(self) -> str:
        """Of the function or class, as a person would say it; "" for a module."""
        outer = self.parent.qualname if self.parent else ""
        name = getattr(self.node, "name", "")
        return f"{outer}.{name}" if outer and name else outer or name

    def find(self, name: str) -> "tuple[Scope, list[Binding]] | None":
        """The scope that binds a name, and all that it binds it to."""
        scope: Scope | None = self.module if name in self.bindings.global_names else self
        while scope is not None:
            if name in scope.bindings.names and (scope is self or not isinstance(scope.node, ast.ClassDef)):
                return scope, scope.bindings.names[name]
            scope = scope.parent
        return None

    def resolve(self, expression: ast.expr, depth: int = 0) -> str | Defined | None:
        """The full name of what lies outside of this source; the definition of what lies within; None if in doubt."""
        if isinstance(expression, ast.Name):
            found = self.find(expression.id)
            return self._resolve_free(expression.id) if found is None else _settle(*found, depth)
        if isinstance(expression, ast.Attribute):
            owner = self._resolve_self(expression.value) or self.resolve(expression.value, depth)
            if isinstance(owner, str):
                return f"{owner}.{expression.attr}"
            if owner is not None and isinstance(owner.node, ast.ClassDef):
                return _member(owner, expression.attr)
        return None

    def _resolve_self(self, expression: ast.expr) -> Defined | None:
        """The class, where the expression is the first parameter of the method that it is in."""
        if not isinstance(expression, ast.Name):
            return None
        found = self.find(expression.id)
        if found is None or not isinstance(found[0].node, Function) or len(found[1]) > 1:
            return None
        method, owner = found[0].node, found[0].parent
        if owner is None or owner.parent is None or not isinstance(owner.node, ast.ClassDef):
            return None
        first = next(iter([*method.args.posonlyargs, *method.args.args]), None)
        static = any(owner.resolve(decorator) == "builtins.staticmethod" for decorator in method.decorator_list)
        is_self = first is not None and first.arg == expression.id and not static
        return Defined(owner.node, owner.parent) if is_self else None

    def _resolve_free(self, name: str) -> str | None:
        """A name that no scope binds: from `import *`, from the running module, or a builtin."""
        module = self.module
        for star in reversed(module.bindings.stars):
            if f"{star}.{name}" in _KNOWN:
                return f"{star}.{name}"
            if star.partition(".")[0] not in sys.stdlib_module_names:
                return None
        if name in module.live:
            return _name_of(module.live[name])
        return f"builtins.{name}" if hasattr(builtins, name) else None


def _settle(scope: Scope, bindings: list[Binding], depth: int) -> str | Defined | None:
    # `except ImportError: np = None` leaves no doubt about what a use of np is.
    certain = {b: None for b in bindings if not (isinstance(b, Assigned) and _is_none(b.value))}
    if len(certain) != 1:
        return None
    match next(iter(certain)):
        case Imported(full_name):
            return full_name
        case Local(node):
            return Defined(node, scope)
        case Assigned(ast.Name() | ast.Attribute() as value, None) if depth < _DEPTH_MAX:
            return scope.resolve(value, depth + 1)
        case _:
            return None


def _member(owner: Defined, name: str, depth: int = 0) -> Defined | None:
    """A method of a class of this source, or of its bases in this source."""
    assert isinstance(owner.node, ast.ClassDef)
    scope = Scope(owner.node, owner.scope)
    match scope.bindings.names.get(name):
        case [Local(node)]:
            return Defined(node, scope)
        case None:
            pass
        case _:
            return None
    for base in owner.node.bases if depth < _DEPTH_MAX else ():
        above = owner.scope.resolve(base)
        if not isinstance(above, Defined) or not isinstance(above.node, ast.ClassDef):
            return None  # it may have the name, too
        if (found := _member(above, name, depth + 1)) is not None:
            return found
    return None


def _name_of(value: object) -> str | None:
    """The full name of a live module, class or function. Nothing else is touched: it might be a proxy that loads."""
    kind = type(value)
    if issubclass(kind, ModuleType):
        return cast("ModuleType", value).__name__
    if issubclass(kind, type | FunctionType | BuiltinFunctionType):
        named = cast("FunctionType", value)
        return f"{named.__module__}.{named.__qualname__}"
    return None


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
