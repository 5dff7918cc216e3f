"""JSON Schemas of types, for whoever writes plain JSON for them: https://json-schema.org/draft/2020-12."""

from typing import Any, cast

import msgspec


def json_schema(type_: Any) -> dict[str, Any] | None:
    """The schema of what a type is made of; None where it has none."""
    model: object = getattr(type_, "model_json_schema", None)
    try:
        return cast(dict[str, Any], model()) if callable(model) else msgspec.json.schema(type_)
    except Exception:  # pydantic's and msgspec's own, and whatever a class of the user's raises
        return None
