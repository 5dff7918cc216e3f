"""A source text, parsed, and the findings in its workflows: positions as people count them, and the comments that silence.

What a body reaches in other files of the project is found there, and told with the place from which it is reached.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Mapping

from perdure.replay.linter.bindings import Assigned
from perdure.replay.linter.finding import Finding
from perdure.replay.linter.names import Defined, Home, Scope
from perdure.replay.linter.reach import definition_at, examine_all, workflows_in

_IGNORE = re.compile(r"#\s*perdure:\s*ignore(?:\[([^\]]*)\])?")


class Source:
    """`scope` is the module's; `home` where the file lies (see `Scope`), None: no other file is looked at.

    Raises: SyntaxError, and what else `ast.parse` raises for what is no source.
    """

    def __init__(
        self, file: str, text: str, live: Mapping[str, object] | None = None, home: Home | None = None
    ) -> None:
        self.file = file
        self._lines = text.split("\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # who runs the code is warned
            tree = ast.parse(text)
        self.scope = Scope(tree, live=live, home=home)
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
        found: dict[tuple[Source, ast.AST, str], Finding] = {}
        for root in roots:
            for defined, node, rule, what in examine_all(root):
                source = self._source_of(defined)
                if (source, node, what) not in found and not source._is_ignored(node, rule.id):
                    function, where = defined.qualname, "" if source is self else f", {self.file}:{root.node.lineno}"
                    via = "" if defined.node is root.node else f" ({function} runs in {root.qualname}{where})"
                    found[source, node, what] = Finding(
                        file=source.file, line=node.lineno, column=source._column(node), function=function,
                        rule=rule.id, message=f"{what} {rule.because}{via}", instead=rule.instead,
                    )  # fmt: skip
        return sorted(found.values())

    def _source_of(self, defined: Defined) -> "Source":
        home = defined.scope.module.home
        return self if home is None or defined.scope.module is self.scope else home.source

    def _is_ignored(self, node: ast.expr | ast.stmt, rule: str) -> bool:
        for line in {node.lineno, node.end_lineno or node.lineno}:
            comment = _IGNORE.search(self._lines[line - 1])
            if comment and (comment[1] is None or rule in re.split(r"[\s,]+", comment[1].strip())):
                return True
        return False

    def _column(self, node: ast.expr | ast.stmt) -> int:
        """In characters, from 1; Python counts bytes, from 0."""
        return len(self._lines[node.lineno - 1].encode()[: node.col_offset].decode()) + 1
