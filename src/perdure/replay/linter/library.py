"""The files of a project, by the names under which they import each other; each is read once, when it is asked for.

Packages that are installed elsewhere aren't the project's, nor are Python's and perdure's own modules.
"""

import os
import sys
from collections.abc import Iterator
from importlib.util import decode_source
from pathlib import Path

from perdure.errors import ArgumentsInvalid, DefinitionInvalid, UsageError
from perdure.replay.linter.names import Scope
from perdure.replay.linter.source import Source

COMMAND = "perdure check"
TOO_DEEP = "its expressions are nested too deeply"
_NOBODYS = {*sys.stdlib_module_names, "perdure"}
_INSTALLED = {"site-packages", "dist-packages"}


class Library:
    """`command`: who asks, for errors."""

    def __init__(self, command: str = COMMAND) -> None:
        self._command = command
        self._read: dict[Path, Source | None] = {}
        self._found: dict[tuple[Path, str], Path | None] = {}

    def read(self, path: str | os.PathLike[str]) -> Source:
        """A file, under the name that it was first asked for by.

        Raises: ArgumentsInvalid (can't be read), DefinitionInvalid (no Python).
        """
        whole = Path(path).resolve()
        source = self._read.get(whole)
        if source is None:
            text = _text_of(os.fspath(path), self._command)
            self._read[whole] = source = _parsed(os.fspath(path), text, Shelf(self, whole))
        return source

    def known(self, path: Path) -> Source | None:
        """As `read`, of a file that nobody has named: None where it is broken."""
        whole = path.resolve()
        if whole not in self._read:
            try:
                return self.read(shown(whole))
            except UsageError:
                self._read[whole] = None
        return self._read[whole]

    def file_of(self, name: str, importer: Path) -> Path | None:
        """The file of the module of this name, as a file of the project imports it; None: it's no file of the project."""
        key = importer.parent, name
        if key not in self._found:
            ours = bool(name) and name.partition(".")[0] not in _NOBODYS
            self._found[key] = next(_candidates(name, importer), None) if ours else None
        return self._found[key]


class Shelf:
    """Where a module lies: the `Home` of its names."""

    def __init__(self, library: Library, path: Path) -> None:
        self._library, self._path = library, path
        self.module = module_of(path)

    @property
    def source(self) -> Source:
        return self._library.read(self._path)

    def absolute(self, name: str) -> str:
        level = len(name) - len(name.lstrip("."))
        if not level:
            return name
        package = self.module.split(".")
        if self._path.name != "__init__.py":
            package.pop()
        return ".".join([*package[: len(package) - level + 1], *([name[level:]] if name[level:] else [])])

    def find(self, full_name: str) -> tuple[Scope, str] | None:
        name, rest = full_name, ""
        while name:
            path = self._library.file_of(name, self._path)
            if path is not None:
                source = self._library.known(path)
                return None if source is None else (source.scope, rest)
            name, _, last = name.rpartition(".")
            rest = f"{last}.{rest}" if rest else last
        return None


def module_of(file: str | os.PathLike[str]) -> str:
    """The dotted name under which a file is imported: from the folder above its outermost package."""
    path = Path(file).resolve()
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def shown(path: str | os.PathLike[str]) -> str:
    """As people know it: from the current folder, if it lies there."""
    relative = os.path.relpath(path)
    return os.fspath(path) if relative.startswith(os.pardir) else relative


def _candidates(name: str, importer: Path) -> Iterator[Path]:
    """From the folder above the importer's outermost package, or beside the importer, as a script has it."""
    above = importer.parents[len(module_of(importer).split(".")) - (importer.name != "__init__.py")]
    for folder in dict.fromkeys((above, importer.parent)):
        whole = folder.joinpath(*name.split("."))
        for candidate in (whole.with_suffix(".py"), whole / "__init__.py"):
            if candidate.is_file() and _INSTALLED.isdisjoint(candidate.parts):
                yield candidate.resolve()


def _text_of(file: str, command: str) -> str:
    try:
        return decode_source(Path(file).read_bytes())
    except OSError as error:
        raise ArgumentsInvalid(command, f"{file} can't be read: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise DefinitionInvalid(file, getattr(error, "msg", None) or str(error)) from error


def _parsed(file: str, text: str, shelf: Shelf) -> Source:
    try:
        return Source(file, text, home=shelf)
    except SyntaxError as error:
        raise DefinitionInvalid(f"{file}:{error.lineno}" if error.lineno else file, error.msg) from error
    except ValueError as error:
        raise DefinitionInvalid(file, str(error)) from error
    except RecursionError as error:
        raise DefinitionInvalid(file, TOO_DEEP) from error
