"""Modules and functions that are named on the command line, imported as Python would, the current folder first."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from perdure.engine.registry import REGISTRY
from perdure.engine.running import BUILT_IN
from perdure.errors import PerdureError, UsageError


def import_modules(modules: Iterable[str]) -> None:
    """Raises: UsageError where one can't be had."""
    for module in modules:
        _import(module)


def load_workflows(modules: Iterable[str]) -> None:
    """As `import_modules`. Raises: UsageError also where no workflow is known afterwards."""
    import_modules(modules)
    if not REGISTRY.served:
        raise UsageError(f"{', '.join(modules)} defines no workflow: name the modules whose functions have @workflow")


def load_steps(modules: Iterable[str]) -> None:
    """As `import_modules`. Raises: UsageError also where no step is known afterwards."""
    import_modules(modules)
    if all(step.name.startswith(BUILT_IN) for step in REGISTRY.steps()):
        raise UsageError(f"{', '.join(modules)} defines no step: name the modules whose functions have @step")


def function_named(text: str) -> Callable[..., Any]:
    """What `MODULE:FUNCTION` names. Raises: UsageError."""
    module, colon, path = text.partition(":")
    if not (module and colon and path):
        raise UsageError(f"{text!r} names no function: write MODULE:FUNCTION, as in app.access:authorize")
    found: Any = _import(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise UsageError(f"{module} has no function {path}")
    return found


def _import(module: str) -> Any:
    if module.endswith(".py") or os.sep in module:
        name = ".".join(Path(module).with_suffix("").parts)
        raise UsageError(f"{module} is a file: name the module, as an import would: {name}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(module)
    except PerdureError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise UsageError(f"there is no module {module}, neither in {os.getcwd()} nor where Python looks") from error
        raise _unimportable(module, error) from error
    except Exception as error:
        raise _unimportable(module, error) from error


def _unimportable(module: str, error: Exception) -> UsageError:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = f" ({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})" if traceback is not None else ""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}:{error.lineno})"
    return UsageError(f"{module} can't be imported: {type(error).__name__}: {error}{place}")
