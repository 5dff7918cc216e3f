"""`perdure inspect workflows`."""

import msgspec

from perdure.cli.inspect.workflows import COLUMNS, row_of
from perdure.cli.table import Cell
from perdure.inspector.workflow import SAMPLE, WorkflowInfo
from tests.cli.shop import Shop, say


def test_those_that_have_run(shop: Shop) -> None:
    lines = [line.split("\t") for line in say("inspect", "workflows").stdout.splitlines()]
    assert [line[:9] for line in lines] == [
        ["shop:fulfil", "0", "2", "0", "0", "0", "1", "0", "1"],
        ["shop:inquire", "0", "1", "0", "1", "0", "0", "0", "0"],
        ["shop:remind", "0", "3", "1", "1", "0", "0", "1", "0"],
    ]
    assert lines[0][9].isdecimal()
    assert lines[1][9:] == ["", ""]
    shown = msgspec.json.decode(say("inspect", "workflows", "--json").stdout)["items"][0]
    assert (shown["name"], shown["failedShare"], shown["counts"]) == ("shop:fulfil", 0.5, {"completed": 1, "failed": 1})


def test_rows() -> None:
    info = WorkflowInfo(
        name="a:b", workers=1, sampled=SAMPLE, counts={"failed": SAMPLE}, started_last_hour=SAMPLE, p50_ms=None,
        p95_ms=1234, failed_share=1.0,
    )  # fmt: skip
    row = row_of(info)
    assert len(row) == len(COLUMNS)
    assert (row[2], row[6]) == (Cell("200+", "200"), Cell("200", style="red"))
    assert row[9:] == (Cell(""), Cell("1.2 s", "1234"))
