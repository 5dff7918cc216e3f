"""The steps of one run, and of many."""

import pytest

from perdure.errors import RunNotFound, UsageError
from perdure.inspector.filter import Wanted
from perdure.inspector.page import Asked
from perdure.inspector.steps import Place, list_steps, place_of
from perdure.model.ids import RunId
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, NOWHERE, look, paged


def test_of_all_runs_the_newest_run_first(shop: Shop) -> None:
    steps = look(list_steps, None, Wanted(), (), ALL).items
    assert [step.info.run_id for step in steps] == sorted(
        (shop.runs[name] for name in ("retrying", "done", "failed")), reverse=True
    )
    assert paged(list_steps, None, Wanted(), ()) == [step.as_json() for step in steps]


def test_conditions(shop: Shop) -> None:
    (step,) = look(list_steps, None, Wanted(), ("failed",), ALL).items
    assert step.info.run_id == shop.runs["failed"]
    (step,) = look(list_steps, None, Wanted(attributes=(("order", "o-1"),)), (), ALL).items
    assert step.info.run_id == shop.runs["done"]


def test_a_page_goes_on_in_the_same_run(shop: Shop) -> None:
    run_id = shop.runs["done"]
    assert look(list_steps, run_id, Wanted(), (), Asked(9, f"{run_id}:1")).items == ()
    assert len(look(list_steps, run_id, Wanted(), (), Asked(9, f"{run_id}:0")).items) == 1


def test_cursors() -> None:
    run_id = RunId(NOWHERE)
    assert place_of(str(Place(run_id, 12))) == Place(run_id, 12)
    for text in ("", "12", "wrun_1:2", f"{run_id}:x", f"{run_id}:-1"):
        with pytest.raises(UsageError) as caught:
            place_of(text)
        assert str(caught.value) == (
            f"{text!r} is no cursor of a list of steps: give the one that such a list ended with"
        )


def test_a_run_that_isnt_there(shop: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_steps, NOWHERE, Wanted(), (), ALL)
