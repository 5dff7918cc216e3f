"""`perdure cancel`."""

import msgspec
import pytest

from tests.cli.shop import Shop, say


def seen(run_id: str) -> dict[str, object]:
    return msgspec.json.decode(say("inspect", "run", run_id, "--json").stdout)


def test_a_run_is_asked_to_end(shop: Shop) -> None:
    run_id = shop.runs["asleep"]
    done = say("cancel", run_id, "--reason", "closed")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"run {run_id} was asked to end\n")
    assert seen(run_id)["status"] == "running"


@pytest.mark.parametrize("words", [("--now",), ("--grace", "0")])
def test_a_run_is_ended_at_once(shop: Shop, words: tuple[str, ...]) -> None:
    run_id = shop.runs["asleep"]
    done = say("cancel", run_id, *words, "--reason", "closed")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"run {run_id} is cancelled\n")
    shown = seen(run_id)
    assert (shown["status"], shown["reason"], shown["forced"]) == ("cancelled", "closed", True)


def test_a_run_that_has_ended_is_left_alone(shop: Shop) -> None:
    run_id = shop.runs["done"]
    done = say("cancel", run_id, "--now")
    assert (done.exit_code, done.stderr) == (0, f"run {run_id} has ended already: it is completed\n")


def test_now_is_a_grace(shop: Shop) -> None:
    done = say("cancel", shop.runs["asleep"], "--now", "--grace", "3s")
    assert done.exit_code == 2
    assert done.stderr.endswith("Error: --now is a grace of 0: leave --grace out.\n")


def test_a_run_that_isnt_there(shop: Shop) -> None:
    assert say("cancel", "wrun_" + "0" * 26).exit_code == 3
