"""Where a list goes on that is short enough to be read as a whole: so many items in. Its cursors are numbers."""

from collections.abc import Sequence
from typing import TypeVar

from perdure.cli.listing import ListOptions
from perdure.errors import UsageError

T = TypeVar("T")


def items_at(options: ListOptions, items: Sequence[T], what: str) -> tuple[Sequence[T], str | None]:
    """The items that the options ask for, and the cursor for those that follow. Raises: UsageError."""
    first = 0 if options.cursor is None else _place(options.cursor, what)
    end = first + options.limit
    return items[first:end], str(end) if len(items) > end else None


def _place(cursor: str, what: str) -> int:
    if not (cursor.isascii() and cursor.isdigit()):
        raise UsageError(f"{cursor!r} is no cursor of a list of {what}: give the one that such a list ended with")
    return int(cursor)
