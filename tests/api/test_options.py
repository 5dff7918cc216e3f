"""Options of a start: the limits of attributes, and that they are checked before anything is written."""

from typing import Any

import pytest

from perdure import AttributeInvalid, StartOptions, UsageError
from perdure.api.options import check_attributes, check_by


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {f"k{n}": "v" for n in range(65)},
            "the attribute 'k0' can't be set: there are 65 of them, 64 are allowed",
        ),
        ({"": "v"}, "the attribute '' can't be set: its key is not a text with at least one character"),
        ({7: "v"}, "the attribute '7' can't be set: its key is not a text with at least one character"),
        (
            {"k" * 257: "v"},
            "the attribute 'kkkkkkkkkkkkkkkkkkkk…' can't be set: its key has 257 characters, 256 are allowed",
        ),
        ({"k": 7}, "the attribute 'k' can't be set: its value is of type int, not a text"),
        ({"k": "v" * 257}, "the attribute 'k' can't be set: its value is longer than 256 bytes"),
        ({"k": "ä" * 129}, "the attribute 'k' can't be set: its value is longer than 256 bytes"),
    ],
)
def test_attributes_over_a_limit(changes: Any, sentence: str) -> None:
    with pytest.raises(AttributeInvalid) as caught:
        StartOptions(attributes=changes)
    assert str(caught.value) == sentence


def test_attributes_at_the_limits() -> None:
    most = {f"{n:0256}": "ä" * 128 for n in range(64)}
    assert StartOptions(attributes=most).attributes == most


def test_none_removes_an_attribute() -> None:
    assert check_attributes({"old": None}) == {"old": None}


def test_what_is_checked_is_a_copy() -> None:
    given: dict[str, str | None] = {"k": "v"}
    checked = check_attributes(given)
    given["k"] = "changed"
    assert checked == {"k": "v"}


def test_options_by_default() -> None:
    options = StartOptions()
    assert (options.idempotency_key, options.on_conflict, options.delay, options.attributes) == (
        None,
        "return",
        None,
        {},
    )


def test_who_acts() -> None:
    for name in (None, "ann", "Zoë Müller", "x" * 200):
        check_by(name)


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        ("", "by='' names nobody: give 1 to 200 printable characters"),
        ("a\tb", r"by='a\tb' names nobody: give 1 to 200 printable characters"),
        ("x" * 201, f"by='{'x' * 40}' names nobody: give 1 to 200 printable characters"),
        (7, "by=7 is of type int: give a text, such as '7'"),
    ],
)
def test_what_names_nobody(by: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_by(by)
    assert str(caught.value) == sentence
