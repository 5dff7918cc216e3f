"""Runs."""

import pytest

from perdure.errors import UsageError
from perdure.inspector import runs as module
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
    for cursor in ("x", "wrun_0"):
        with pytest.raises(UsageError, match=f"^'{cursor}' is no cursor of a list of runs: "):
            look(list_runs, Wanted(), (), Asked(1, cursor))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("REMIND", {"asleep", "cancelled", "delayed"}),
        ("o-1", {"done"}),
        ("bad", {"failed"}),
        ("nothing of that", set[str]()),
        ("wrun_", {"asleep", "retrying", "done", "failed", "cancelled", "delayed"}),
    ],
)
def test_a_word_is_searched(shop: Shop, q: str, expected: set[str]) -> None:
    names = {run_id: name for name, run_id in shop.runs.items()}
    assert {names[view.info.run_id] for view in look(list_runs, Wanted(q=q), (), ALL).items} == expected
    assert {names[shown["runId"]] for shown in paged(list_runs, Wanted(q=q), ())} == expected


def test_a_beginning_of_an_id_is_searched(shop: Shop) -> None:
    run_id = shop.runs["done"]
    assert [view.info.run_id for view in look(list_runs, Wanted(q=run_id), (), ALL).items] == [run_id]


def test_a_page_of_a_search_ends_where_it_has_looked_through_enough(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 2)
    monkeypatch.setattr(module, "SEARCHED", 4)
    newest = sorted(shop.runs.values(), reverse=True)
    page = look(list_runs, Wanted(q="nothing of that"), (), ALL)
    assert (page.items, page.cursor) == ((), newest[3])
    page = look(list_runs, Wanted(q="nothing of that"), (), Asked(9, page.cursor))
    assert (page.items, page.cursor) == ((), None)
