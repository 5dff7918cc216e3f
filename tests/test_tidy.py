"""The outer bounds of the code: sizes, names, imports, docstrings, and that tests mirror sources.

Each rule is a pure function from a path and a source text to sentences, so that it is tested itself: planted, it must
be found. Which module may import which is not decided here, but by the contracts in pyproject.toml.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
METHODS_MAX = 19
PARAMETERS_MAX = 8
LINE_MAX = 126  # of scripts; ruff sees to Python's

# Names that say nothing: a helper lives with the noun that it helps.
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc"}

# (file, module that a function of it may import): why.
LATE_IMPORTS = {
    ("src/perdure/cli/*.py", "rich"): "slow to import, and most commands print plain text",
    ("src/perdure/cli/*.py", "uvicorn"): "slow to import, and only commands that serve need it",
    ("src/perdure/cli/serve.py", "perdure.http"): "brings starlette, and only commands that serve need it",
    ("src/perdure/cli/web.py", "perdure.http"): "as `serve`",
    ("src/perdure/api/connect.py", "perdure.worlds"): "a World's driver is loaded when a URL asks for it",
    (
        "src/perdure/api/connect.py",
        "perdure.telemetry",
    ): "brings OpenTelemetry, an extra, for processes that switch it on",
    ("src/perdure/codec/compression.py", "backports"): "most processes start without a large payload",
    ("src/perdure/codec/compression.py", "compression"): "as `backports`, from Python 3.14 on",
    ("src/perdure/codec/keyring.py", "cryptography"): "slow to import, an extra, and for processes that have keys",
    ("src/perdure_pytest.py", "perdure.testing"): "every pytest of an environment loads its plugins",
    ("src/perdure/api/workflow.py", "perdure.replay.linter"): "reading source is for processes that define workflows",
}

# Files without a test of their own: why. None of them may do anything.
UNMIRRORED = {
    "src/perdure/*__init__.py": "names; tests/test_public_names.py reads the public ones",
    "src/perdure/model/event.py": "records",
    "src/perdure/model/facts/*.py": "records",
    "src/perdure/model/failure.py": "a record",
    "src/perdure/model/log.py": "a record, and names",
    "src/perdure/model/status.py": "a union of literals",
    "src/perdure/model/webhook.py": "records",
    "src/perdure/world/hook.py": "records",
    "src/perdure/world/log.py": "records",
    "src/perdure/world/mail.py": "records",
    "src/perdure/world/query.py": "records",
    "src/perdure/world/transaction.py": "protocols, and a sentence",
    "src/perdure/world/world.py": "protocols; perdure.testing.conformance tests who keeps them",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Rule = Callable[[str, str], Iterator[str]]


def module_size(path: str, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MODULE_LINES_MAX:
        yield f"{path}: {lines} lines, of at most {MODULE_LINES_MAX}"


def function_size(path: str, source: str) -> Iterator[str]:
    for function in functions_in(source):
        lines = code_lines(function)
        if lines > FUNCTION_LINES_MAX:
            yield f"{path}:{function.lineno}: {function.name} has {lines} lines, of at most {FUNCTION_LINES_MAX}"


def class_size(path: str, source: str) -> Iterator[str]:
    """Counts names, so that overloads, or a property's getter and setter, are one method."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            methods = {member.name for member in node.body if isinstance(member, Function)}
            if len(methods) > METHODS_MAX:
                yield f"{path}:{node.lineno}: {node.name} has {len(methods)} methods, of at most {METHODS_MAX}"


def parameters(path: str, source: str) -> Iterator[str]:
    for function in functions_in(source):
        listed = function.args
        args = [*listed.posonlyargs, *listed.args, listed.vararg, *listed.kwonlyargs, listed.kwarg]
        names = [arg.arg for arg in args if arg]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        if count > PARAMETERS_MAX:
            yield f"{path}:{function.lineno}: {function.name} has {count} parameters, of at most {PARAMETERS_MAX}"


def late_imports(path: str, source: str) -> Iterator[str]:
    late = {node for function in functions_in(source) for node in ast.walk(function)}
    for node in sorted(
        (node for node in late if isinstance(node, ast.Import | ast.ImportFrom)), key=lambda n: n.lineno
    ):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."]
        for name in names:
            if not may_be_late(path, name):
                yield f"{path}:{node.lineno}: {name} is imported in a function, not on top"


def docstring(path: str, source: str) -> Iterator[str]:
    if not ast.get_docstring(ast.parse(source)):
        yield f"{path}: no docstring that says what the module decides, and what it leaves to whom"


def empty_name(path: str, source: str) -> Iterator[str]:
    for part in PurePosixPath(path).with_suffix("").parts:
        if part.split("_")[-1] in EMPTY_NAMES:
            yield f"{path}: {part!r} says nothing"


def unfinished(path: str, source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (found := re.search(r"\b(TODO|FIXME|XXX)\b", token.string)):
            yield f"{path}:{token.start[0]}: {found[0]}"


def unfinished_script(path: str, source: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), start=1):
        if found := re.search(r"(?://|/\*).*\b(TODO|FIXME|XXX)\b", line):
            yield f"{path}:{number}: {found[1]}"


def script_heading(path: str, source: str) -> Iterator[str]:
    if not source.startswith("// "):
        yield f"{path}: no comment on top that says what the module is for"


def line_length(path: str, source: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), start=1):
        if len(line) > LINE_MAX:
            yield f"{path}:{number}: {len(line)} characters, of at most {LINE_MAX}"


def unmirrored(path: str, tests: set[str]) -> Iterator[str]:
    """A source without its test, exceptions included."""
    inside = PurePosixPath(path).relative_to("src/perdure")
    test = f"tests/{inside.with_name(f'test_{inside.name}')}"
    if test not in tests:
        yield f"{path}: there is no {test}"


def behaviour(path: str, source: str) -> Iterator[str]:
    """Functions with a body, in a module that needs no test because it does nothing."""
    for function in functions_in(source):
        stated = function.body[ast.get_docstring(function) is not None :]
        if not all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in stated):
            yield f"{path}:{function.lineno}: {function.name} does something, untested"


def functions_in(source: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def code_lines(function: Function) -> int:
    """The length of a function but for decorators and docstring: nobody pays for explaining."""
    parts: list[ast.stmt] = [function]
    if ast.get_docstring(function) is not None:
        parts.append(function.body[0])
    whole, *explained = [(part.end_lineno or part.lineno) - part.lineno + 1 for part in parts]
    return whole - sum(explained)


def may_be_late(path: str, module: str) -> bool:
    return any(fnmatchcase(path, file) and f"{module}.".startswith(f"{late}.") for file, late in LATE_IMPORTS)


def may_be_unmirrored(path: str) -> bool:
    return any(fnmatchcase(path, file) for file in UNMIRRORED)


def sources(*folders: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py"))


def scripts() -> list[str]:
    """The page's own; not those of others in `vendor`."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("static/app/**/*.js"))


def findings(rule: Rule, paths: list[str]) -> list[str]:
    return [found for path in paths for found in rule(path, (ROOT / path).read_text(encoding="utf-8"))]


@pytest.mark.parametrize("rule", [module_size, function_size, class_size, parameters, late_imports, docstring])
def test_what_ships_keeps(rule: Rule) -> None:
    found = findings(rule, sources("src", "examples", "benchmarks", "documents"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", [empty_name, unfinished])
def test_every_file_keeps(rule: Rule) -> None:
    found = findings(rule, sources("src", "examples", "benchmarks", "documents", "tests"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", [module_size, script_heading, line_length, empty_name, unfinished_script])
def test_every_script_keeps(rule: Rule) -> None:
    assert len(scripts()) > 20
    found = findings(rule, scripts())
    assert not found, "\n".join(found)


def test_tests_mirror_sources() -> None:
    tests = set(sources("tests"))
    paths = [path for path in sources("src/perdure") if not may_be_unmirrored(path)]
    found = [sentence for path in paths for sentence in unmirrored(path, tests)]
    assert not found, "\n".join(found)


def test_what_has_no_test_does_nothing() -> None:
    found = findings(behaviour, [path for path in sources("src/perdure") if may_be_unmirrored(path)])
    assert not found, "\n".join(found)


def test_exceptions_from_the_mirror_are_needed() -> None:
    tests = set(sources("tests"))
    without = [path for path in sources("src/perdure") if [*unmirrored(path, tests)]]
    assert [file for file in UNMIRRORED if not any(fnmatchcase(path, file) for path in without)] == []


def function_of(lines: int, docstring: str = "") -> str:
    return "@cache\ndef f():\n" + docstring + "    x = 1\n" * (lines - 1)


def class_of(methods: int) -> str:
    return "class C:\n" + "".join(f"    def m{n}(self): ...\n    def m{n}(self): ...\n" for n in range(methods))


@pytest.mark.parametrize(
    ("rule", "kept", "broken", "finding"),
    [
        (module_size, "x = 1\n" * 400, "x = 1\n" * 401, "a/b.py: 401 lines, of at most 400"),
        (
            function_size,
            function_of(50, '    """Explains."""\n'),
            function_of(51),
            "a/b.py:2: f has 51 lines, of at most 50",
        ),
        (class_size, class_of(19), class_of(20), "a/b.py:1: C has 20 methods, of at most 19"),
        (
            parameters,
            "class C:\n    def m(self, a, b, /, c, *d, e, f, g, **h): ...",
            "async def f(a, b, /, c, *d, e, f, g, h, **i): ...",
            "a/b.py:1: f has 9 parameters, of at most 8",
        ),
        (
            late_imports,
            "import os\nif TYPE_CHECKING:\n    import re",
            "def f():\n    def g():\n        from os import path",
            "a/b.py:3: os is imported in a function, not on top",
        ),
        (
            docstring,
            '"""Decides."""',
            "x = 1",
            "a/b.py: no docstring that says what the module decides, and what it leaves to whom",
        ),
        (
            behaviour,
            'class P(Protocol):\n    def m(self): ...\n    def n(self):\n        """Says."""',
            'def f():\n    """Says."""\n    return 1',
            "a/b.py:1: f does something, untested",
        ),
        (unfinished, 'x = "# TODO"', "x = 1  # TODO: y", "a/b.py:1: TODO"),
        (unfinished_script, "x = 1; // to do", "x = 1; // TODO: y", "a/b.py:1: TODO"),
        (
            script_heading,
            "// Decides.",
            'import "./a.js";',
            "a/b.py: no comment on top that says what the module is for",
        ),
        (line_length, "x" * 126, "x\n" + "x" * 127, "a/b.py:2: 127 characters, of at most 126"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_rule_finds_what_is_planted(rule: Rule, kept: str, broken: str, finding: str) -> None:
    assert [*rule("a/b.py", kept)] == []
    assert [*rule("a/b.py", broken)] == [finding]


@pytest.mark.parametrize("path", ["a/utils.py", "a/base/b.py", "a/string_helpers.py"])
def test_an_empty_name_is_found(path: str) -> None:
    assert len([*empty_name(path, "")]) == 1


def test_a_name_that_says_something_is_kept() -> None:
    assert [*empty_name("a/base_url.py", "")] == []


def test_a_missing_test_is_found() -> None:
    tests = {"tests/codec/test_payload.py"}
    assert [*unmirrored("src/perdure/codec/payload.py", tests)] == []
    assert [*unmirrored("src/perdure/core/payload.py", tests)] == [
        "src/perdure/core/payload.py: there is no tests/core/test_payload.py"
    ]


def test_late_imports_are_allowed_by_file_and_module() -> None:
    source = "def f():\n    import perdure.worlds.sqlite, perdure.worldsize"
    assert [*late_imports("src/perdure/api/connect.py", source)] == [
        "src/perdure/api/connect.py:2: perdure.worldsize is imported in a function, not on top"
    ]
    assert len([*late_imports("src/perdure/api/start.py", source)]) == 2
