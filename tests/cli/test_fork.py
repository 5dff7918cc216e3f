"""`perdure fork`."""

from pathlib import Path

import msgspec

from tests.cli.shop import Shop, say

SHOP = "tests.cli.shop"


def test_a_new_run_from_before_a_step(shop: Shop, folder: Path) -> None:
    (folder / "input.json").write_text('{"order": "good"}')
    done = say("fork", shop.runs["failed"], SHOP, "--from", "charge", "--edit", "input.json", "--by", "ann")
    assert done.exit_code == 0
    assert done.stderr.startswith("no live worker serves shop:fulfil: ")
    run_id = done.stdout.removesuffix("\n")
    shown = say("inspect", "run", run_id, "--json", "--with-data")
    seen = msgspec.json.decode(shown.stdout)
    assert (seen["workflow"], seen["status"], seen["input"]) == ("shop:fulfil", "running", {"order": "good"})
    assert seen["forkedFrom"] == {"runId": shop.runs["failed"], "seq": 3, "edited": []}
    events = [
        msgspec.json.decode(line)
        for line in say("inspect", "events", run_id, "--jsonl", "--with-data").stdout.splitlines()
    ]
    assert [event["type"] for event in events] == ["run_created", "run_started"]
    assert events[0]["data"]["by"] == "ann"
    assert f"\nforkedFrom\t{shop.runs['failed']}\n" in say("inspect", "run", run_id).stdout
    assert "\nforkedFrom\t\n" in say("inspect", "run", shop.runs["failed"]).stdout


def test_edits_from_standard_input(shop: Shop) -> None:
    done = say("fork", shop.runs["done"], SHOP, "--from", "shop:charge", "--edit", "-", input='{"order": "o-9"}')
    assert done.exit_code == 0


def test_an_output_in_place_of_the_recorded_one(shop: Shop, folder: Path) -> None:
    (folder / "charge.json").write_text('"ch_none"')
    done = say("fork", shop.runs["failed"], SHOP, "--set", "charge=charge.json")
    assert done.exit_code == 0
    run_id = done.stdout.removesuffix("\n")
    events = say("inspect", "events", run_id, "--jsonl", "--with-data").stdout.splitlines()
    last = msgspec.json.decode(events[-1])
    assert (last["type"], last["data"]["result"]) == ("step_completed", "ch_none")
    seen = msgspec.json.decode(say("inspect", "run", run_id, "--json").stdout)
    [step] = msgspec.json.decode(say("inspect", "steps", run_id, "--json").stdout)["items"]
    assert seen["forkedFrom"] == {"runId": shop.runs["failed"], "seq": 6, "edited": [step["stepId"]]}
    done = say("fork", shop.runs["done"], SHOP, "--from", "charge", "--set", "charge=-", input='"x"')
    assert done.exit_code == 2 and "which isn't called before that" in done.stderr


def test_what_cannot_be(shop: Shop, folder: Path) -> None:
    run = shop.runs["done"]
    (folder / "list.json").write_text("[1]")
    (folder / "torn.json").write_text("{")
    (folder / "bytes.json").write_bytes(b"\xff")
    (folder / "colour.json").write_text('{"colour": "red"}')
    (folder / "number.json").write_text('{"order": 5}')
    for words, code, said in (
        (("wrun_" + "0" * 26, SHOP, "--from", "charge"), 3, "there is no run wrun_0"),
        ((run, SHOP, "--from", "packs"), 2, f"run {run} has called no step 'packs': give one of these"),
        ((run, "no_such", "--from", "charge"), 2, "there is no module no_such"),
        ((run, SHOP, "--from", "charge", "--edit", "none.json"), 2, "none.json can't be read: No such file"),
        ((run, SHOP, "--from", "charge", "--edit", "list.json"), 2, "list.json holds no object: write the arguments"),
        ((run, SHOP, "--from", "charge", "--edit", "torn.json"), 2, "the JSON is invalid at line 1, column 2"),
        ((run, SHOP, "--from", "charge", "--edit", "bytes.json"), 2, "bytes.json is not UTF-8"),
        ((run, SHOP, "--from", "charge", "--edit", "colour.json"), 2, "it has no parameter 'colour'"),
        ((run, SHOP, "--from", "charge", "--edit", "number.json"), 2, "the arguments don't fit shop:fulfil: order: "),
        ((run, "--from", "charge"), 2, "Missing argument 'MODULE...'"),
        ((run, SHOP), 2, "give a step to fork from, --from STEP, or an output to go on from, --set STEP=FILE"),
        ((run, SHOP, "--set", "charge"), 2, "'charge' sets no output: write STEP=FILE, as in charge=declined.json"),
        ((run, SHOP, "--set", "charge=none.json"), 2, "none.json can't be read: No such file"),
        (
            (run, SHOP, "--set", "charge=list.json"),
            2,
            "this is no output of step shop:charge: output: it is a list",
        ),
        ((run, SHOP, "--set", "packs=list.json"), 2, f"run {run} has called no step 'packs'"),
    ):
        failed = say("fork", *words)
        assert (failed.exit_code, failed.stdout) == (code, ""), words
        assert said in failed.stderr, words
    assert len(say("inspect", "runs", "--jsonl").stdout.splitlines()) == len(shop.runs)
