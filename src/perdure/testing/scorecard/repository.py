"""The repository around the code, by reading it: tests of the workflows, a runbook, how it is deployed, kept histories."""

import ast
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec

from perdure.replay.linter.library import Library, shown
from perdure.testing.gate.history import SUFFIX, Title
from perdure.testing.scorecard.code import File
from perdure.testing.scorecard.project import COMMAND, imports_of

WAYS = {
    "approval": r"approv(?!als)|accept|received|confirm|released|says_yes|allow",
    "rejection": r"reject|refus|declin|denie|deny|disput|objection|says_no|forbid",
    "timeout": r"time_?out|times_out|nobody|silence|expire|overdue|too_late|never|\badvance\(|forward\(",
    "reconnect": r"reconnect|start_?index|last-event-id|refresh|cut_off|resum(?:es|ed)_the_stream",
    "crash": r"crash|\bsimulate\b|\bsurvives\b|kill|\breplay\b|dies\b|restart_the_worker",
}
"""What the name of a test, or its body, has where it tests one of these."""
_TOOLS = r"\bperdure (?:inspect|retry|rerun|cancel|wake|repin|resume-hook|logs|web|health)\b"
_DEPLOYMENT = re.compile(
    r"(?:Dockerfile|Procfile|Containerfile|(?:docker-)?compose.*\.ya?ml|.*\.service|fly\.toml|render\.yaml|vercel\.json)$"
)
_PIPELINES = (".github/workflows", ".gitlab-ci.yml", "Makefile", "noxfile.py", "tox.ini", "justfile")
_SKIPPED = {"node_modules", "site-packages", "build", "dist", "venv", "__pycache__"}
_FILES_MAX = 20_000
_BYTES_MAX = 1_000_000


class Tested(NamedTuple):
    """A test function, and what it seems to test: names of `WAYS`."""

    place: str
    name: str
    ways: frozenset[str]


class Text(NamedTuple):
    path: str
    text: str

    def place(self, pattern: str) -> str:
        """Where the pattern is found first."""
        found = re.search(pattern, self.text)
        return f"{self.path}:{self.text.count(chr(10), 0, found.start()) + 1}" if found else self.path


class Repository:
    """`files` are those of the code; only tests that import one of them count."""

    def __init__(self, root: Path, files: list[File]) -> None:
        self.root, self._modules = root, {file.module for file in files}
        self._library = Library(COMMAND)
        self._folders = {Path(file.path).resolve().parent for file in files}

    @cached_property
    def paths(self) -> list[Path]:
        """All files below the root, but for what was installed or built."""
        found: list[Path] = []
        for path, folders, names in os.walk(self.root):
            folders[:] = sorted(
                name for name in folders
                if name not in _SKIPPED and (not name.startswith(".") or name == ".github")
                and not Path(path, name, "pyvenv.cfg").exists()
            )  # fmt: skip
            found += [Path(path, name) for name in sorted(names)]
            if len(found) > _FILES_MAX:
                break
        return found

    @cached_property
    def tests(self) -> list[Tested]:
        """The tests in files that import the code."""
        files = [path for path in self.paths if re.fullmatch(r"test_.*\.py|.*_test\.py", path.name)]
        return [tested for path in files if self._may_import(path) for tested in self._tests_in(path)]

    def tests_of(self, way: str) -> list[Tested]:
        return [tested for tested in self.tests if way in tested.ways]

    @cached_property
    def runbooks(self) -> list[Text]:
        """Documents named so, the nearest to the code first."""
        named = [path for path in self.paths if re.search(r"runbook|playbook", path.name, re.IGNORECASE)]
        named = [path for path in named if path.suffix.lower() in {".md", ".rst", ".txt", ".adoc"}]
        return [self._text(path) for path in sorted(named, key=lambda path: (path.parent not in self._folders, path))]

    @cached_property
    def deployments(self) -> list[Text]:
        """What says how the program is run elsewhere."""
        return [self._text(path) for path in self.paths if _DEPLOYMENT.fullmatch(path.name)]

    @cached_property
    def pipelines(self) -> list[Text]:
        """What is run before a deploy."""
        below = [(path, path.relative_to(self.root).as_posix()) for path in self.paths]
        return [self._text(path) for path, name in below if name.startswith(_PIPELINES)]

    @cached_property
    def histories(self) -> list[tuple[str, str]]:
        """The files that `perdure export` wrote, and the names of their workflows."""
        found: list[tuple[str, str]] = []
        for path in self.paths:
            if path.suffix == SUFFIX:
                with suppress(msgspec.MsgspecError, ValueError):
                    first = self._text(path).text.partition("\n")[0]
                    found.append((shown(path), msgspec.json.decode(first, type=Title).workflow))
        return found

    @cached_property
    def pages(self) -> list[Text]:
        """The pages and scripts in the code's folders."""
        near = [path for path in self.paths if self._folders.intersection(path.parents)]
        return [
            self._text(path)
            for path in near
            if path.suffix in {".html", ".js", ".ts", ".tsx", ".jsx", ".vue", ".svelte"}
        ]

    def has_tools(self, text: Text) -> bool:
        """Whether it says which commands to give."""
        return re.search(_TOOLS, text.text) is not None

    def _text(self, path: Path) -> Text:
        try:
            with path.open("rb") as file:
                return Text(shown(path), file.read(_BYTES_MAX).decode(errors="replace"))
        except OSError:
            return Text(shown(path), "")

    def _may_import(self, path: Path) -> bool:
        """Whether a file has the words at all: parsing every test of a project takes seconds."""
        text = self._text(path).text
        return any(
            all(word in text for word in module.split(".")[-2:]) or ("from ." in text and module.split(".")[-1] in text)
            for module in self._modules
        )

    def _tests_in(self, path: Path) -> Iterator[Tested]:
        source = self._library.known(path)
        if source is None or self._modules.isdisjoint(imports_of(source)):
            return
        for node in ast.walk(source.scope.node):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                text = ast.unparse(node).lower()
                ways = frozenset(way for way, pattern in WAYS.items() if re.search(pattern, text))
                yield Tested(f"{source.file}:{node.lineno}", node.name, ways)
