"""Logs that can be read in part."""

import pytest

from perdure.codec.keyring import SEALED
from perdure.errors import PayloadLocked
from perdure.inspector.event import list_events
from perdure.inspector.filter import Wanted
from perdure.inspector.reading import Unreadable, read_events
from perdure.inspector.run import show_run
from perdure.inspector.runs import list_runs
from perdure.inspector.steps import list_steps
from perdure.model.event import RunCompleted
from perdure.model.ids import RunId
from tests.cli.shop import Shop
from tests.inspector.damage import spoil
from tests.inspector.looking import ALL, DATA, look


def test_an_event_that_cant_be_read_keeps_its_place(shop: Shop) -> None:
    spoil(shop, "done", "step_completed")
    _, events = look(read_events, RunId(shop.runs["done"]))
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert isinstance(events[4].fact, Unreadable)
    assert (events[4].fact.type, events[4].fact.reason[:18]) == ("step_completed", "the log is damaged")
    assert isinstance(events[5].fact, RunCompleted)


@pytest.mark.parametrize("type", ["run_created", "step_created", "step_completed", "run_completed"])
def test_every_list_still_works(shop: Shop, type: str) -> None:
    spoil(shop, "done", type)
    runs = {view.info.run_id: view.as_json() for view in look(list_runs, Wanted(), (), DATA).items}
    assert len(runs) == len(shop.runs)
    assert runs[shop.runs["done"]]["status"] == "completed"
    assert type in runs[shop.runs["done"]]["reason"]
    assert len(look(list_steps, None, Wanted(), (), ALL).items) == (2 if type == "step_created" else 3)
    assert look(show_run, shop.runs["done"], with_data=True).view.info.status == "completed"


def test_it_is_shown_raw(shop: Shop) -> None:
    spoil(shop, "done", "step_completed")
    data = [event.info.data for event in look(list_events, shop.runs["done"], DATA).items]
    assert data[4]["raw"] == '{"result": \\xff"half'
    assert data[4]["unreadable"].startswith("the log is damaged")
    assert data[3] == {"name": "shop:charge", "input": {"order": "o-1"}}


def test_one_that_is_sealed_is_said_to_be(shop: Shop) -> None:
    spoil(shop, "done", "step_completed", SEALED + b"\x01k" + b"x" * 40)
    with pytest.raises(PayloadLocked):
        look(read_events, RunId(shop.runs["done"]))
    detail = look(show_run, shop.runs["done"], with_data=True)
    assert detail.view.info.locked
    assert "'k'" in (detail.view.info.reason or "")
    assert len(look(list_steps, None, Wanted(), (), ALL).items) == 2
