"""One thing in detail, for people and for programs."""

import io

import pytest
from rich.console import Console

from perdure.cli.detail import Part, draw_detail, write_detail
from perdure.cli.table import Cell

PARTS = [
    Part("runId", "run", Cell("wrun_1")),
    Part("durationMs", "took", Cell("1.2 s", "1234")),
    Part("parentId", "parent", Cell("")),
    Part("error", "error", Cell("one two three four five six seven eight")),
    Part("traceback", "traceback", Cell("first\n  second\x1b[31m\n")),
]


def test_on_a_terminal() -> None:
    file = io.StringIO()
    draw_detail(Console(file=file, width=33, force_terminal=True, color_system=None), PARTS)
    assert [line.rstrip() for line in file.getvalue().splitlines()] == [
        "run        wrun_1",
        "took       1.2 s",
        "error      one two three four",
        "           five six seven eight",
        "traceback",
        "  first",
        "    second [31m",
    ]


def test_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    write_detail(PARTS)
    assert capsys.readouterr().out.splitlines() == [
        "runId\twrun_1",
        "durationMs\t1234",
        "parentId\t",
        "error\tone two three four five six seven eight",
        "traceback\tfirst   second [31m ",
    ]
