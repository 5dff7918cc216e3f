"""Records out of their JSON: what another process's inspector tells, as the record that it was."""

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from perdure.api.records import Record, camel

R = TypeVar("R", bound=Record)


def record_of(kind: type[R], told: Any) -> R:
    """The record whose `as_json` this is. What a newer version tells beside it is left out.

    Raises: msgspec.ValidationError, where it is none's.
    """
    return msgspec.convert(_named(kind, told), kind)


def _named(kind: Any, value: Any) -> Any:
    """With the names of the record's fields, and of those in it; the keys of users stay."""
    if is_dataclass(kind):
        if not isinstance(value, dict):
            return value
        told, types = cast(dict[str, Any], value), get_type_hints(kind)
        keys = {part.name: camel(part.name) for part in fields(kind)}
        return {name: _named(types[name], told[key]) for name, key in keys.items() if key in told}
    records = [each for each in get_args(kind) if is_dataclass(each)]
    if not records or value is None:
        return value
    if isinstance(value, list):
        return [_named(records[0], item) for item in cast(list[Any], value)]
    return _named(records[0], value)
