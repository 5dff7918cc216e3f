"""Definitions: arguments by name, and back into a call."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from perdure.errors import ArgumentsInvalid
from perdure.model.definition import Definition


def definition(function: Callable[..., Any]) -> Definition:
    return Definition(name="app:f", function=function, place="app.py:1", signature=inspect.signature(function))


def plain(a: int, b: int = 2) -> Any:
    return a, b


def positional(a: int, /, b: int) -> Any:
    return a, b


def keyword(a: int, *, b: int = 2) -> Any:
    return a, b


def variable(a: int, *rest: int, **options: str) -> Any:
    return a, rest, options


def nothing() -> Any:
    return ()


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "named"),
    [
        (plain, (1, 3), {}, {"a": 1, "b": 3}),
        (plain, (1,), {}, {"a": 1}),
        (plain, (), {"b": 3, "a": 1}, {"a": 1, "b": 3}),
        (positional, (1,), {"b": 3}, {"a": 1, "b": 3}),
        (keyword, (1,), {"b": 3}, {"a": 1, "b": 3}),
        (keyword, (1,), {}, {"a": 1}),
        (variable, (1, 2, 3), {"x": "y"}, {"a": 1, "rest": (2, 3), "options": {"x": "y"}}),
        (variable, (1,), {}, {"a": 1}),
        (nothing, (), {}, {}),
    ],
)
def test_arguments_by_name_and_back(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], named: dict[str, Any]
) -> None:
    made = definition(function)
    assert made.named(args, kwargs) == named
    assert made.call(named) == function(*args, **kwargs)
    assert list(made.bound(dict(reversed(named.items()))).arguments) == list(named)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "reason"),
    [
        (plain, (), {}, "missing a required argument: 'a'"),
        (plain, (1, 2, 3), {}, "too many positional arguments"),
        (plain, (1,), {"c": 1}, "got an unexpected keyword argument 'c'"),
        (plain, (1,), {"a": 1}, "multiple values for argument 'a'"),
        (keyword, (1, 2), {}, "too many positional arguments"),
        (keyword, (), {}, "missing a required argument: 'a'"),
        (nothing, (1,), {}, "too many positional arguments"),
    ],
)
def test_arguments_that_dont_fit(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        definition(function).named(args, kwargs)
    assert str(caught.value) == f"the arguments don't fit app:f: {reason}"
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("function", "named", "reason"),
    [
        (plain, {"b": 1}, "missing a required argument: 'a'"),
        (plain, {"a": 1, "c": 1}, "it has no parameter 'c'"),
        (plain, {"c": 1}, "it has no parameter 'c'"),
        (keyword, {}, "missing a required argument: 'a'"),
        (nothing, {"a": 1}, "it has no parameter 'a'"),
    ],
)
def test_recorded_arguments_that_dont_fit_todays_function(
    function: Callable[..., Any], named: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        definition(function).call(named)
    assert str(caught.value) == f"the arguments don't fit app:f: {reason}"


def test_a_type_error_inside_the_function_is_its_own() -> None:
    def breaks(a: int) -> int:
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$") as caught:
        definition(breaks).call({"a": 1})
    assert not isinstance(caught.value, ArgumentsInvalid)


def test_types_are_found_when_they_are_asked_for() -> None:
    assert definition(uses_a_later_name).types == {"a": Later}
    assert definition(uses_a_later_name).returns is Later


def test_an_unknown_annotation_is_left_out() -> None:
    made = definition(uses_no_name)
    assert made.types == {"b": int}
    assert made.returns is Any


def test_variable_parameters_have_the_types_of_what_is_recorded() -> None:
    assert definition(variable).types == {"a": int, "rest": tuple[int, ...], "options": dict[str, str]}


def uses_a_later_name(a: "Later") -> "Later":
    return a


def uses_no_name(a: "Missing", b: int) -> "Missing":  # type: ignore[name-defined]  # noqa: F821
    return a


class Later: ...
