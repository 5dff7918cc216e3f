"""Classes that are sets of named fields: dataclasses, msgspec Structs, NamedTuples, pydantic models.

Two ways lead back to an object. `restore` puts together what perdure took apart: no `__init__`, each field as it was
recorded; `__post_init__` runs, so that what it derives is there, but what was recorded wins over it. `construct` makes
an object from a stranger's plain JSON, the way its class is meant to be made, with all of its own checks.
"""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast, get_type_hints

import msgspec

from perdure.codec.misfit import Misfit
from perdure.codec.node import Node

_POST_INIT = "__post_init__"
_MISSING = object()
_new: Callable[[type], Any] = object.__new__


class Record:
    """What the codec asks of a class with fields. `names` are its fields, in order."""

    checks_itself = False
    """Whether `construct` wants plain values, unknown ones too, and applies the annotations by itself."""

    def __init__(self, cls: type, names: tuple[str, ...]) -> None:
        self.cls = cls
        self.names = names

    def hints(self) -> Mapping[str, Any]:
        """The annotations by field; one that can't be evaluated is Any."""
        return _hints(self.cls)

    def read(self, value: Any) -> dict[str, Any]:
        """The fields of an object; one that was never set is left out."""
        try:
            return {name: getattr(value, name) for name in self.names}
        except AttributeError:
            return {name: getattr(value, name) for name in self.names if hasattr(value, name)}

    def marks(self, value: Any) -> dict[str, Node]:
        """What is recorded beside the fields, in the tagged node itself."""
        return {}

    def restore(self, values: dict[str, Any], node: dict[str, Node]) -> Any:
        raise NotImplementedError

    def construct(self, values: dict[str, Any]) -> Any:
        raise NotImplementedError

    def fields_in(self, node: dict[str, Node]) -> dict[str, Node]:
        """The fields that plain JSON holds, by their names in Python."""
        return node

    def missing(self, name: str) -> Misfit:
        return Misfit(f"it has no field {name!r}, and {self.cls.__qualname__} has no default for it: give it one")

    def made(self, make: Callable[..., Any], values: dict[str, Any]) -> Any:
        """What the class makes of these values; its objection is ours."""
        try:
            return make(**values)
        except Exception as error:
            raise Misfit(f"{self.cls.__qualname__} refused it ({type(error).__name__}: {error})") from None


class DataclassRecord(Record):
    def __init__(self, cls: type) -> None:
        self.fields = dataclasses.fields(cast("Any", cls))
        super().__init__(cls, tuple(each.name for each in self.fields))
        takes_extras = any(
            isinstance(each, dataclasses.InitVar) or "InitVar" in str(each)
            for base in cls.__mro__
            for each in vars(base).get("__annotations__", {}).values()
        )
        self.derives = hasattr(cls, _POST_INIT) and not takes_extras

    def restore(self, values: dict[str, Any], node: dict[str, Node]) -> Any:
        try:
            made = _new(self.cls)
        except TypeError as error:  # an abstract class, or one that builds on a list
            raise Misfit(f"{self.cls.__qualname__} can't be restored ({error})") from None
        put = object.__setattr__
        for each in self.fields:
            if each.name in values:
                put(made, each.name, values[each.name])
            elif (default := self._default(each)) is not _MISSING:
                put(made, each.name, default)
        if self.derives:
            self.made(made.__post_init__, {})
            for name in self.names:
                if name in values:
                    put(made, name, values[name])
        return made

    def construct(self, values: dict[str, Any]) -> Any:
        given = {each.name: values[each.name] for each in self.fields if each.init and each.name in values}
        for each in self.fields:
            if each.init and each.name not in given and self._default(each) is _MISSING:
                raise self.missing(each.name)
        return self.made(self.cls, given)

    def _default(self, each: "dataclasses.Field[Any]") -> Any:
        if each.default is not dataclasses.MISSING:
            return each.default
        if each.default_factory is not dataclasses.MISSING:
            return each.default_factory()
        if each.init:
            raise self.missing(each.name)
        return _MISSING


class StructRecord(Record):
    def __init__(self, cls: type[msgspec.Struct]) -> None:
        names = cls.__struct_fields__
        super().__init__(cls, names)
        self.renamed = dict(zip(cls.__struct_encode_fields__, names, strict=True))
        defaults: tuple[Any, ...] = cls.__struct_defaults__
        first = len(names) - len(defaults)  # the defaults are those of the last fields
        late = [name for name, default in zip(names[first:], defaults, strict=True) if default is msgspec.NODEFAULT]
        self.required = [*names[:first], *late]
        self.config = cls.__struct_config__

    def read(self, value: Any) -> dict[str, Any]:
        return {name: item for name, item in super().read(value).items() if item is not msgspec.UNSET}

    def restore(self, values: dict[str, Any], node: dict[str, Node]) -> Any:
        made = self.construct(values)
        if hasattr(self.cls, _POST_INIT):
            for name in self.names:
                if name in values:
                    msgspec.structs.force_setattr(made, name, values[name])
        return made

    def construct(self, values: dict[str, Any]) -> Any:
        for name in self.required:
            if name not in values:
                raise self.missing(name)
        return self.made(self.cls, {name: values[name] for name in self.names if name in values})

    def fields_in(self, node: dict[str, Node]) -> dict[str, Node]:
        tag_field, tag = self.config.tag_field, self.config.tag
        if tag_field is not None and node.get(tag_field, tag) != tag:
            raise Misfit(f"its {tag_field!r} is {node[tag_field]!r}, and {self.cls.__qualname__} has {tag!r}")
        return {self.renamed[name]: item for name, item in node.items() if name in self.renamed}


class TupleRecord(Record):
    def __init__(self, cls: Any) -> None:
        super().__init__(cls, cls._fields)
        self.defaults: dict[str, Any] = cls._field_defaults

    def restore(self, values: dict[str, Any], node: dict[str, Node]) -> Any:
        return self.construct(values)

    def construct(self, values: dict[str, Any]) -> Any:
        values = {**self.defaults, **values}
        for name in self.names:
            if name not in values:
                raise self.missing(name)
        return cast("Any", tuple).__new__(self.cls, [values[name] for name in self.names])


class ModelRecord(Record):
    """A pydantic model, version 2, known only if the user has imported pydantic."""

    checks_itself = True

    def __init__(self, cls: Any) -> None:
        super().__init__(cls, tuple(cls.model_fields))
        self.fields: dict[str, Any] = cls.model_fields

    def hints(self) -> Mapping[str, Any]:
        return {name: each.annotation for name, each in self.fields.items()}

    def read(self, value: Any) -> dict[str, Any]:
        own = value.__dict__
        return {**{name: own[name] for name in self.names if name in own}, **(value.__pydantic_extra__ or {})}

    def marks(self, value: Any) -> dict[str, Node]:
        given = value.__pydantic_fields_set__
        return {} if given.issuperset(self.names) else {"set": sorted(given)}

    def restore(self, values: dict[str, Any], node: dict[str, Node]) -> Any:
        cls: Any = self.cls
        known = {name: values[name] if name in values else self._default(name) for name in self.names}
        extra = {name: item for name, item in values.items() if name not in self.fields}
        made = cls.__new__(cls)
        put = object.__setattr__
        put(made, "__dict__", dict(known))
        put(made, "__pydantic_fields_set__", set(node.get("set", values)))
        put(made, "__pydantic_extra__", extra if cls.model_config.get("extra") == "allow" else None)
        put(made, "__pydantic_private__", None)
        if cls.__pydantic_post_init__:
            self.made(lambda: made.model_post_init(None), {})
            made.__dict__.update(known)
        return made

    def construct(self, values: dict[str, Any]) -> Any:
        cls: Any = self.cls
        return validated(cls.model_validate, values)

    def _default(self, name: str) -> Any:
        if self.fields[name].is_required():
            raise self.missing(name)
        return self.fields[name].get_default(call_default_factory=True, validated_data={})


def validated(validate: Callable[[Any], Any], value: object) -> Any:
    """What pydantic makes of a plain value; the first of its objections, at its place, is ours."""
    try:
        return validate(value)
    except Exception as error:
        listed = getattr(error, "errors", None)
        if listed is None:
            raise Misfit(f"it was refused ({type(error).__name__}: {error})") from None
        first = listed()[0]
        misfit = Misfit(f"{first['msg'][:1].lower()}{first['msg'][1:]}")
        for part in reversed(first["loc"]):
            misfit.within(f"[{part}]" if isinstance(part, int) else f'["{part}"]')
        raise misfit from None


@lru_cache(maxsize=4096)
def record_of(cls: Any) -> Record | None:
    """How objects of this class are taken apart, or None if it isn't a class with fields."""
    if dataclasses.is_dataclass(cls):
        return DataclassRecord(cast("type", cls))
    if issubclass(cls, msgspec.Struct):
        return StructRecord(cls)
    if hasattr(cls, "_fields") and hasattr(cls, "_field_defaults") and issubclass(cls, tuple):
        return TupleRecord(cls)
    model = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return ModelRecord(cls) if model is not None and issubclass(cls, model) and cls is not model else None


def pydantic_adapter(cls: type) -> Any:
    """pydantic's own way with one of its types (an HttpUrl, say), or None."""
    adapter = getattr(sys.modules.get("pydantic"), "TypeAdapter", None)
    return _adapter(adapter, cls) if adapter is not None and hasattr(cls, "__get_pydantic_core_schema__") else None


@lru_cache(maxsize=1024)
def _adapter(adapter: Any, cls: type) -> Any:
    return adapter(cls)


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except Exception:  # a name that only a type checker sees, most often
        return {name: hint for base in reversed(cls.__mro__) for name, hint in _own_hints(base)}


def _own_hints(cls: type) -> list[tuple[str, Any]]:
    """One by one, so that an annotation that can't be evaluated takes no other with it."""
    names = vars(sys.modules.get(cls.__module__, dataclasses))
    found: list[tuple[str, Any]] = []
    for name, hint in vars(cls).get("__annotations__", {}).items():
        one = type(cls.__name__, (), {"__annotations__": {name: hint}})
        try:
            found.append((name, get_type_hints(one, names, include_extras=True)[name]))
        except Exception:
            found.append((name, Any))
    return found
