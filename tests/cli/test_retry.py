"""`perdure retry`."""

from tests.cli.shop import Shop, say


def test_a_failed_run_goes_on(shop: Shop) -> None:
    run_id = shop.runs["failed"]
    done = say("retry", run_id)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        f"run {run_id} goes on",
        "no live worker serves shop:fulfil: the run waits for one; start it with `perdure worker MODULE`",
    ]
    assert say("inspect", "runs", "--status", "failed").stdout == ""
    assert "run_retried" in say("inspect", "events", run_id).stdout


def test_a_run_that_has_nothing_to_go_on_from(shop: Shop) -> None:
    run_id = shop.runs["done"]
    done = say("retry", run_id)
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        done.stderr == f"perdure: run {run_id} is completed: only a failed or blocked run can be retried; use rerun\n"
    )


def test_a_run_that_isnt_there(shop: Shop) -> None:
    assert say("retry", "wrun_" + "0" * 26).exit_code == 3
