"""Reach: which functions of these sources run as part of a workflow's body, and from which workflow.

Steps are the border, and other workflows too: they are bodies of their own. A function under an unknown decorator isn't
entered, as nobody knows what has become of it.
"""

import ast
from collections.abc import Iterator

from perdure.replay.linter.bindings import Function, Local
from perdure.replay.linter.decorator import decorator_of
from perdure.replay.linter.examine import Examination
from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.rules import Rule

# Decorators under which a call still runs the function.
_TRANSPARENT = {
    "builtins.staticmethod", "builtins.classmethod", "functools.cache", "functools.lru_cache", "functools.wraps",
    "contextlib.contextmanager", "contextlib.asynccontextmanager", "typing.override", "typing.final",
}  # fmt: skip


def workflows_in(scope: Scope) -> Iterator[Defined]:
    """All functions of a module that `workflow` decorates, at any depth."""
    for node in definitions_in(scope.node):
        defined = Defined(node, scope)
        if isinstance(node, Function) and decorator_of(defined, "workflow") is not None:
            yield defined
        yield from workflows_in(Scope(node, scope))


def definition_at(scope: Scope, name: str, line: int) -> Defined | None:
    """The function of this name that begins, decorators included, at a line."""
    for node in definitions_in(scope.node):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        if isinstance(node, Function) and node.name == name and first == line:
            return Defined(node, scope)
        if first <= line <= (node.end_lineno or first):
            return definition_at(Scope(node, scope), name, line)
    return None


def examine_all(root: Defined) -> Iterator[tuple[Defined, ast.expr | ast.stmt, Rule, str]]:
    """What is found in a body and in the functions of these sources that it calls, each looked at once."""
    queue, seen = [root], {root.node}
    while queue:
        defined = queue.pop()
        examination = Examination(defined)
        yield from ((defined, *place) for place in examination.found)
        for reached in examination.reached:
            for function in _entered(reached):
                if function.node not in seen:
                    seen.add(function.node)
                    queue.append(function)


def _entered(reached: Defined) -> Iterator[Defined]:
    """The functions that a call runs: the function, or what makes an instance of the class."""
    if isinstance(reached.node, ast.ClassDef):
        scope = Scope(reached.node, reached.scope)
        for name in ("__init__", "__post_init__"):
            match scope.bindings.names.get(name):
                case [Local(ast.FunctionDef() as method)]:
                    yield from _entered(Defined(method, scope))
                case _:
                    pass
    elif all(_is_transparent(decorator, reached.scope) for decorator in reached.node.decorator_list):
        yield reached


def _is_transparent(decorator: ast.expr, scope: Scope) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return scope.resolve(decorator) in _TRANSPARENT


def definitions_in(node: ast.AST) -> Iterator[Function | ast.ClassDef]:
    """The functions and classes of one scope, also within its `if`, `try`, `with` and loops."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            yield child
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from definitions_in(child)
