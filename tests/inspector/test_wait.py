"""Sleeps and timeouts."""

import pytest

from perdure.errors import RunNotFound, UsageError
from perdure.inspector.page import Asked
from perdure.inspector.wait import list_waits
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, NOWHERE, look, paged


def test_in_the_order_in_which_they_began(desk: Shop) -> None:
    waits = look(list_waits, desk.runs["asking"], ALL).items
    assert [(wait.kind, wait.status) for wait in waits] == [("timeout", "waiting"), ("sleep", "waiting")]
    assert paged(list_waits, desk.runs["asking"]) == [wait.as_json() for wait in waits]


def test_what_isnt_there(desk: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_waits, NOWHERE, ALL)
    with pytest.raises(UsageError, match=r"^'x' is no cursor of a list of waits: "):
        look(list_waits, desk.runs["asking"], Asked(1, "x"))
