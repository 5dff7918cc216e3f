"""What isn't explained: public names without a docstring, or whose docstring leaves out a parameter or an error."""

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator
from functools import cache

import griffe

from documents.command import commands
from documents.names import Named, errors, explained, members, named, public_names
from documents.page import regions
from documents.signature import has_fields, options_of
from documents.text import RAISES
from documents.variables import variables

VARIADIC = (griffe.ParameterKind.var_positional, griffe.ParameterKind.var_keyword)


def complaints() -> list[str]:
    return [*unexplained(), *unmentioned(), *unplaced()]


def promised() -> Iterator[tuple[str, Named, str]]:
    """Each public name and each public member of it: how it is called, what it is, and what is said of what it belongs to."""
    for module, names in public_names().items():
        for name in names:
            it = named(f"{module}.{name}")
            if isinstance(it, griffe.Attribute) and module == "perdure.sync":
                continue  # made of a function of `perdure`, with its docstring
            yield f"{module}.{name}", it, ""
            if isinstance(it, griffe.Class):
                yield from ((f"{module}.{name}.{member.name}", member, explained(it)) for member in members(it))


def unexplained() -> Iterator[str]:
    for path, it, _ in promised():
        if not explained(it) and not overrides(it):
            yield f"{path}: it has no docstring"
    for name, text in variables().items():
        if not text:
            yield f"{name}: nothing below it says what it means"
    tree = explained(named("perdure.errors"))
    yield from (f"perdure.errors: the tree on top leaves out {name}" for name in errors() if not mentions(tree, name))


def unmentioned() -> Iterator[str]:
    for path, it, around in promised():
        said = f"{around} {explained(it)} {referred(it)}"
        for call in calls_of(path, it):
            for parameter in optional(call):
                if not mentions(said, parameter):
                    yield f"{path}: its docstring doesn't say what {parameter} means"
            for error in raised(call):
                if not mentions(said, error):
                    yield f"{path}: its docstring doesn't say that it raises {error}"
        yield from (f"{path}: it says that it raises {name}, which is nothing" for name in unknown(it))


def unplaced() -> Iterator[str]:
    """Names that no page explains. Those of `perdure.sync` are in its table; errors are in their tree."""
    placed = {region.name for region in regions()}
    known = {" ".join((region.what, *region.words)) for region in regions()}
    needed = ["errors", "sync", "variables", "commands", *(f"command {path}" for path in commands())]
    for what in needed:
        grouped = what.removeprefix("command ").rpartition(" ")[0]
        if what not in known and f"group {grouped}" not in known:
            yield f"{what}: no page of docs/reference has it; write <!-- reference: {what} --> there"
    for module, names in public_names().items():
        for name in names:
            path = f"{module}.{name}"
            if module != "perdure.sync" and path not in placed and name not in errors():
                yield f"{path}: no page of docs/reference has it; write <!-- reference: name {path} --> there"


def overrides(it: Named) -> bool:
    """Whether what it stands in for explains it."""
    owner = it.parent
    above = owner.mro() if isinstance(owner, griffe.Class) else []
    return any(explained(member) for cls in above if isinstance(member := cls.members.get(it.name), griffe.Function))


def calls_of(path: str, it: Named) -> list[griffe.Function]:
    """How it is called: of a class only where the page shows that, since perdure makes all others itself."""
    made = it.members.get("__init__") if isinstance(it, griffe.Class) and path in _made() else it
    return [made] if isinstance(made, griffe.Function) else []


@cache
def _made() -> frozenset[str]:
    return frozenset(
        region.name for region in regions() if "made" in region.words or has_fields(named(region.name or "perdure"))
    )


def optional(function: griffe.Function) -> Iterator[str]:
    """Parameters that can be left out; what must be given, the first sentence is about."""
    for one in function.overloads or [function]:
        for parameter in one.parameters:
            options = options_of(parameter)
            if options is not None:
                yield from (name for name in options.members if not name.startswith("_"))
            elif parameter.default is not None and parameter.kind not in VARIADIC:
                yield parameter.name


def raised(function: griffe.Function) -> set[str]:
    """Errors of ours that it raises itself."""
    tree = ast.parse(textwrap.dedent(function.source))
    made = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call))
    return {call.func.id for call in made if isinstance(call.func, ast.Name) and call.func.id in errors()}


def referred(it: Named, *seen: Named) -> str:
    """What is said of those that this docstring points to, and of those that theirs do: "As `create_hook`"."""
    names = re.findall(r"[Aa]s (?:for )?`(?:perdure\.)?([\w.]+)`", explained(it))
    others = [found for name in names if (found := _public(name, it)) is not None and found not in (it, *seen)]
    return " ".join(f"{explained(other)} {referred(other, it, *seen)}" for other in others)


def _public(name: str, near: Named) -> Named | None:
    for module in ("perdure", near.module.path, *public_names()):
        try:
            return named(f"{module}.{name}")
        except KeyError:
            continue
    return None


def unknown(it: Named) -> Iterator[str]:
    """Names of classes behind "Raises:" that are none."""
    known = {
        *dir(builtins),
        *errors(),
        *it.module.members,
        *(name for names in public_names().values() for name in names),
    }
    if RAISES in explained(it):
        told = re.sub(r"`[^`]*`", "", explained(it).rpartition(RAISES)[2])
        yield from sorted(set(re.findall(r"\b[A-Z]\w*[a-z][A-Z]\w*\b", told)) - known)


def mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
