"""How a name is called, or what it holds, as a stub file would say it."""

import re
from collections.abc import Iterator

import griffe

from documents.names import Named, is_public, named

WIDTH = 110
KEPT = {"perdure.model.duration.Duration"}
"""Aliases that stay names: the page explains them."""
POSITIONAL, KEYWORD = griffe.ParameterKind.positional_only, griffe.ParameterKind.keyword_only
VARIADIC = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}


def stub(it: Named, name: str, *, made: bool = False) -> list[str]:
    """The lines of a stub. `made`: of a class that is called by those who read this, how it is called."""
    match it:
        case griffe.Function():
            return [line for one in it.overloads or [it] for line in _call(one, name)]
        case griffe.Class() if has_fields(it):
            return _record(it, name)
        case griffe.Class() if made:
            made_by = next(one.members["__init__"] for one in (it, *it.mro()) if "__init__" in one.members)
            return _call(made_by, name)
        case griffe.Attribute() if "property" in it.labels:
            return [f"{name}: {typed(it.annotation)}"]
        case griffe.Attribute():
            return [f"{name} = {typed(it.value)}"]
        case _:
            return []


def _call(function: griffe.Object | griffe.Alias, name: str) -> list[str]:
    assert isinstance(function, griffe.Function)
    decorators = [str(decorator.value) for decorator in function.decorators]
    block = "asynccontextmanager" in decorators
    before = "async with " if block else "async " if "async" in function.labels else ""
    silent = block or function.returns is None or function.name == "__init__"
    after = "):" if block else ")" if silent else f") -> {typed(function.returns)}"
    return _wrapped(f"{before}{name}(", [*_parameters(function)], after)


def _parameters(function: griffe.Function) -> Iterator[str]:
    before: griffe.ParameterKind | None = None
    for parameter in function.parameters:
        if parameter.name in ("self", "cls") and isinstance(function.parent, griffe.Class):
            continue
        if before is POSITIONAL and parameter.kind is not POSITIONAL:
            yield "/"
        if parameter.kind is KEYWORD and before not in (KEYWORD, griffe.ParameterKind.var_positional):
            yield "*"
        before = parameter.kind
        options = options_of(parameter)
        if options is not None:
            yield from ["*", *(f"{line} = …" for line in _fields(options))]
        else:
            yield _parameter(parameter)
    if before is POSITIONAL:
        yield "/"


def _parameter(parameter: griffe.Parameter) -> str:
    stars = "" if parameter.kind is None else VARIADIC.get(parameter.kind, "")
    type_ = "" if parameter.annotation is None else f": {typed(parameter.annotation)}"
    if stars or parameter.default is None:
        return f"{stars}{parameter.name}{type_}"
    equals = " = " if type_ else "="
    return f"{parameter.name}{type_}{equals}{_value(parameter.default)}"


def options_of(parameter: griffe.Parameter) -> griffe.Class | None:
    """The TypedDict that `**options` are, where nobody but this function names it."""
    asked = re.fullmatch(r"Unpack\[(\w+)\]", str(parameter.annotation or ""))
    if asked is None or parameter.function is None:
        return None
    found = named(f"{parameter.function.module.path}.{asked[1]}")
    return found if isinstance(found, griffe.Class) and not is_public(found.path) else None


def has_fields(it: Named) -> bool:
    if not isinstance(it, griffe.Class):
        return False
    bases = {str(base).rpartition(".")[2] for base in it.bases}
    decorated = any(str(decorator.value).startswith("dataclass") for decorator in it.decorators)
    return decorated or bool(bases & {"TypedDict", "NamedTuple"})


def _record(it: griffe.Class, name: str) -> list[str]:
    bases = [str(base) for base in it.bases if str(base) in ("TypedDict", "NamedTuple")]
    decorators = [f"@{decorator.value}".replace("slots=True, ", "") for decorator in it.decorators]
    total = ", total=False" if bases == ["TypedDict"] else ""
    heading = f"class {name}({bases[0]}{total}):" if bases else f"class {name}:"
    return [*decorators, heading, *(f"    {line}" for line in _fields(it))]


def _fields(it: griffe.Class) -> Iterator[str]:
    for name, member in it.members.items():
        if isinstance(member, griffe.Attribute) and member.annotation is not None and "property" not in member.labels:
            value = "" if member.value is None else f" = {_value(member.value)}"
            yield f"{name}: {typed(member.annotation)}{value}"


def _value(value: object) -> str:
    """As the sources have it; a factory of an empty container is that container."""
    found = _constant(value) if isinstance(value, griffe.ExprName) else None
    text = re.sub(r"'([^'\"]*)'", r'"\1"', str(value if found is None else found))
    made = re.fullmatch(r"field\(default_factory=(dict|list|tuple)(\[.*\])?\)", text)
    return {"dict": "{}", "list": "[]", "tuple": "()"}[made[1]] if made else text


def _constant(name: griffe.ExprName) -> object:
    """What a constant of ours is, where that says more than its name."""
    found = named(name.canonical_path) if name.canonical_path.startswith("perdure.") else None
    value = found.value if isinstance(found, griffe.Attribute) else None
    return None if isinstance(value, griffe.ExprCall) else value


def typed(annotation: object) -> str:
    """An annotation, in which aliases that nobody promises are what they stand for."""
    text = str(annotation)
    if isinstance(annotation, griffe.Expr):
        for part in annotation.iterate(flat=True):
            meant = _meant(part) if isinstance(part, griffe.ExprName) else None
            if meant is not None:
                text = re.sub(rf"(?<![\w.]){part}(?!\w)", lambda _, meant=meant: meant, text)
    return re.sub(r"'([^'\"]*)'", r'"\1"', text)


def _meant(name: griffe.ExprName) -> str | None:
    path = name.canonical_path
    if not path.startswith("perdure.") or path in KEPT or is_public(path):
        return None
    try:
        found = named(path)
    except KeyError:
        return None
    alias = found.value if isinstance(found, griffe.Attribute) and isinstance(found.value, griffe.Expr) else None
    return typed(alias) if alias is not None and not isinstance(alias, griffe.ExprCall) else None


def _wrapped(before: str, parts: list[str], after: str) -> list[str]:
    line = f"{before}{', '.join(parts)}{after}"
    if len(line) <= WIDTH or len(parts) < 2:
        return [line]
    return [before, *(f"    {part}," for part in parts), after]
