"""Which names in a payload mean something here: the classes and functions that a payload may refer to.

Nothing is ever imported for a payload, and no module's `__getattr__` is asked. A class is found only if it was
registered under the name, or stands in a module that defines workflows. (What an annotation names needs no trust: see
`reader`.)
"""

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePath
from types import ModuleType
from typing import Any, TypeVar

from msgspec import Struct

from perdure.errors import DuplicateName

C = TypeVar("C", bound=type)


class Reference(Struct, frozen=True, kw_only=True):
    """A kind of object that is recorded by name, because it is code: steps, workflows."""

    kind: str
    cls: type
    name_of: Callable[[Any], str]
    by_name: Callable[[str], Any]


class StandIn(Struct, frozen=True, kw_only=True):
    """A class whose objects present a value of another one: recorded as that value."""

    cls: type
    of: type
    wrap: Callable[[Any], Any]
    unwrap: Callable[[Any], Any]


_modules: set[str] = set()
_classes: dict[str, type] = {}
_names: dict[type, str] = {}
_references: dict[str, Reference] = {}
_stand_ins: dict[type, StandIn] = {}


def trust_module(name: str) -> None:
    """Let payloads name the classes of this module: each that defines workflows. A second call is harmless."""
    _modules.add(module_name(name))


def register(cls: C, *, name: str | None = None) -> C:
    """Let payloads name this class, from now on under `name`, which then outlives moves and renames. Returns the class.

    It is needed only for classes that no annotation names and that stand in no module with workflows. The same class from a
    reloaded module takes the name over. Raises: DuplicateName for any other class.
    """
    chosen = name or _own_name(cls)
    earlier = _classes.get(chosen)
    if earlier is not None and _own_name(earlier) != _own_name(cls):
        raise DuplicateName(chosen, _own_name(earlier), _own_name(cls))
    _classes[chosen] = cls
    _names[cls] = chosen
    return cls


def name_of(cls: type) -> str:
    """The name that payloads carry for this class: the registered one, else `module:qualname`."""
    return _names.get(cls) or _own_name(cls)


def resolve(name: str) -> type | None:
    """The class that a payload may mean by this name, or None. Looks only at what is loaded and trusted."""
    registered = _classes.get(name)
    if registered is not None:
        return registered
    module, _, qualname = name.partition(":")
    if module not in _modules:
        return None
    for loaded in _loaded(module):
        found = _in_module(loaded, qualname)
        if found is not None and _own_name(found) == name:
            return found
    return None


def resolve_below(base: type, name: str) -> type | None:
    """`base` or the loaded subclass of it that has this name: an annotation that names `base` vouches for them."""
    if name_of(base) == name:
        return base
    for subclass in type.__subclasses__(base):
        found = resolve_below(subclass, name)
        if found is not None:
            return found
    return None


def register_references(kind: str, cls: type, name_of: Callable[[Any], str], by_name: Callable[[str], Any]) -> None:
    """Record objects of `cls` by name, as `kind`. Call it where `cls` is defined, before any of them is encoded.

    `by_name` raises for a name that it doesn't know; its sentence becomes the DecodeError's reason.
    """
    _references[kind] = Reference(kind=kind, cls=cls, name_of=name_of, by_name=by_name)


def reference_for(cls: type) -> Reference | None:
    """How objects of this class are recorded by name, or None if they aren't."""
    return next((reference for reference in _references.values() if issubclass(cls, reference.cls)), None)


def reference_of_kind(kind: object) -> Reference | None:
    return _references.get(kind) if isinstance(kind, str) else None


def register_stand_in(cls: type, of: type, *, wrap: Callable[[Any], Any], unwrap: Callable[[Any], Any]) -> None:
    """Record objects of `cls` as the object of class `of` that `unwrap` gives. Where an annotation names `cls`, such an
    object is read, and wrapped. Call it where `cls` is defined, before any of them is encoded."""
    _stand_ins[cls] = StandIn(cls=cls, of=of, wrap=wrap, unwrap=unwrap)


def stand_in_for(cls: type) -> StandIn | None:
    return _stand_ins.get(cls)


def module_name(module: str) -> str:
    """A module's lasting name: for `__main__` that of its file, or `-m`'s, as a worker that imports it has it."""
    if module != "__main__":
        return module
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return spec.name
    file = getattr(main, "__file__", None)
    return PurePath(file).stem if file else module


@lru_cache(maxsize=4096)
def _own_name(cls: type) -> str:
    return f"{module_name(cls.__module__)}:{cls.__qualname__}"


def _loaded(module: str) -> list[ModuleType]:
    """The running script first: what it defines is newer than a second import of its file."""
    names = ("__main__", module) if module_name("__main__") == module else (module,)
    return [sys.modules[name] for name in names if name in sys.modules]


def _in_module(module: ModuleType, qualname: str) -> type | None:
    scope: Any = vars(module)
    found: object = None
    for part in qualname.split("."):
        found = scope.get(part)
        if not isinstance(found, type):
            return None
        scope = vars(found)
    return found if isinstance(found, type) else None
