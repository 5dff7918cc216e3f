"""Where a list goes on."""

import pytest

from perdure.api.records import Page
from perdure.errors import UsageError
from perdure.inspector.page import Asked, page_of


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
    items, further = expected
    assert page_of(Asked(limit, cursor), ["a", "b", "c"], "hooks") == Page(items=tuple(items), cursor=further)


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "²"])
def test_cursors_that_are_none(cursor: str) -> None:
    with pytest.raises(UsageError) as caught:
        page_of(Asked(2, cursor), ["a"], "hooks")
    assert str(caught.value) == (
        f"{cursor!r} is no cursor of a list of hooks: give the one that such a list ended with"
    )
