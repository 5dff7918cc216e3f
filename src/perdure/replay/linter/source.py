"""A source text, parsed, and the findings in it: positions as people count them, and the comments that silence."""

import ast
import re
import warnings
from collections.abc import Iterable, Mapping

from perdure.replay.linter.bindings import Assigned
from perdure.replay.linter.finding import Finding
from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.reach import definition_at, examine_all, workflows_in

_IGNORE = re.compile(r"#\s*perdure:\s*ignore(?:\[([^\]]*)\])?")


class Source:
    """`scope` is the module's. Raises: SyntaxError, and what else `ast.parse` raises for what is no source."""

    def __init__(self, file: str, text: str, live: Mapping[str, object] | None = None) -> None:
        self.file = file
        self._lines = text.split("\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # who runs the code is warned
            tree = ast.parse(text)
        self.scope = Scope(tree, live=live)
        if "global " in text:
            self._doubt_globals(tree)

    def check(self) -> list[Finding]:
        """The findings in all workflows, in the order of the lines."""
        return self._findings(workflows_in(self.scope))

    def check_function(self, name: str, line: int) -> list[Finding]:
        """The findings in the function of this name that begins at a line, and in what it calls."""
        root = definition_at(self.scope, name, line)
        return self._findings([root] if root else [])

    def _doubt_globals(self, tree: ast.Module) -> None:
        """What a function assigns by `global` may be anything."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                for name in node.names:
                    self.scope.bindings.names.setdefault(name, []).append(Assigned())

    def _findings(self, roots: Iterable[Defined]) -> list[Finding]:
        found: dict[tuple[int, int, str], Finding] = {}
        for root in roots:
            for defined, node, rule, what in examine_all(root):
                if not self._is_ignored(node, rule.id):
                    function = _qualname(defined)
                    via = "" if defined.node is root.node else f" ({function} runs in {_qualname(root)})"
                    column = self._column(node)
                    found.setdefault((node.lineno, column, what), Finding(
                        file=self.file, line=node.lineno, column=column, function=function,
                        rule=rule.id, message=f"{what} {rule.because}{via}", instead=rule.instead,
                    ))  # fmt: skip
        return sorted(found.values())

    def _is_ignored(self, node: ast.expr | ast.stmt, rule: str) -> bool:
        for line in {node.lineno, node.end_lineno or node.lineno}:
            comment = _IGNORE.search(self._lines[line - 1])
            if comment and (comment[1] is None or rule in re.split(r"[\s,]+", comment[1].strip())):
                return True
        return False

    def _column(self, node: ast.expr | ast.stmt) -> int:
        """In characters, from 1; Python counts bytes, from 0."""
        return len(self._lines[node.lineno - 1].encode()[: node.col_offset].decode()) + 1


def _qualname(defined: Defined) -> str:
    outer = defined.scope.qualname
    return f"{outer}.{defined.node.name}" if outer else defined.node.name
