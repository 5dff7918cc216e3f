"""Which files a scorecard reads: those that were named, what they import of this project, and their neighbours that
import them. The project's root is the nearest folder above with a pyproject.toml, setup.py, setup.cfg or .git."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from perdure.errors import UsageError
from perdure.replay.linter import files_of
from perdure.replay.linter.bindings import joined
from perdure.replay.linter.library import Library, module_of
from perdure.replay.linter.source import Source
from perdure.testing.scorecard.code import Code, File

COMMAND = "perdure scorecard"
_ROOTS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def read_code(targets: Sequence[str]) -> Code:
    """Raises: ArgumentsInvalid (no such file or module), DefinitionInvalid (no Python), UsageError (no workflow)."""
    reading = _Reading()
    for file in files_of(targets, COMMAND):
        reading.add_named(file)
    named = [*reading.files]
    for imported in [each for path in named for each in reading.imported(path)]:
        reading.add(imported)
    names = {reading.files[path].module for path in named}
    for neighbour in [path for folder in {path.parent for path in named} for path in sorted(folder.glob("*.py"))]:
        source = reading.library.known(neighbour)
        if source is not None and not names.isdisjoint(imports_of(source)):
            reading.add(neighbour)
    code = Code([*reading.files.values()])
    if not code.workflows:
        raise UsageError(
            f"{', '.join(targets)} defines no workflow: name the files or modules whose functions have @workflow"
        )
    return code


def root_of(file: str) -> Path:
    """The project's folder; the file's own where nothing marks one."""
    folder = Path(file).resolve().parent
    return next(
        (above for above in (folder, *folder.parents) if any((above / mark).exists() for mark in _ROOTS)), folder
    )


def imports_of(source: Source) -> Iterator[str]:
    """All modules, and names in modules, that a file imports, by their full names."""
    home = source.scope.home
    assert home is not None, "it was read from a library"
    for node in ast.walk(source.scope.node):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = home.absolute("." * node.level + (node.module or ""))
            yield module
            yield from (joined(module, alias.name) for alias in node.names)


class _Reading:
    """The files that are read, in their order; `library` has them all."""

    def __init__(self) -> None:
        self.library = Library(COMMAND)
        self.files: dict[Path, File] = {}

    def add_named(self, file: str) -> None:
        """Raises: UsageError."""
        self._add(Path(file).resolve(), self.library.read(file), scored=True)

    def add(self, path: Path) -> None:
        """And what it imports. What was named by nobody may be broken: then it's no evidence of anything."""
        waiting = [path]
        while waiting:
            path = waiting.pop(0)
            source = self.library.known(path) if path not in self.files else None
            if source is not None:
                self._add(path, source, scored=False)
                waiting += self.imported(path)

    def imported(self, path: Path) -> list[Path]:
        """The files of this project that a file imports; packages that are installed elsewhere are nobody's evidence."""
        names = dict.fromkeys(imports_of(self.files[path].source))
        found = (self.library.file_of(name, path) for name in names)
        return [each for each in found if each is not None]

    def _add(self, path: Path, source: Source, *, scored: bool) -> None:
        self.files[path] = File(source.file, module_of(path), source, scored)
