"""Runs and steps by their ids, and by beginnings of these."""

import asyncio

import pytest

from perdure.engine.engine import Engine, NewRun
from perdure.errors import RunNotFound, UsageError
from perdure.inspector.reference import StepNotFound, record_named, run_named, step_named
from perdure.model.ids import RunId, StepId, step_id
from tests.cli.shop import Shop
from tests.inspector.looking import NOWHERE, look


def shortest(wanted: str, ids: list[str]) -> str:
    """The shortest beginning that no other id has."""
    return next(
        wanted[:length]
        for length in range(len(wanted))
        if [each for each in ids if each.startswith(wanted[:length])] == [wanted]
    )


def charge_of(shop: Shop, name: str) -> StepId:
    return step_id(RunId(shop.runs[name]), "0/step:shop:charge#0")


def test_a_whole_id_is_taken_at_its_word(shop: Shop) -> None:
    assert look(run_named, NOWHERE) == NOWHERE
    with pytest.raises(RunNotFound) as caught:
        look(record_named, NOWHERE)
    assert str(caught.value) == f"there is no run {NOWHERE} in this world: check the id and the world's URL"


def test_a_beginning_that_only_one_run_has(shop: Shop) -> None:
    ids = [*shop.runs.values()]
    for run_id in ids:
        assert look(run_named, shortest(run_id, ids)) == run_id
        assert look(record_named, shortest(run_id, ids)).run_id == run_id


def test_a_beginning_that_several_runs_have(shop: Shop) -> None:
    with pytest.raises(UsageError) as caught:
        look(run_named, "wrun_")
    newest_first = sorted(shop.runs.values(), reverse=True)
    assert str(caught.value).splitlines() == [
        "'wrun_' is the beginning of several runs: write more of the one that you mean",
        *(f"  {run_id}" for run_id in newest_first),
    ]


def test_not_more_than_ten_are_listed(shop: Shop) -> None:
    async def more(engine: Engine) -> None:
        await asyncio.gather(*(engine.start(NewRun(workflow="x", input=b"{}")) for _ in range(5)))

    look(more)
    with pytest.raises(UsageError) as caught:
        look(run_named, "wrun_")
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (12, "  …")


def test_a_beginning_that_no_run_has(shop: Shop) -> None:
    with pytest.raises(RunNotFound) as caught:
        look(run_named, "wrun_7Z")
    assert str(caught.value) == "there is no run wrun_7Z in this world: check the id and the world's URL"


@pytest.mark.parametrize("text", ["", "7", "wrun", "step_0", "wrun_i", "wrun_0 ", NOWHERE + "0"])
def test_what_is_no_beginning(shop: Shop, text: str) -> None:
    with pytest.raises(RunNotFound) as caught:
        look(run_named, text)
    assert str(caught.value) == f"{text!r} is not a run's id: one looks like wrun_ and 26 letters and digits"


def test_a_step_is_found_in_any_run(shop: Shop) -> None:
    for name in ("done", "failed"):
        step = charge_of(shop, name)
        for text in (step, step[:12]):
            assert look(step_named, text, None) == (shop.runs[name], step)


def test_a_step_is_found_in_its_run_only(shop: Shop) -> None:
    step, run_id = charge_of(shop, "done"), shop.runs["done"]
    assert look(step_named, "step_", run_id) == (run_id, step)
    with pytest.raises(StepNotFound) as caught:
        look(step_named, step, shop.runs["failed"])
    assert str(caught.value) == (
        f"there is no step {step} in run {shop.runs['failed']}: check the id and the world's URL"
    )
    with pytest.raises(RunNotFound):
        look(step_named, step, NOWHERE)


def test_a_beginning_that_several_steps_have(shop: Shop) -> None:
    with pytest.raises(UsageError) as caught:
        look(step_named, "step_", None)
    first, *lines = str(caught.value).splitlines()
    assert first == "'step_' is the beginning of several steps: write more of the one that you mean"
    assert {f"  {charge_of(shop, name)}" for name in ("done", "failed")} < {*lines}
    assert len(lines) == 3


def test_what_is_no_step(shop: Shop) -> None:
    with pytest.raises(StepNotFound, match=r"^there is no step step_0{26} in this world: "):
        look(step_named, "step_" + "0" * 26, None)
    with pytest.raises(StepNotFound, match=r"^'wrun_0' is not a step's id: "):
        look(step_named, "wrun_0", None)
