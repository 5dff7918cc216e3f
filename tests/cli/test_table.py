"""Tables: widths, cuts, colours on a terminal, and lines for programs."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from perdure.cli.table import (
    STYLES,
    Cell,
    Column,
    Row,
    cut_to,
    draw_table,
    one_line,
    share,
    span_cell,
    status_cell,
    tabbed,
    write_table,
)

COLUMNS = (Column("ID"), Column("NAME", cut="left"), Column("AGE", piped=False), Column("WHY", cut="right", room=80))
ROWS = (
    (Cell("a1"), Cell("module:function"), Cell("3 s"), Cell("because")),
    (Cell("b22"), Cell("x"), Cell("1 min", style="red"), Cell("", "raw")),
)


def drawn(width: int, columns: Sequence[Column] = COLUMNS, rows: Sequence[Row] = ROWS, *, colour: bool = False) -> str:
    file = io.StringIO()
    system = "standard" if colour else None
    draw_table(Console(file=file, width=width, force_terminal=True, color_system=system), columns, rows)
    return file.getvalue()


def test_a_narrow_terminal_cuts_and_leaves_out() -> None:
    assert drawn(20).splitlines() == [
        "ID   NAME      AGE",
        "a1   …unction  3 s",
        "b22  x         1 min",
    ]


def test_a_wide_terminal_shows_everything() -> None:
    assert drawn(80).splitlines() == [
        "ID   NAME             AGE    WHY",
        "a1   module:function  3 s    because",
        "b22  x                1 min",
    ]


FOLDS = (Column("ID"), Column("NAME", cut="left"), Column("WHY", cut="right", folds=True), Column("TOOK"))
WHY = "because of this, of that, and of much else"
LONG = ((Cell("a1"), Cell("module:function"), Cell(WHY), Cell("")), (Cell("b22"), Cell("x"), Cell(""), Cell("")))


@pytest.mark.parametrize(
    ("width", "why", "lines"),
    [
        (30, WHY, ["ID   NAME", "a1   module:function", "  because of this, of that, a…", "b22  x"]),
        (61, WHY, ["ID   NAME", "a1   module:function", f"  {WHY}", "b22  x"]),
        (62, WHY, ["ID   NAME             WHY", f"a1   module:function  {WHY[:39]}…", "b22  x"]),
        (30, "why not", ["ID   NAME             WHY", "a1   module:function  why not", "b22  x"]),
        (80, "", ["ID   NAME", "a1   module:function", "b22  x"]),
    ],
)
def test_a_sentence_goes_under_its_row_where_little_would_be_left_of_it(width: int, why: str, lines: list[str]) -> None:
    """And a column that says nothing is left out."""
    (first, *rest) = LONG
    rows = ((*first[:2], Cell(why), first[3]), *rest)
    assert drawn(width, FOLDS, rows).splitlines() == lines


def test_colours() -> None:
    assert "\x1b[31m1 min\x1b[0m" in drawn(80, colour=True)


def test_a_pipe_gets_lines_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(COLUMNS, ROWS)
    assert capsys.readouterr().out == "a1\tmodule:function\tbecause\nb22\tx\traw\n"


def test_no_rows_no_titles(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(COLUMNS, [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("naturals", "cut", "room", "widths"),
    [
        ([3, 20, 20], [False, True, True], 43, [3, 20, 20]),
        ([3, 20, 20], [False, True, True], 33, [3, 15, 15]),
        ([3, 10, 30], [False, True, True], 33, [3, 10, 20]),
        ([3, 30, 10], [False, True, True], 33, [3, 20, 10]),
        ([30, 20], [False, True], 30, [30, 8]),
        ([30, 5], [False, True], 30, [30, 5]),
    ],
)
def test_shares(naturals: list[int], cut: list[bool], room: int, widths: list[int]) -> None:
    assert share(naturals, cut, room) == widths


def test_cuts() -> None:
    assert cut_to("abcdef", 6, "left") == "abcdef"
    assert cut_to("abcdef", 4, "left") == "…def"
    assert cut_to("abcdef", 4, "right") == "abc…"
    assert cut_to("abcdef", 4, "no") == "abcdef"
    assert cut_to("注文注文", 6, "right") == "注文…"  # two columns each


def test_nothing_that_a_terminal_would_obey() -> None:
    assert one_line("a\x1b[31mb\tc\nd\x00é注") == "a [31mb c d é注"
    assert tabbed([Cell("a\tb"), Cell("c", "d\ne")]) == "a b\td e"


def test_a_status_has_its_colour_and_a_duration_its_milliseconds() -> None:
    assert status_cell("failed") == Cell("failed", style="red")
    assert span_cell(None) == Cell("")
    assert span_cell(65_000) == Cell("1 min 5 s", "65000")
    assert set(STYLES) == {"pending", "running", "retrying", "completed", "failed", "cancelled", "blocked"}
