"""Lists, page by page: what is asked of one, and where a list goes on that is short enough to be read as a whole.

The cursor of such a list is how many items lie before it.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from perdure.api.records import Page
from perdure.errors import UsageError

T = TypeVar("T")
DIGITS_MAX = 16
"""No list is longer, and no World takes a larger number than one of so many digits."""


class Asked(NamedTuple):
    """So many items at most, from where an earlier page ended; `with_data`: inputs, results, metadata and the like too."""

    limit: int
    cursor: str | None = None
    with_data: bool = False


def page_of(asked: Asked, items: Sequence[T], what: str) -> Page[T]:
    """The items that are asked for, of all that there are. Raises: UsageError."""
    first = place_in(asked.cursor, what)
    end = first + asked.limit
    return Page(items=tuple(items[first:end]), cursor=str(end) if len(items) > end else None)


def no_cursor(cursor: str, what: str) -> UsageError:
    """The error for one that no such list gave."""
    return UsageError(f"{cursor!r} is no cursor of a list of {what}: give the one that such a list ended with")


def place_in(cursor: str | None, what: str) -> int:
    """The number that a cursor is; 0 for none. Raises: UsageError."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= DIGITS_MAX):
        raise no_cursor(cursor, what)
    return int(cursor)
