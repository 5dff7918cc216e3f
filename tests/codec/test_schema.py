"""Schemas of types."""

from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from perdure.codec.schema import json_schema


@dataclass
class Approval:
    approved: bool
    note: str = ""


class Order(pydantic.BaseModel):
    id: int


class Odd:
    def model_json_schema(self) -> None:
        """Of an object, not of the class."""


def test_a_dataclass() -> None:
    assert json_schema(Approval) == {
        "$ref": "#/$defs/Approval",
        "$defs": {
            "Approval": {
                "title": "Approval",
                "type": "object",
                "properties": {"approved": {"type": "boolean"}, "note": {"type": "string", "default": ""}},
                "required": ["approved"],
            }
        },
    }


def test_a_model() -> None:
    schema = json_schema(Order)
    assert schema is not None
    assert schema["properties"] == {"id": {"title": "Id", "type": "integer"}}


@pytest.mark.parametrize(("type_", "schema"), [(int, {"type": "integer"}), (Any, {}), (Odd, None), (complex, None)])
def test_others(type_: Any, schema: dict[str, Any] | None) -> None:
    assert json_schema(type_) == schema
