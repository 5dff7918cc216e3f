"""`perdure wake`."""

from tests.cli.shop import Shop, say


def test_how_many_sleeps_end(shop: Shop) -> None:
    done = say("wake", shop.runs["asleep"])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_run_that_doesnt_sleep(shop: Shop) -> None:
    run_id = shop.runs["done"]
    done = say("wake", run_id)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "0\n", f"run {run_id} has no pending sleep\n")


def test_a_run_that_isnt_there(shop: Shop) -> None:
    assert say("wake", "wrun_" + "0" * 26).exit_code == 3
