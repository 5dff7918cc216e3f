"""What the server reads of a column's text is what was in the column, as the store keeps it."""

from typing import Any

import pytest

from perdure.worlds.postgres.array import numbers, optional_texts, texts
from perdure.worlds.postgres.text import write
from tests.worlds.postgres.database import database

pytestmark = pytest.mark.anyio

ODD = [
    "",
    " ",
    "NULL",
    "null",
    "{}",
    "a,b",
    '"',
    "\\",
    '\\"',
    "\\N",
    "\n\t\r\v\f",
    "é 漢 \U0001f600",
    "\0",
    "\x01",
    "\x01\0\"'",
]


async def as_read(url: str, type: str, text: str | None) -> list[Any] | None:
    async with database(url) as connection:
        return await connection.fetchval(f"SELECT $1::text::{type}[]", text)


@pytest.mark.parametrize("column", [[], [""], ["a"], ["a", "b"], ODD, [*ODD, *ODD]], ids=len)
async def test_texts(column: list[str], url: str) -> None:
    assert await as_read(url, "text", texts(column)) == [write(text) for text in column]


async def test_each_odd_text_by_itself(url: str) -> None:
    for text in ODD:
        assert await as_read(url, "text", texts([text, "a"])) == [write(text), "a"]


@pytest.mark.parametrize("column", [[None, "a"], ["NULL", None, *ODD]], ids=len)
async def test_texts_and_nulls(column: list[str | None], url: str) -> None:
    expected = [None if text is None else write(text) for text in column]
    assert await as_read(url, "text", optional_texts(column)) == expected


def test_nulls_alone_are_none() -> None:
    assert optional_texts([]) is optional_texts([None, None]) is None


@pytest.mark.parametrize("column", [[], [1], [0, -(2**63), 2**63 - 1]], ids=len)
async def test_numbers(column: list[int], url: str) -> None:
    assert await as_read(url, "bigint", numbers(column)) == column
