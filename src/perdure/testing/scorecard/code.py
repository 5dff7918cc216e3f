"""The code that is scored: its files, its workflows and steps, and what names mean across files. Nothing is imported."""

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from perdure.replay.linter.bindings import Function, Local
from perdure.replay.linter.decorator import decorator_of, is_ours
from perdure.replay.linter.names import Defined, Scope, Value
from perdure.replay.linter.reach import definitions_in
from perdure.replay.linter.source import Source
from perdure.replay.linter.spot import Spot, spots_of


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


class Routine(NamedTuple):
    """A function, method or class of these files."""

    file: File
    defined: Defined

    @property
    def node(self) -> Function | ast.ClassDef:
        return self.defined.node

    @property
    def qualname(self) -> str:
        return self.defined.qualname

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


Meaning = str | Routine | Value | None
"""A full name from outside, something of these files, or None where it is in doubt."""


class Call(NamedTuple):
    """A call in a function or a file, and what it calls."""

    node: ast.Call
    spot: Spot
    place: str
    meaning: Meaning


class Code:
    """The files, and what is in them."""

    def __init__(self, files: list[File]) -> None:
        self.files = files
        self._scopes = {id(file.scope): file for file in files}
        self._spots: dict[int, list[Spot]] = {}
        self._calls: dict[int, list[Call]] = {}

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
        return self.recorded_names(self.workflows, "workflow")

    @cached_property
    def steps(self) -> list[Routine]:
        """Those that a body may call, wherever in these files they are."""
        return [each for each in self.routines if self.decorator(each, "step") is not None]

    @cached_property
    def bodies(self) -> list[Routine]:
        """The workflows, and the functions that run as part of their bodies."""
        return self.reached(self.workflows)

    def recorded_names(self, routines: list[Routine], decorator: str) -> list[str]:
        """Under which functions are recorded that are under this decorator."""
        given = [constant(self.option(each, decorator, "name")) for each in routines]
        return [
            name if isinstance(name, str) else f"{each.file.module}:{each.qualname}"
            for each, name in zip(routines, given, strict=True)
        ]

    def decorator(self, routine: Routine, name: str) -> ast.expr | None:
        """The decorator of perdure's that has this name, where the function is under it."""
        return decorator_of(routine.defined, name)

    def option(self, routine: Routine, decorator: str, name: str) -> ast.expr | None:
        """A keyword of a decorator of perdure's."""
        found = self.decorator(routine, decorator)
        return keyword(found, name) if isinstance(found, ast.Call) else None

    def reached(self, roots: list[Routine]) -> list[Routine]:
        """The roots, and whom they call in these files. Steps and workflows are borders, if they aren't roots."""
        queue, seen = [*roots], {id(root.node): root for root in roots}
        while queue:
            for _, _, _, called in self.calls(queue.pop()):
                if (
                    isinstance(called, Routine)
                    and isinstance(called.node, Function)
                    and id(called.node) not in seen
                    and not any(self.decorator(called, border) for border in ("step", "workflow"))
                ):
                    seen[id(called.node)] = called
                    queue.append(called)
        return [*seen.values()]

    def spots(self, where: Routine | File) -> list[Spot]:
        """All nodes in a function, those in nested functions too, in the order of the source; not its decorators. Of a file:
        in functions or not."""
        holder = where.node if isinstance(where, Routine) else where.scope.node
        if id(holder) not in self._spots:
            if isinstance(where, Routine):
                self._spots[id(holder)] = [*spots_of(where.node, where.defined.scope)]
            else:
                inside = [spots_of(node, where.scope) for node in ast.iter_child_nodes(holder)]
                self._spots[id(holder)] = [spot for spots in inside for spot in spots]
        return self._spots[id(holder)]

    def calls(self, where: Routine | File) -> list[Call]:
        """The calls among its spots."""
        holder = where.node if isinstance(where, Routine) else where.scope.node
        if id(holder) not in self._calls:
            file = where.file if isinstance(where, Routine) else where
            self._calls[id(holder)] = [
                Call(spot.node, spot, file.place(spot.node), self.meaning(spot.node.func, spot.scope))
                for spot in self.spots(where)
                if isinstance(spot.node, ast.Call)
            ]
        return self._calls[id(holder)]

    def ours(self, where: Routine | File, *names: str) -> list[Call]:
        """The calls of what perdure has under these names."""
        return [call for call in self.calls(where) if is_ours(call.meaning, *names)]

    def meaning(self, expression: ast.expr, scope: Scope) -> Meaning:
        """What an expression refers to, followed through the imports between these files."""
        resolved = scope.resolve(expression)
        if isinstance(resolved, Defined):
            return self._routine(resolved)
        held = scope.value(expression)
        if held is not None and isinstance(held.scope.node, ast.Module):
            return held if resolved is None else resolved
        if resolved is None and isinstance(expression, ast.Attribute):
            return self._member(expression, scope)
        return resolved

    def _member(self, expression: ast.Attribute, scope: Scope) -> Meaning:
        """A method of an object that a module holds."""
        owner = self.meaning(expression.value, scope)
        if isinstance(owner, Value) and isinstance(owner.expression, ast.Call):
            made = self.meaning(owner.expression.func, owner.scope)
            if isinstance(made, Routine):
                return made.member(expression.attr)
        return None

    def _routine(self, defined: Defined) -> Routine:
        return Routine(self._scopes[id(defined.scope.module)], defined)


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
    for node in definitions_in(scope.node):
        if isinstance(node, Function):
            yield Defined(node, scope)
        yield from _functions(Scope(node, scope))
