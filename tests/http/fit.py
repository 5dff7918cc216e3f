"""Whether a value fits a JSON Schema, as far as our own OpenAPI document uses them."""

import re
from typing import Any, cast

TYPES: dict[str, Any] = {
    "string": str, "boolean": bool, "integer": int, "number": int | float, "object": dict, "array": list, "null": None,
}  # fmt: skip
KNOWN = {
    "$ref", "additionalProperties", "const", "contentMediaType", "contentSchema", "description", "enum", "format", "items",
    "maxItems", "maxLength", "minItems", "minLength", "oneOf", "pattern", "properties", "required", "type",
}  # fmt: skip


def fits(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> bool:
    """Raises: AssertionError for a schema that says something else than these."""
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        return fits(value, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "oneOf" in schema:
        return sum(fits(value, each, document) for each in schema["oneOf"]) == 1
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kinds = schema.get("type", [*TYPES])
    if not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if isinstance(value, str):
        long = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return long and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, list):
        many = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return many and all(fits(each, schema.get("items", {}), document) for each in value)
    return not isinstance(value, dict) or _object_fits(cast(dict[str, Any], value), schema, document)


def _is(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    return isinstance(value, TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)


def _object_fits(value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any]) -> bool:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    return value.keys() >= set(schema.get("required", ())) and all(
        fits(each, known[name], document) if name in known else others is not False and fits(each, others, document)
        for name, each in value.items()
    )
