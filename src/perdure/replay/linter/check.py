"""The linter's ways in: a function that runs, a file, a module by name, or a list of targets as a person types them.

Nothing is imported or run: a module's file is found by asking Python's finders, one package after the other.
"""

import linecache
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from inspect import unwrap
from typing import Any

from perdure.errors import ArgumentsInvalid, DefinitionInvalid
from perdure.replay.linter.finding import Finding
from perdure.replay.linter.library import COMMAND, TOO_DEEP, Library, shown
from perdure.replay.linter.source import Source

# Workflows are registered module by module: the one that was read last is kept.
_latest: tuple[str, dict[str, Any], Source] | None = None


def check_function(fn: Callable[..., Any]) -> list[Finding]:
    """The findings in a function, as a workflow's body, and in what it calls in its module.

    Empty too where the source can't be had: a shell, a frozen program. It takes milliseconds, most of them for
    the first function of a module.
    """
    function = unwrap(fn)
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    try:
        return _running(code.co_filename, text, function.__globals__).check_function(code.co_name, code.co_firstlineno)
    except (SyntaxError, ValueError, RecursionError):  # it has been edited since
        return []


def check_file(path: str | os.PathLike[str]) -> list[Finding]:
    """The findings in a file's workflows, and in what they reach in other files of the project.

    Raises: ArgumentsInvalid (can't be read), DefinitionInvalid (no Python).
    """
    return _found_in([path])


def check_module(name: str) -> list[Finding]:
    """The findings in a module's workflows; in all modules of a package. Raises: as `check_file`."""
    return _found_in(_files_of_module(name, COMMAND))


def check_paths(targets: Sequence[str]) -> list[Finding]:
    """The findings in files, folders and modules, in the order given, none twice. Raises: as `check_file`."""
    return _found_in(files_of(targets))


def files_of(targets: Sequence[str], command: str = COMMAND) -> list[str]:
    """The Python files of files, folders and modules, in the order given, each once. Raises: ArgumentsInvalid."""
    return [*dict.fromkeys(file for target in targets for file in _files_of_target(target, command))]


def _found_in(files: Iterable[str | os.PathLike[str]]) -> list[Finding]:
    library = Library()
    found: dict[tuple[str, int, int, str], Finding] = {}
    for source in [library.read(file) for file in files]:
        for finding in _findings_in(source):
            found.setdefault(finding.place, finding)
    return [*found.values()]


def _findings_in(source: Source) -> list[Finding]:
    try:
        return source.check()
    except RecursionError as error:  # newer Pythons parse what is deeper than they can be walked through
        raise DefinitionInvalid(source.file, TOO_DEEP) from error


def _running(file: str, text: str, live: dict[str, Any]) -> Source:
    global _latest
    if _latest is None or _latest[0] != text or _latest[1] is not live:
        _latest = text, live, Source(file, text, live)
    return _latest[2]


def _files_of_target(target: str, command: str) -> list[str]:
    if os.path.isdir(target):
        return _files_in(target)
    if os.path.exists(target) or target.endswith(".py") or os.sep in target:
        return [target]
    return _files_of_module(target, command)


def _files_of_module(name: str, command: str) -> list[str]:
    spec: ModuleSpec | None = None
    for part in name.split("."):
        spec = _find_spec(part, spec) if part.isidentifier() else None
        if spec is None:
            raise ArgumentsInvalid(command, f"{name!r} is neither a file, nor a module that can be found here")
    assert spec is not None
    if spec.submodule_search_locations:
        return [file for folder in spec.submodule_search_locations for file in _files_in(folder)]
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise ArgumentsInvalid(command, f"the module {name!r} has no Python source")
    return [shown(spec.origin)]


def _find_spec(part: str, package: ModuleSpec | None) -> ModuleSpec | None:
    """Ask for a module without importing its package, unlike `importlib.util.find_spec`; the current folder first."""
    if package is not None:
        return PathFinder.find_spec(part, list(package.submodule_search_locations or []))
    here = PathFinder.find_spec(part, [os.getcwd()])
    specs = (finder.find_spec(part, None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    return here or next((spec for spec in specs if spec is not None), None)


def _files_in(folder: str) -> list[str]:
    """All Python files below, but for hidden folders and virtual environments."""
    files: list[str] = []
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and not os.path.exists(os.path.join(path, name, "pyvenv.cfg"))
        )  # fmt: skip
        files += [shown(os.path.join(path, name)) for name in sorted(names) if name.endswith(".py")]
    return files
