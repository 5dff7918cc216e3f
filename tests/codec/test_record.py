from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from perdure.codec.misfit import Misfit
from perdure.codec.record import pydantic_adapter, record_of
from tests.codec.samples import (
    Animal,
    Bare,
    Circle,
    Colour,
    Counted,
    Declined,
    Line,
    Model,
    Movie,
    Order,
    Place,
    Point,
    Renamed,
    Seeded,
    Struct,
)  # fmt: skip


def record(cls: type) -> Any:
    found = record_of(cls)
    assert found is not None
    return found


@pytest.mark.parametrize("cls", [int, dict, tuple, Colour, Declined, Movie, pydantic.BaseModel, object])
def test_classes_that_are_no_records(cls: type) -> None:
    assert record_of(cls) is None


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (Line, ("sku", "count", "colour")),
        (Point, ("x", "y")),
        (Struct, ("name", "at", "tags")),
        (Place, ("street", "number")),
        (Bare, ("a", "b")),
        (Model, ("id", "at", "home", "lines", "secret")),
    ],
)
def test_the_names_of_fields(cls: type, names: tuple[str, ...]) -> None:
    assert record(cls).names == names


@pytest.mark.parametrize(
    ("cls", "given", "made"),
    [
        (Line, {"sku": "a", "colour": Colour.GREEN}, Line("a", 1, Colour.GREEN)),
        (Struct, {"name": "a"}, Struct("a")),
        (Place, {"street": "a"}, Place("a", 1)),
        (Model, {"id": 1}, Model(id=1)),
    ],
)
def test_new_fields_take_their_defaults(cls: type, given: dict[str, Any], made: object) -> None:
    assert record(cls).restore({**given, "gone": 5}, {}) == made
    assert record(cls).construct({**given, "gone": 5}) == made


@pytest.mark.parametrize(
    ("cls", "field"), [(Line, "sku"), (Struct, "name"), (Place, "street"), (Bare, "a"), (Renamed, "first_name")]
)
@pytest.mark.parametrize("way", ["restore", "construct"])
def test_a_field_without_a_default(cls: type, field: str, way: str) -> None:
    with pytest.raises(Misfit) as caught:
        record(cls).restore({}, {}) if way == "restore" else record(cls).construct({})
    name = cls.__qualname__
    assert caught.value.reason == f"it has no field '{field}', and {name} has no default for it: give it one"


def test_a_models_field_without_a_default() -> None:
    with pytest.raises(Misfit) as caught:
        record(Model).restore({}, {})
    assert caught.value.reason == "it has no field 'id', and Model has no default for it: give it one"
    with pytest.raises(Misfit) as caught:
        record(Model).construct({})
    assert (caught.value.reason, caught.value.path("x")) == ("field required", 'x["id"]')


def test_a_field_that_was_never_set_stays_unset() -> None:
    value = object.__new__(Counted)
    value.count = 1
    assert record(Counted).read(value) == {"count": 1}
    assert not hasattr(record(Seeded).restore({}, {}), "value")


def test_construct_runs_the_classes_own_checks() -> None:
    @dataclass
    class Positive:
        n: int

        def __post_init__(self) -> None:
            if self.n <= 0:
                raise ValueError("not positive")

    with pytest.raises(Misfit) as caught:
        record(Positive).construct({"n": 0})
    assert caught.value.reason.endswith("Positive refused it (ValueError: not positive)")


def test_an_abstract_class() -> None:
    @dataclass
    class Abstract(ABC):
        n: int

        @abstractmethod
        def area(self) -> float: ...

    with pytest.raises(Misfit, match="can't be restored"):
        record(Abstract).restore({"n": 1}, {})


def test_unset_fields_of_a_struct_are_not_read() -> None:
    assert record(Renamed).read(Renamed(first_name="a")) == {"first_name": "a"}
    assert record(Renamed).fields_in({"firstName": "a", "other": 1}) == {"first_name": "a"}


def test_a_struct_of_another_tag() -> None:
    assert record(Circle).fields_in({"type": "circle", "size": 1}) == {"size": 1}
    with pytest.raises(Misfit) as caught:
        record(Circle).fields_in({"type": "square", "size": 1})
    assert caught.value.reason == "its 'type' is 'square', and Circle has 'circle'"


def test_one_annotation_that_cannot_be_evaluated_takes_no_other_with_it() -> None:
    class Partly(Animal):
        pass

    Partly.__annotations__ = {"odd": "NoSuchName", "order": "Order"}
    Partly.__module__ = Order.__module__
    hints = record(dataclass(Partly)).hints()
    assert (hints["odd"], hints["order"], hints["name"]) == (Any, Order, str)


def test_pydantics_own_types() -> None:
    assert pydantic_adapter(int) is None
    adapter = pydantic_adapter(pydantic.HttpUrl)
    assert str(adapter.validate_python("https://a.b/")) == "https://a.b/"
