"""Examines one function: what in its own source a replay would not see the same, and whom of these sources it calls."""

import ast
from collections.abc import Iterator

from perdure.replay.linter.bindings import Comprehension, Function
from perdure.replay.linter.kinds import Known, kind_of
from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.order import orderless_in, walked_by
from perdure.replay.linter.rules import (
    CALLS,
    CHANGES,
    CONTAINERS,
    GLOBAL_STATE,
    METHODS,
    SET_ORDER,
    SETTLED_BY_ARGUMENTS,
    VALUES,
    Rule,
)
from perdure.replay.linter.unawaited import unawaited_in

_CALLS_FIRST = {"builtins.map", "builtins.filter", "functools.reduce"}
_CALLS_KEY = {"builtins.sorted", "builtins.min", "builtins.max"}


class Examination:
    """`found` are the places: a node, a rule, and what was found there. `reached` is who is called from here."""

    def __init__(self, defined: Defined) -> None:
        assert isinstance(defined.node, Function)
        self.found: list[tuple[ast.expr | ast.stmt, Rule, str]] = []
        self.reached: list[Defined] = []
        self._scope = Scope(defined.node, defined.scope)
        self._orderless: set[ast.expr] = set()
        self._known: Known = {}
        for statement in defined.node.body:
            self._visit(statement)
        self.found += unawaited_in(defined, self._known)

    def _visit(self, node: ast.AST) -> None:
        called: str | Defined | None = None
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._visit_all(*node.args.defaults, *node.args.kw_defaults)  # its body runs when it is called
                return
            case ast.ClassDef():
                return
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._orderless.update(orderless_in(node, None))
                self._visit_within(node)
                return
            case ast.Name() | ast.Attribute() if self._read(node):
                return
            case ast.Call():
                called = self._scope.resolve(node.func)
                self._call(node, called)
            case ast.With(items):
                for item in items:
                    if self._kind_of(item.context_expr) == "Lock":
                        self._find(item.context_expr, METHODS["Lock.acquire"], "with Lock")
            case ast.Global(names):
                for name in self._scope.bindings.global_writes.intersection(names):
                    self._find(node, GLOBAL_STATE, f"assigning the global {name!r}")
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                self._change(node, node.value)
            case _:
                pass
        self._orderless.update(orderless_in(node, called))
        if node not in self._orderless:
            for walked in walked_by(node, called):
                self._walk_over(walked)
        self._visit_all(*ast.iter_child_nodes(node))

    def _visit_all(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node)

    def _visit_within(self, node: ast.Lambda | Comprehension) -> None:
        """Python works out the first iterable outside of a comprehension's scope, and all else inside."""
        first = None if isinstance(node, ast.Lambda) else node.generators[0]
        if first is not None:
            self._visit(first.iter)
            if not first.is_async and node not in self._orderless:
                self._walk_over(first.iter)
        outer, self._scope = self._scope, Scope(node, self._scope)
        if isinstance(node, ast.Lambda):
            self._visit(node.body)
        elif isinstance(node, ast.DictComp):
            self._visit_all(node.key, node.value)
        else:
            self._visit(node.elt)
        for generator in [] if isinstance(node, ast.Lambda) else node.generators:
            self._visit_all(*generator.ifs)
            if generator is not first:
                self._visit(generator.iter)
                if not generator.is_async and node not in self._orderless:
                    self._walk_over(generator.iter)
        self._scope = outer

    def _read(self, node: ast.Name | ast.Attribute) -> bool:
        """Whether the name says it all; else the expression in front of the dot is looked at."""
        value = self._scope.resolve(node)
        if isinstance(value, Defined):
            if isinstance(value.scope.node, Function):  # whoever is given a nested function calls it in the body
                self.reached.append(value)
        elif value in VALUES:
            self._find(node, VALUES[value], value)
            return True
        return False

    def _call(self, node: ast.Call, called: str | Defined | None) -> None:
        if isinstance(called, Defined):
            self.reached.append(called)
        elif called in CALLS:
            if not self._is_settled(node, called):
                self._find(node, CALLS[called], f"{called.removeprefix('builtins.')}()")
        elif called is None and isinstance(node.func, ast.Attribute):
            method = f"{self._kind_of(node.func.value)}.{node.func.attr}"
            if method in METHODS:
                self._find(node, METHODS[method], f"{method}()")
            elif node.func.attr in CHANGES and self._kind_of(node.func.value) in CONTAINERS:
                self._change(node, node.func.value)
        elif called == "builtins.next" and node.args and self._kind_of(node.args[0]) == "count":
            self._change(node, node.args[0])
        for callback in _callbacks(node, called):
            self._call_back(callback)

    def _change(self, node: ast.expr, changed: ast.expr) -> None:
        """What is changed is part of something that a module holds, and so everybody's."""
        while isinstance(changed, ast.Subscript | ast.Attribute):
            changed = changed.value
        found = self._scope.find(changed.id) if isinstance(changed, ast.Name) else None
        if found is not None and isinstance(found[0].node, ast.Module):
            self._find(node, GLOBAL_STATE, f"changing the global {ast.unparse(changed)!r}")

    def _call_back(self, callback: ast.expr) -> None:
        called = self._scope.resolve(callback)
        if isinstance(called, Defined):
            self.reached.append(called)
        elif called in CALLS and called not in SETTLED_BY_ARGUMENTS and called != "builtins.hash":
            self._find(callback, CALLS[called], f"{called.removeprefix('builtins.')}()")

    def _is_settled(self, node: ast.Call, called: str) -> bool:
        """Whether the arguments make it safe: a seed, a time to convert, a hash without salt."""
        if called == "builtins.hash":
            return not node.args or self._kind_of(node.args[0]) not in {"str", "bytes"}
        enough = SETTLED_BY_ARGUMENTS.get(called)
        return enough is not None and len(node.args) + len(node.keywords) >= enough

    def _walk_over(self, expression: ast.expr) -> None:
        if expression not in self._orderless and self._kind_of(expression) == "set":
            self._find(expression, SET_ORDER, "a set")

    def _kind_of(self, expression: ast.expr) -> str | None:
        return kind_of(expression, self._scope, self._known)

    def _find(self, node: ast.expr | ast.stmt, rule: Rule, what: str) -> None:
        self.found.append((node, rule, what))


def _callbacks(node: ast.Call, called: str | Defined | None) -> Iterator[ast.expr]:
    """The arguments that the callee calls then and there."""
    if called in _CALLS_FIRST and node.args:
        yield node.args[0]
    if called in _CALLS_KEY or (isinstance(node.func, ast.Attribute) and node.func.attr == "sort"):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "key")
