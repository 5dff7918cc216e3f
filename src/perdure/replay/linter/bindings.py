"""Bindings: what one scope of the source binds its names to, without entering the scopes within it."""

import ast
from collections.abc import Iterable

from msgspec import Struct

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Within = ast.Module | Function | ast.ClassDef | ast.Lambda | Comprehension


class Imported(Struct, frozen=True):
    """A module, or a name in one, by its full name."""

    full_name: str


class Local(Struct, frozen=True):
    """A function or class of this scope."""

    node: Function | ast.ClassDef


class Assigned(Struct, frozen=True):
    """Anything else: what is assigned and how it is annotated, where the source says so."""

    value: ast.expr | None = None
    annotation: ast.expr | None = None


Binding = Imported | Local | Assigned


class Bindings:
    """`names` holds each binding of a name, `stars` the modules of `import *`, in their order.

    `global_names` are declared `global` here, `global_writes` those of them that are also assigned here.
    """

    def __init__(self, node: Within) -> None:
        self.names: dict[str, list[Binding]] = {}
        self.stars: list[str] = []
        self.global_names: set[str] = set()
        self.global_writes: set[str] = set()
        match node:
            case ast.Module() | ast.ClassDef():
                self._walk(node.body)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._parameters(node.args)
                self._walk(node.body)
            case ast.Lambda():
                self._parameters(node.args)
                self._walk([node.body])
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._walk(generator.target for generator in node.generators)

    def _parameters(self, arguments: ast.arguments) -> None:
        for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            self._add(arg.arg, Assigned(annotation=arg.annotation))
        for arg in (arguments.vararg, arguments.kwarg):
            if arg is not None:
                self._add(arg.arg, Assigned())

    def _walk(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._add(node.name, Local(node))
            case ast.Lambda():
                pass
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._walrus(node)
            case ast.Import(names):
                for alias in names:
                    full_name = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._add(alias.asname or full_name, Imported(full_name))
            case ast.ImportFrom():
                self._import_from(node)
            case ast.Global(names):
                self.global_names.update(names)
            case ast.Assign(targets, value):
                for target in targets:
                    self._assign(target, Assigned(value))
                self._visit(value)
            case ast.AnnAssign(target, annotation, value):
                self._assign(target, Assigned(value, annotation))
            case ast.NamedExpr(target, value):
                self._assign(target, Assigned(value))
                self._visit(value)
            case ast.AsyncWith(items, body):
                for item in items:
                    self._enter(item)
                self._walk(body)
            case ast.AugAssign(ast.Name(name)):
                self._write(name)  # what it holds stays of its kind
            case ast.Name(name, ast.Store()):
                self._add(name, Assigned())
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                self._add(node.name, Assigned())
                self._walk(ast.iter_child_nodes(node))
            case ast.MatchMapping(rest=rest):
                self._add(rest, Assigned())
                self._walk(ast.iter_child_nodes(node))
            case _:
                self._walk(ast.iter_child_nodes(node))

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                self._add(alias.asname or alias.name, Imported(joined(module, alias.name)))

    def _assign(self, target: ast.expr, assigned: Assigned) -> None:
        if isinstance(target, ast.Name):
            self._add(target.id, assigned)
        else:
            self._visit(target)

    def _enter(self, item: ast.withitem) -> None:
        """What is made and entered at once is what the name holds: hooks and streams are."""
        self._visit(item.context_expr)
        if item.optional_vars is not None:
            made = item.context_expr if isinstance(item.context_expr, ast.Call) else None
            self._assign(item.optional_vars, Assigned(made))

    def _walrus(self, node: ast.AST) -> None:
        """In a comprehension, only `:=` binds names of the scope around it."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self._add(inner.target.id, Assigned())

    def _add(self, name: str | None, binding: Binding) -> None:
        if name is not None:
            self._write(name)
            if name not in self.global_names:
                self.names.setdefault(name, []).append(binding)

    def _write(self, name: str) -> None:
        if name in self.global_names:
            self.global_writes.add(name)


def joined(module: str, name: str) -> str:
    """The full name of a name of a module, which may be as relative as `.` or `..shop`."""
    return f"{module}{name}" if module.endswith(".") else f"{module}.{name}"
