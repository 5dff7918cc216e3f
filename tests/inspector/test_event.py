"""A run's log."""

import pytest

from perdure.errors import RunNotFound, UsageError
from perdure.inspector.event import list_events
from perdure.inspector.page import Asked
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, DATA, NOWHERE, look, paged


def test_the_log_in_order(shop: Shop) -> None:
    events = look(list_events, shop.runs["done"], DATA).items
    assert [event.info.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.after_ms for event in events] == sorted(event.after_ms for event in events)
    assert events[3].as_json()["data"] == {"name": "shop:charge", "input": {"order": "o-1"}}


def test_data_only_for_who_asks(shop: Shop) -> None:
    assert all("data" not in event.as_json() for event in look(list_events, shop.runs["done"], ALL).items)


def test_pages(shop: Shop) -> None:
    assert (
        paged(list_events, shop.runs["done"], limit=4) == look(list_events, shop.runs["done"], ALL).as_json()["items"]
    )
    past = look(list_events, shop.runs["done"], Asked(4, "7"))
    assert (past.items, past.cursor) == ((), None)


@pytest.mark.parametrize("text", ["", "0", "-1", "x"])
def test_what_is_no_cursor(shop: Shop, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        look(list_events, shop.runs["done"], Asked(4, text))
    assert str(caught.value) == f"{text!r} is no cursor of a list of events: give the one that such a list ended with"


def test_a_run_that_isnt_there(shop: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_events, NOWHERE, ALL)
