"""Names: what an expression of the source refers to, as far as that is certain.

It decides with Python's scoping rules, from the source alone: a name that is bound twice, to different things, refers
to nothing here. Whether an import leads to another file of the project is the `Home`'s to say.
"""

import ast
import builtins
import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Protocol, cast

from msgspec import Struct

from perdure.replay.linter.bindings import Assigned, Binding, Bindings, Function, Imported, Local, Within, joined
from perdure.replay.linter.rules import AWAITED, CALLS, KINDS, VALUES

if TYPE_CHECKING:
    from perdure.replay.linter.source import Source

_KNOWN = {
    name.rsplit(".", cut)[0]
    for name in (*CALLS, *VALUES, *KINDS, *AWAITED, "perdure.step", "perdure.workflow")
    for cut in range(name.count("."))
}
_DEPTH_MAX = 8  # of aliases of aliases, and imports of imports


class Defined(Struct, frozen=True):
    """A function or class of these sources, and the scope that holds it."""

    node: Function | ast.ClassDef
    scope: "Scope"

    @property
    def qualname(self) -> str:
        """As a person would say it."""
        outer = self.scope.qualname
        return f"{outer}.{self.node.name}" if outer else self.node.name


class Value(Struct, frozen=True):
    """What a name is assigned, once; `scope` is the one that it is assigned in."""

    name: str
    expression: ast.expr
    scope: "Scope"


class Home(Protocol):
    """Where a module lies, in a project whose files are read."""

    @property
    def source(self) -> "Source": ...

    def absolute(self, name: str) -> str:
        """The full name that a name, relative perhaps, means in this module."""
        ...

    def find(self, full_name: str) -> "tuple[Scope, str] | None":
        """The module of the same project that a full name begins with, and the rest of the name; None: there is none."""
        ...


class Scope:
    """A module, class, function, lambda or comprehension, with what its names are bound to.

    `live` are the globals of the running module, for what its source doesn't show (notebooks); `home` is where the module
    lies, None where nothing around it is looked at.
    """

    def __init__(
        self,
        node: Within,
        parent: "Scope | None" = None,
        live: Mapping[str, object] | None = None,
        home: Home | None = None,
    ) -> None:
        self.node, self.parent, self.live, self.home = node, parent, live or {}, home
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
        """The full name of what lies outside of these sources; the definition of what lies within; None if in doubt."""
        if isinstance(expression, ast.Name):
            found = self.find(expression.id)
            return self._resolve_free(expression.id, depth) if found is None else _settle(*found, depth)
        if isinstance(expression, ast.Attribute):
            owner = self._resolve_self(expression.value) or self.resolve(expression.value, depth)
            if isinstance(owner, str):
                return self.follow(f"{owner}.{expression.attr}", depth)
            if owner is not None and isinstance(owner.node, ast.ClassDef):
                return _member(owner, expression.attr)
        return None

    def value(self, expression: ast.expr, depth: int = 0) -> Value | None:
        """What a name, or a name of another module of these sources, is assigned, where it is assigned once."""
        found = self.find(expression.id) if isinstance(expression, ast.Name) else None
        match found:
            case where, [Assigned(value)] if value is not None:
                assert isinstance(expression, ast.Name)
                return Value(expression.id, value, where)
            case where, [Imported(full_name)]:
                return where._value_of(full_name, depth)
            case None:
                owner = self.resolve(expression.value, depth) if isinstance(expression, ast.Attribute) else None
                return self._value_of(f"{owner}.{expression.attr}", depth) if isinstance(owner, str) else None  # type: ignore[attr-defined]
            case _:
                return None

    def _value_of(self, name: str, depth: int) -> Value | None:
        found = self._elsewhere(name, depth)
        return None if found is None else found[0].value(found[1], depth + 1)

    def follow(self, name: str, depth: int) -> str | Defined | None:
        """What a full name, relative perhaps, means; of what a module's object has (`app.client.get`) the name has to do."""
        found, home = self._elsewhere(name, depth), self.module.home
        name = home.absolute(name) if home is not None else name
        if found is None:
            return name
        meant = found[0].resolve(found[1], depth + 1)
        return name if meant is None and isinstance(found[1], ast.Attribute) else meant

    def _elsewhere(self, name: str, depth: int) -> "tuple[Scope, ast.expr] | None":
        """The module of these sources that a full name begins with, and the rest as an expression there."""
        home = self.module.home
        found = home.find(home.absolute(name)) if home is not None and depth < _DEPTH_MAX else None
        return (found[0], ast.parse(found[1], mode="eval").body) if found is not None and found[1] else None

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

    def _resolve_free(self, name: str, depth: int) -> str | Defined | None:
        """A name that no scope binds: from `import *`, from the running module, or a builtin."""
        module = self.module
        for star in reversed(module.bindings.stars):
            if f"{star}.{name}" in _KNOWN:
                return f"{star}.{name}"
            if star.partition(".")[0] in sys.stdlib_module_names:
                continue
            found = module._elsewhere(joined(star, name), depth)
            if found is None or found[0].bindings.stars or name in found[0].bindings.names:
                return None if found is None else found[0].resolve(found[1], depth + 1)
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
            return scope.follow(full_name, depth)
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
