"""Runs."""

import pytest

from perdure.errors import RunNotFound
from perdure.inspector.filter import Wanted
from perdure.inspector.page import Asked
from perdure.inspector.runs import list_runs
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, DATA, look, paged


def test_the_newest_first(shop: Shop) -> None:
    views = look(list_runs, Wanted(), (), ALL).items
    assert [view.info.run_id for view in views] == sorted(shop.runs.values(), reverse=True)
    assert [shown["runId"] for shown in paged(list_runs, Wanted(), (), limit=4)] == [view.info.run_id for view in views]


def test_conditions(shop: Shop) -> None:
    (view,) = look(list_runs, Wanted(workflow="shop:remind"), ("pending",), ALL).items
    assert view.info.run_id == shop.runs["delayed"]


def test_data_only_for_who_asks(shop: Shop) -> None:
    wanted = Wanted("shop:fulfil")
    assert all("input" not in view.as_json() for view in look(list_runs, wanted, (), ALL).items)
    assert {view.info.run_id: view.input for view in look(list_runs, wanted, (), DATA).items} == {
        shop.runs["done"]: {"order": "o-1"},
        shop.runs["failed"]: {"order": "bad"},
    }


def test_a_cursor_that_is_none(shop: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_runs, Wanted(), (), Asked(1, "x"))
