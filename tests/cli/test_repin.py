"""`perdure repin`."""

import msgspec

from tests.cli.shop import Shop, say

UNSERVED = (
    "no live worker of deployment v2 serves shop:remind: the run waits for one; start it, or let other workers have the "
    "run: `perdure repin {} --deployment NAME`"
)


def test_runs_are_moved(shop: Shop) -> None:
    runs = [shop.runs["asleep"], shop.runs["delayed"]]
    done = say("repin", *runs, "--deployment", "v2")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        line for run in runs for line in (f"run {run} is pinned to v2", UNSERVED.format(run))
    ]
    shown = msgspec.json.decode(say("inspect", "run", runs[0], "--json").stdout)
    assert shown["pin"] == "v2"
    assert dict(line.split("\t") for line in say("inspect", "run", runs[0]).stdout.splitlines())["pin"] == "v2"
    assert '"pin":"v2"' in say("inspect", "events", runs[0], "--with-data").stdout
    done = say("repin", runs[0], "--deployment", "v2")
    assert done.stderr.splitlines()[0] == f"run {runs[0]} is pinned to v2, as before"
    done = say("repin", runs[0], "--deployment", "any")
    assert done.stderr.splitlines()[0] == f"run {runs[0]} isn't pinned"
    assert say("inspect", "events", runs[0]).stdout.count("run_repinned") == 2
    assert msgspec.json.decode(say("inspect", "run", runs[0], "--json").stdout)["pin"] is None


def test_a_run_that_has_ended(shop: Shop) -> None:
    run = shop.runs["done"]
    done = say("repin", run, "--deployment", "v2")
    assert done.exit_code == 2
    assert done.stderr == f"perdure: run {run} is completed: no worker will claim it any more; use rerun\n"


def test_bad_names(shop: Shop) -> None:
    done = say("repin", shop.runs["asleep"], "--deployment", "")
    assert done.exit_code == 2
    assert done.stderr.startswith("perdure: deployment='' names no deployment: ")
    assert say("repin", shop.runs["asleep"]).exit_code == 2
    assert say("repin", "--deployment", "v2").exit_code == 2


def test_a_run_that_isnt_there(shop: Shop) -> None:
    assert say("repin", "wrun_" + "0" * 26, "--deployment", "v2").exit_code == 3


def test_a_start_for_a_deployment(shop: Shop) -> None:
    done = say("start", "shop:remind", '{"hours": 1}', "--deployment", "v2")
    assert done.exit_code == 0
    assert done.stderr.startswith("no live worker of deployment v2 serves shop:remind: ")
    assert msgspec.json.decode(say("inspect", "run", done.stdout.strip(), "--json").stdout)["pin"] == "v2"
    done = say("start", "shop:remind", "--deployment", "code:1")
    assert (done.exit_code, done.stdout) == (2, "")
