"""How functions become definitions: their names, and what is refused."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from perdure.codec.trust import trust_module
from perdure.errors import DefinitionInvalid


def name_of(function: Callable[..., Any]) -> str:
    """`module:qualname`; for `__main__` the file's name, or the one that `python -m` was given."""
    module = function.__module__
    if module == "__main__":
        module = _main_name()
    return f"{module}:{function.__qualname__}"


def place_of(function: Callable[..., Any]) -> str:
    """`file:line` of the definition."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "unknown:0"


def signature_of(name: str, function: Callable[..., Any]) -> inspect.Signature:
    """The signature. Raises: DefinitionInvalid where it can't be recorded by name."""
    if not inspect.isfunction(function):
        kind = type(cast(object, function)).__name__
        hint = f"; put @{kind} outermost" if kind in ("staticmethod", "classmethod") else ""
        raise DefinitionInvalid(name, f"it is a {kind}, not a function{hint}")
    trust_module(function.__module__)
    return inspect.signature(function)


def closed_over(function: Callable[..., Any]) -> list[str]:
    """The names of the variables that the function closes over."""
    code = getattr(function, "__code__", None)
    return [name for name in (code.co_freevars if code is not None else ()) if name != "__class__"]


def _main_name() -> str:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return spec.name.removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "__main__"
