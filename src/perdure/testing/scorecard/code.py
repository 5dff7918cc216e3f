"""The code that is scored: its files, its workflows and steps, and what names mean across files. Nothing is imported."""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from perdure.replay.linter.bindings import Assigned, Binding, Function, Imported, Local
from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.source import Source

_DEPTH_MAX = 8  # of imports of imports


class File(NamedTuple):
    """`module` is the dotted name under which others import it. `scored`: its workflows are what the card is about."""

    path: str
    module: str
    source: Source
    scored: bool

    @property
    def scope(self) -> Scope:
        return self.source.scope

    def place(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


class Value(NamedTuple):
    """What a module's name is assigned. `scope` is the module's."""

    name: str
    expression: ast.expr
    scope: Scope


class Routine(NamedTuple):
    """A function, method or class of these files."""

    file: File
    defined: Defined

    @property
    def node(self) -> Function | ast.ClassDef:
        return self.defined.node

    @property
    def qualname(self) -> str:
        outer = self.defined.scope.qualname
        return f"{outer}.{self.node.name}" if outer else self.node.name

    @property
    def place(self) -> str:
        return self.file.place(self.node)

    @property
    def scope(self) -> Scope:
        return Scope(self.node, self.defined.scope)

    def member(self, name: str) -> "Routine | None":
        """A class's own method."""
        match self.scope.bindings.names.get(name) if isinstance(self.node, ast.ClassDef) else None:
            case [Local(ast.FunctionDef() | ast.AsyncFunctionDef() as node)]:
                return Routine(self.file, Defined(node, self.scope))
            case _:
                return None


class Spot(NamedTuple):
    """A node in a function, the scope that its names are looked up in, and the nodes around it, the nearest last."""

    node: ast.AST
    scope: Scope
    around: tuple[ast.AST, ...]


Meaning = str | Routine | Value | None
"""A full name from outside, something of these files, or None where it is in doubt."""


class Code:
    """Files by their modules' names."""

    def __init__(self, files: list[File]) -> None:
        self.files = files
        self._modules = {file.module: file for file in files}
        self._scopes = {id(file.scope): file for file in files}
        self._spots: dict[int, list[Spot]] = {}

    @cached_property
    def routines(self) -> list[Routine]:
        """All functions at any depth, in the order of files and lines."""
        return [Routine(file, defined) for file in self.files for defined in _functions(file.scope)]

    @cached_property
    def workflows(self) -> list[Routine]:
        """Those of the files that are scored."""
        return [each for each in self.routines if each.file.scored and self.decorator(each, "workflow") is not None]

    @cached_property
    def names(self) -> list[str]:
        """Under which the workflows are recorded; `module` is how they are imported."""
        given = [constant(self.option(each, "workflow", "name")) for each in self.workflows]
        return [
            name if isinstance(name, str) else f"{each.file.module}:{each.qualname}"
            for each, name in zip(self.workflows, given, strict=True)
        ]

    @cached_property
    def steps(self) -> list[Routine]:
        """Those that a body may call, wherever in these files they are."""
        return [each for each in self.routines if self.decorator(each, "step") is not None]

    @cached_property
    def bodies(self) -> list[Routine]:
        """The workflows, and the functions that run as part of their bodies."""
        return self.reached(self.workflows)

    def decorator(self, routine: Routine, name: str) -> ast.expr | None:
        """The decorator of perdure's that has this name, where the function is under it."""
        for decorator in routine.node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            meaning = self.meaning(called, routine.defined.scope)
            if isinstance(meaning, Value) and isinstance(meaning.expression, ast.Call):
                decorator, meaning = meaning.expression, self.meaning(meaning.expression.func, meaning.scope)
            if is_ours(meaning, name):
                return decorator
        return None

    def option(self, routine: Routine, decorator: str, name: str) -> ast.expr | None:
        """A keyword of a decorator of perdure's."""
        found = self.decorator(routine, decorator)
        return keyword(found, name) if isinstance(found, ast.Call) else None

    def reached(self, roots: list[Routine]) -> list[Routine]:
        """The roots, and whom they call in these files. Steps and workflows are borders, if they aren't roots."""
        queue, seen = [*roots], {id(root.node): root for root in roots}
        while queue:
            for spot in self.spots(queue.pop()):
                called = self.meaning(spot.node.func, spot.scope) if isinstance(spot.node, ast.Call) else None
                if (
                    isinstance(called, Routine)
                    and isinstance(called.node, Function)
                    and id(called.node) not in seen
                    and not any(self.decorator(called, border) for border in ("step", "workflow"))
                ):
                    seen[id(called.node)] = called
                    queue.append(called)
        return [*seen.values()]

    def spots(self, routine: Routine) -> list[Spot]:
        """All nodes in a function, those in nested functions too, in the order of the source; not its decorators."""
        if id(routine.node) not in self._spots:
            self._spots[id(routine.node)] = [*_spots(routine.node, routine.defined.scope, ())]
        return self._spots[id(routine.node)]

    def top(self, file: File) -> list[Spot]:
        """As `spots`: all nodes of a file, in functions or not."""
        if id(file.scope) not in self._spots:
            inside = [_spots(node, file.scope, ()) for node in ast.iter_child_nodes(file.scope.node)]
            self._spots[id(file.scope)] = [spot for spots in inside for spot in spots]
        return self._spots[id(file.scope)]

    def file_of(self, scope: Scope) -> File:
        return self._scopes[id(scope.module)]

    def meaning(self, expression: ast.expr, scope: Scope, depth: int = 0) -> Meaning:
        """What an expression refers to, followed through the imports between these files."""
        resolved = scope.resolve(expression)
        if isinstance(resolved, Defined):
            return Routine(self.file_of(scope), resolved)
        if isinstance(resolved, str):
            return self._imported(self._absolute(resolved, scope), depth)
        if isinstance(expression, ast.Name):
            found = scope.find(expression.id)
            if found is not None and isinstance(found[0].node, ast.Module):
                return self._bound(expression.id, found[1], found[0], depth)
        if isinstance(expression, ast.Attribute):
            return self._attribute(expression, scope, depth)
        return None

    def _attribute(self, expression: ast.Attribute, scope: Scope, depth: int) -> Meaning:
        """A method of an object that a module holds."""
        owner = self.meaning(expression.value, scope, depth)
        if isinstance(owner, Value) and isinstance(owner.expression, ast.Call):
            made = self.meaning(owner.expression.func, owner.scope, depth)
            if isinstance(made, Routine):
                return made.member(expression.attr)
        return None

    def _absolute(self, name: str, scope: Scope) -> str:
        """A relative import's full name."""
        level = len(name) - len(name.lstrip("."))
        if not level:
            return name
        file = self.file_of(scope)
        package = file.module.split(".")
        if Path(file.path).name != "__init__.py":
            package.pop()
        return ".".join([*package[: len(package) - level + 1], name.lstrip(".")])

    def _imported(self, name: str, depth: int) -> Meaning:
        module, _, attribute = name.rpartition(".")
        while module and module not in self._modules:
            module, _, more = module.rpartition(".")
            attribute = f"{more}.{attribute}"
        if not module or depth >= _DEPTH_MAX:
            return name
        scope = self._modules[module].scope
        expression = ast.parse(attribute, mode="eval").body
        found = self.meaning(expression, scope, depth + 1)
        return name if found is None and not isinstance(expression, ast.Name) else found

    def _bound(self, name: str, bindings: list[Binding], scope: Scope, depth: int) -> Meaning:
        match bindings:
            case [Assigned(value)] if value is not None:
                return Value(name, value, scope)
            case [Imported(full_name)]:
                return self._imported(self._absolute(full_name, scope), depth)
            case [Local(node)]:
                return Routine(self.file_of(scope), Defined(node, scope))
            case _:
                return None


def is_ours(meaning: Meaning, *names: str) -> bool:
    """Whether it is one of these names of perdure's."""
    return isinstance(meaning, str) and meaning.startswith("perdure.") and meaning.rpartition(".")[2] in names


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives for this keyword."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def constant(expression: ast.expr | None) -> object:
    """A literal's value; None for anything else."""
    return expression.value if isinstance(expression, ast.Constant) else None


def is_none(expression: ast.expr | None) -> bool:
    """Whether it is missing, or says None."""
    return expression is None or (isinstance(expression, ast.Constant) and expression.value is None)


def shown(expression: ast.AST, width: int = 60) -> str:
    """An expression as a person would write it, in one line."""
    text = " ".join(ast.unparse(expression).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _functions(scope: Scope) -> Iterator[Defined]:
    for node in _children(scope.node):
        if isinstance(node, Function):
            yield Defined(node, scope)
        yield from _functions(Scope(node, scope))


def _children(node: ast.AST) -> Iterator[Function | ast.ClassDef]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            yield child
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _children(child)


def _spots(node: ast.AST, scope: Scope, around: tuple[ast.AST, ...]) -> Iterator[Spot]:
    yield Spot(node, scope, around)
    inside = scope
    children = ast.iter_child_nodes(node)
    if isinstance(
        node, Function | ast.ClassDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ):
        inside = Scope(node, scope)
    if isinstance(node, Function):
        decorators = {id(each) for each in node.decorator_list}
        children = (child for child in children if id(child) not in decorators)
    for child in children:
        yield from _spots(child, inside, (*around, node))
