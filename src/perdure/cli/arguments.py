"""JSON on the command line, `-` from standard input: a payload, or a run's arguments by name or by position.

Nothing here knows the workflow: an array is recorded as it is, and the worker that has the code binds it.
"""

import json
import re
import sys
from typing import Any

from perdure.codec.arguments import encode_arguments
from perdure.codec.value import encode
from perdure.errors import UsageError

_STRING_OR_WORD = re.compile(r'"(?:\\.|[^"\\])*"|-?Infinity|NaN')


def encoded_arguments(text: str | None) -> bytes:
    """The input of a run. None: no arguments. Raises: UsageError with line and column, EncodeError."""
    if text is None:
        return encode_arguments({})
    where, value = _read(text)
    if isinstance(value, dict):
        return encode_arguments(value)  # pyright: ignore[reportUnknownArgumentType] - its keys are texts
    if isinstance(value, list):
        return encode(value, "arguments")  # pyright: ignore[reportUnknownArgumentType]
    raise UsageError(
        f'{where} is {_kind(value)}: write the arguments as an object by name, {{"name": "Ann"}}, '
        'or as an array by position, ["Ann"]'
    )


def json_value(text: str | None) -> Any:
    """Any JSON; None: null. Raises: UsageError with line and column."""
    return None if text is None else _read(text)[1]


def _read(text: str) -> tuple[str, Any]:
    """What an error calls the JSON, and its value."""
    where = "the JSON"
    if text == "-":
        text, where = _standard_input(), "the JSON of standard input"
    return where, _parsed(text, where)


def _standard_input() -> str:
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"standard input is not UTF-8: line {line}, byte {error.start + 1}") from None


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where} is invalid at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except _NoJson as error:
        line, column = _place(text, error.word)
        raise UsageError(f"{where} is invalid at line {line}, column {column}: {error.word} is no JSON") from None
    except ValueError as error:  # a number of thousands of digits
        raise UsageError(f"{where} can't be read: {error}") from None
    except RecursionError:
        raise UsageError(f"{where} is nested too deeply") from None


class _NoJson(Exception):
    def __init__(self, word: str) -> None:
        self.word = word


def _refuse(word: str) -> None:
    raise _NoJson(word)


def _place(text: str, word: str) -> tuple[int, int]:
    """Where a word first stands outside of strings; counted from 1."""
    position = next((match.start() for match in _STRING_OR_WORD.finditer(text) if match[0] == word), 0)
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "a text" if isinstance(value, str) else "a number"
