"""Columns of arguments, as texts of arrays: of a list's elements the driver looks at each, whether it is a list itself."""

from collections.abc import Sequence

from perdure.worlds.postgres.text import write

_TO_QUOTE = str.maketrans({'"': '\\"', "\\": "\\\\"})


def numbers(column: Sequence[int]) -> str:
    return f"{{{str([*column])[1:-1]}}}"


def texts(column: Sequence[str]) -> str:
    """As columns of the store keep them."""
    together = "".join(column)
    if "\0" in together or "\x01" in together or '"' in together or "\\" in together:
        column = [write(text).translate(_TO_QUOTE) for text in column]
    return '{"' + '","'.join(column) + '"}' if column else "{}"


def optional_texts(column: Sequence[str | None]) -> str | None:
    """None at all: nulls are what `unnest` makes of none."""
    if column.count(None) == len(column):
        return None
    return f"{{{','.join(['NULL' if text is None else texts([text])[1:-1] for text in column])}}}"
