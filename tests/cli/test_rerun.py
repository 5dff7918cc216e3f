"""`perdure rerun`."""

import msgspec

from tests.cli.shop import Shop, say


def test_a_new_run_with_the_same_input(shop: Shop) -> None:
    done = say("rerun", shop.runs["failed"])
    assert done.exit_code == 0
    run_id = done.stdout.removesuffix("\n")
    assert run_id not in shop.runs.values()
    seen = msgspec.json.decode(say("inspect", "run", run_id, "--json", "--with-data").stdout)
    assert (seen["workflow"], seen["status"], seen["input"]) == ("shop:fulfil", "pending", {"order": "bad"})
    assert done.stderr.startswith("no live worker serves shop:fulfil: ")


def test_a_run_that_isnt_there(shop: Shop) -> None:
    assert say("rerun", "wrun_" + "0" * 26).exit_code == 3
