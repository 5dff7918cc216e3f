"""One step."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import Raw

from perdure.core.standing import StepStanding
from perdure.inspector.filter import Wanted
from perdure.inspector.redaction import REDACTED
from perdure.inspector.reference import StepNotFound
from perdure.inspector.step import find_step, step_view
from perdure.inspector.steps import list_steps
from perdure.model.ids import RunId, step_id
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, look
from tests.inspector.test_workflow import run


def step_of(shop: Shop, name: str) -> str:
    return look(list_steps, shop.runs[name], Wanted(), (), ALL).items[0].info.step_id


def test_a_step_with_its_data(shop: Shop) -> None:
    step_id = step_of(shop, "done")
    view = look(find_step, step_id[:-4], None, with_data=True)
    shown = view.as_json()
    assert (shown["stepId"], shown["input"], shown["output"]) == (step_id, {"order": "o-1"}, "ch_o-1")
    assert view.took_ms == (view.info.completed_at - view.info.created_at) // timedelta(milliseconds=1)
    assert not {"input", "output"} & look(find_step, step_id, shop.runs["done"], with_data=False).as_json().keys()


def test_one_that_goes_on_has_taken_no_time_yet(shop: Shop) -> None:
    assert look(find_step, step_of(shop, "retrying"), None, with_data=False).took_ms is None


def test_a_step_of_another_run(shop: Shop) -> None:
    with pytest.raises(StepNotFound):
        look(find_step, step_of(shop, "done"), shop.runs["failed"], with_data=False)


def test_its_attempts(shop: Shop) -> None:
    (attempt,) = look(find_step, step_of(shop, "retrying"), None, with_data=False).as_json()["attempts"]
    assert (attempt["attempt"], attempt["status"], attempt["error"]["type"]) == (1, "failed", "ConnectionError")
    assert "attempts" not in look(list_steps, shop.runs["done"], Wanted(), (), ALL).items[0].as_json()


def test_the_values_of_other_steps_arent_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def viewed(record: Any, standing: StepStanding, *, with_data: bool) -> Any:
        seen.append(standing.key)
        return step_view(record, standing, with_data=with_data)

    two = [StepStanding(key=key, name=key, input=Raw(b"{}"), created_at_ms=1) for key in ("a", "b")]

    async def both(*_: Any) -> list[StepStanding]:
        return two

    run_id = RunId(shop.runs["done"])

    async def named(*_: Any) -> tuple[RunId, str]:
        return run_id, step_id(run_id, "b")

    monkeypatch.setattr("perdure.inspector.step.steps_with_queued", both)
    monkeypatch.setattr("perdure.inspector.step.step_named", named)
    monkeypatch.setattr("perdure.inspector.step.step_view", viewed)
    assert look(find_step, "step_", run_id, with_data=True).info.name == "b"
    assert seen == ["b"]


def test_secrets_are_redacted() -> None:
    standing = StepStanding(
        key="k", name="a:b", input=Raw(b'{"password":"x"}'), output=Raw(b'{"token":"x"}'), created_at_ms=1,
        started_at_ms=1,
    )  # fmt: skip
    view = step_view(run("running"), standing, with_data=True)
    assert (view.info.input, view.info.output) == ({"password": REDACTED}, {"token": REDACTED})
