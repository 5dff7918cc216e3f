import pytest

from perdure.worlds.sqlite.row import COLUMNS, from_json, to_json, to_record


@pytest.mark.parametrize("attributes", [{}, {"a": "1", "": 'é\0"'}])
def test_attributes_come_back(attributes: dict[str, str]) -> None:
    assert from_json(to_json(attributes)) == attributes


def test_no_attributes_take_no_room() -> None:
    assert to_json({}) is None


def test_a_record_has_the_columns_in_order() -> None:
    names = COLUMNS.split(", ")
    values = {name: name for name in names} | {"attributes": '{"a": "b"}'}
    record = to_record(tuple(values.values()))
    assert {name: getattr(record, name) for name in names} == values | {"attributes": {"a": "b"}}
