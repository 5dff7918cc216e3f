"""Where a list goes on."""

import pytest

from perdure.cli.listing import ListOptions
from perdure.cli.place import items_at
from perdure.errors import UsageError


def options(limit: int, cursor: str | None) -> ListOptions:
    return ListOptions(None, limit, cursor, False)


@pytest.mark.parametrize(
    ("limit", "cursor", "expected"),
    [
        (2, None, (["a", "b"], "2")),
        (2, "2", (["c"], None)),
        (3, None, (["a", "b", "c"], None)),
        (2, "1", (["b", "c"], None)),
        (2, "7", ([], None)),
    ],
)
def test_pages(limit: int, cursor: str | None, expected: tuple[list[str], str | None]) -> None:
    assert items_at(options(limit, cursor), ["a", "b", "c"], "hooks") == expected


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "²"])
def test_cursors_that_are_none(cursor: str) -> None:
    with pytest.raises(UsageError) as caught:
        items_at(options(2, cursor), ["a"], "hooks")
    assert str(caught.value) == (
        f"{cursor!r} is no cursor of a list of hooks: give the one that such a list ended with"
    )
