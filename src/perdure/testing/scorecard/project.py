"""Which files a scorecard reads: those that were named, what they import of this project, and their neighbours that
import them. The project's root is the nearest folder above with a pyproject.toml, setup.py, setup.cfg or .git."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from perdure.errors import DefinitionInvalid, UsageError
from perdure.replay.linter import files_of, read_source
from perdure.testing.scorecard.code import Code, File

COMMAND = "perdure scorecard"
_ROOTS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def read_code(targets: Sequence[str]) -> Code:
    """Raises: ArgumentsInvalid (no such file or module), DefinitionInvalid (no Python), UsageError (no workflow)."""
    named = {Path(file).resolve(): _read(file, scored=True) for file in files_of(targets, COMMAND)}
    files = dict(named)
    _add(files, (path for file in named.values() for path in _imported(file)))
    names = {file.module for file in named.values()}
    neighbours = [path for folder in {path.parent for path in named} for path in sorted(folder.glob("*.py"))]
    importing = [path for path in neighbours if path not in files and _imports(path, names)]
    _add(files, importing)
    code = Code([*files.values()])
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


def module_of(file: str) -> str:
    """The dotted name under which a file is imported: from the folder above its outermost package."""
    path = Path(file).resolve()
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def imports_of(file: File) -> Iterator[str]:
    """All modules, and names in modules, that a file imports, by their full names."""
    package = file.module.split(".")
    if Path(file.path).name != "__init__.py":
        package.pop()
    for node in ast.walk(file.scope.node):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _read(file: str, *, scored: bool) -> File:
    source = read_source(file, COMMAND)
    return File(file, module_of(file), source, scored)


def _add(files: dict[Path, File], paths: Iterable[Path]) -> None:
    """What was named by nobody may be broken: then it's no evidence of anything."""
    waiting = [*paths]
    while waiting:
        path = waiting.pop(0)
        if path in files:
            continue
        try:
            files[path] = _read(shown(path), scored=False)
        except UsageError:
            continue
        waiting += _imported(files[path])


def shown(path: Path) -> str:
    """As people know it: from the current folder, if it lies there."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _imported(file: File) -> Iterator[Path]:
    """The files of this project that a file imports; packages that are installed elsewhere are nobody's evidence."""
    path = Path(file.path).resolve()
    above = path.parents[len(file.module.split(".")) - (path.name != "__init__.py")]
    for name in dict.fromkeys(imports_of(file)):
        for folder in dict.fromkeys((above, path.parent)):
            whole = folder.joinpath(*name.split("."))
            for candidate in (whole.with_suffix(".py"), whole / "__init__.py"):
                if name and candidate.is_file():
                    yield candidate.resolve()


def _imports(path: Path, names: set[str]) -> bool:
    try:
        return not names.isdisjoint(imports_of(_read(shown(path), scored=False)))
    except DefinitionInvalid:
        return False
