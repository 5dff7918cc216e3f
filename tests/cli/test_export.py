"""`perdure export`."""

from pathlib import Path

import msgspec

from perdure.testing.gate.history import read_history
from tests.cli.shop import Shop, say


def test_to_standard_output_and_to_a_file(shop: Shop, folder: Path) -> None:
    done = say("export", shop.runs["failed"])
    assert (done.exit_code, done.stderr) == (0, "")
    title = msgspec.json.decode(done.stdout.splitlines()[0])
    assert (title["runId"], title["workflow"], title["status"]) == (shop.runs["failed"], "shop:fulfil", "failed")
    written = say("export", shop.runs["failed"], "--output", "a.jsonl")
    assert (written.exit_code, written.stdout) == (0, "")
    assert (folder / "a.jsonl").read_text() == done.stdout
    assert len(read_history(done.stdout.encode(), "a").rows) == title["events"]


def test_what_cannot_be(shop: Shop) -> None:
    assert say("export", "wrun_" + "0" * 26).exit_code == 3
    done = say("export", shop.runs["failed"], "--output", "no/such/folder/a.jsonl")
    assert done.exit_code == 2
    assert done.stderr == "perdure: no/such/folder/a.jsonl can't be written: No such file or directory\n"
