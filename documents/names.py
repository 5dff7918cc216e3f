"""The public names, as griffe reads them in the sources: nothing of perdure is run for that."""

from functools import cache
from pathlib import Path

import griffe

ROOT = Path(__file__).parents[1]
PUBLIC = ("perdure", "perdure.sync", "perdure.http", "perdure.http.verify", "perdure.agent", "perdure.testing")
"""Modules whose `__all__` is a promise."""

Named = griffe.Module | griffe.Class | griffe.Function | griffe.Attribute | griffe.TypeAlias


@cache
def package() -> griffe.Module:
    loaded = griffe.load("perdure", search_paths=[ROOT / "src"])
    assert isinstance(loaded, griffe.Module)
    return loaded


def named(path: str) -> Named:
    """What has this name: `perdure.Run.cancel`. Raises: KeyError.

    Where a module imports a name that a module below it has too, as `perdure.http.wrap`, the import is meant.
    """
    owner: griffe.Object = package()
    found = owner
    for part in path.split(".")[1:]:
        owner, found = found, _real(found.members[part])
    imported = owner.imports.get(found.name, "")
    if isinstance(found, griffe.Module) and imported.startswith(f"{found.path}."):
        found = _real(found.members[imported.rpartition(".")[2]])
    assert isinstance(found, Named)
    return found


def _real(found: griffe.Object | griffe.Alias) -> griffe.Object:
    while isinstance(found, griffe.Alias):
        found = found.target
    return found


@cache
def public_names() -> dict[str, tuple[str, ...]]:
    """By module, what it promises. Those of `perdure.sync` are those of `perdure`."""
    promised = {module: _listed(module) for module in PUBLIC}
    return {**promised, "perdure.sync": promised["perdure"]}


def _listed(module: str) -> tuple[str, ...]:
    exports = named(module).exports or ()
    return tuple(sorted(str(name) for name in exports))


def is_public(path: str) -> bool:
    """Whether some module promises what is defined here."""
    return path in _homes()


@cache
def _homes() -> frozenset[str]:
    return frozenset(named(f"{module}.{name}").path for module, names in public_names().items() for name in names)


@cache
def errors() -> dict[str, griffe.Class]:
    """All of `perdure.errors`, by name, in the order of the module."""
    module = named("perdure.errors")
    return {name: member for name, member in module.members.items() if isinstance(member, griffe.Class)}


def members(owner: griffe.Class) -> list[griffe.Function | griffe.Attribute]:
    """Methods and properties that are its own, and public."""
    own = [member for name, member in owner.members.items() if not name.startswith("_")]
    return [
        member
        for member in own
        if isinstance(member, griffe.Function) or (isinstance(member, griffe.Attribute) and "property" in member.labels)
    ]


def explained(it: Named) -> str:
    """Its docstring; empty where there is none."""
    return it.docstring.value if it.docstring is not None else ""
