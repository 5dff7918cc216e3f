"""From recorded input to a call: by name, or by position, bound as Python binds a call."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Raw

from perdure.errors import ArgumentsInvalid, DecodeError
from perdure.replay.arguments import called, read_arguments
from tests.replay.bodied import workflow_of

ran: list[str] = []


async def flow(order: Any, note: str = "", *, loud: bool = False) -> tuple[Any, ...]:
    ran.append("flow")
    return order, note, loud


async def total(first: Decimal, *others: Decimal) -> Decimal:
    return sum(others, first)


def result(function: Any, input: str) -> Any:
    """What the call gives: it awaits nothing."""
    coroutine = called(workflow_of(function), Raw(input.encode()))
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    return caught.value.value


@pytest.mark.parametrize(
    ("input", "given"),
    [
        ('{"order":1}', (1, "", False)),
        ('{ "loud" : true, "order" : 1.0 }', (1.0, "", True)),
        ('[{"a":[null]}]', ({"a": [None]}, "", False)),
        ('[ [1], "x" ]', ([1], "x", False)),
        ('[{"$":"dec","v":"1.50"}]', (Decimal("1.50"), "", False)),
    ],
)
def test_by_name_and_by_position(input: str, given: tuple[Any, ...]) -> None:
    assert result(flow, input) == given


@pytest.mark.parametrize("input", ['["1.5","2"]', '[{"$":"dec","v":"1.5"},{"$":"dec","v":"2"}]', '["3.5"]'])
def test_more_by_position_where_the_function_takes_more(input: str) -> None:
    assert result(total, input) == Decimal("3.5")


def test_values_have_their_annotations_types() -> None:
    with pytest.raises(DecodeError) as caught:
        called(workflow_of(flow), Raw(b'[1,{"a":2}]'))
    assert str(caught.value) == "note can't be read back: it is a dict, where the annotation asks for str"


@pytest.mark.parametrize(
    ("input", "reason"),
    [
        ("[]", "missing a required argument: 'order'"),
        ("{}", "missing a required argument: 'order'"),
        ("[1,2,3,4]", "too many positional arguments"),
        ('["a","b",true]', "too many positional arguments"),
        ('{"order":1,"colour":"red"}', "it has no parameter 'colour'"),
    ],
)
def test_what_does_not_fit(input: str, reason: str) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        called(workflow_of(flow), Raw(input.encode()))
    assert str(caught.value) == f"the arguments don't fit app:flow: {reason}"


@pytest.mark.parametrize("input", ["7", "null", '"[1]"'])
def test_what_is_neither(input: str) -> None:
    with pytest.raises(DecodeError) as caught:
        called(workflow_of(flow), Raw(input.encode()))
    assert str(caught.value).startswith("arguments can't be read back: they are no JSON object by name")


def test_nothing_of_the_function_has_run() -> None:
    ran.clear()
    coroutine = called(workflow_of(flow), Raw(b"[1]"))
    assert (asyncio.iscoroutine(coroutine), ran) == (True, [])
    coroutine.close()


def test_whoever_asks_before_the_call_is_told_what_doesnt_fit() -> None:
    assert read_arguments(workflow_of(flow), Raw(b'[1,"a"]')) == {"order": 1, "note": "a"}
    with pytest.raises(ArgumentsInvalid) as caught:
        read_arguments(workflow_of(flow), Raw(b'[1,{"a":2}]'))
    assert caught.value.reason == "note: it is a dict, where the annotation asks for str"
    assert ran == []
