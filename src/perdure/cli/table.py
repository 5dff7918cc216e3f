"""Tables: laid out and coloured on a terminal, lines with tabs in a pipe.

On a terminal ids stay whole, and what may be cut shares the room that is left; a sentence for which that is too little has a
line of its own. A pipe gets every column, uncut, times in ISO 8601 and durations in milliseconds, and no titles.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from perdure.cli.human import span

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = 2
USUAL, WIDE = 80, 110
"""How many columns a terminal has, at least."""
CUT_MIN = 8
"""What may be cut is never shorter than this, or than it is, even where the terminal is too narrow."""
READABLE = 40
"""What folds does so before it is shorter than this, or than it is."""

STYLES = {
    "completed": "green",
    "running": "cyan",
    "retrying": "yellow",
    "failed": "red",
    "blocked": "bold red",
    "cancelled": "magenta",
    "pending": "dim",
}
"""The colour of a run's or a step's status."""


class Column(NamedTuple):
    """`cut`: which end of its texts may go. `folds`: where little would be left of them, each goes under its row. `room`:
    only on terminals of so many columns and more; `piped`: in pipes."""

    title: str
    cut: Literal["no", "left", "right"] = "no"
    folds: bool = False
    room: int = 0
    piped: bool = True


class Cell(NamedTuple):
    """`text` is for people; `raw` for programs, None where that is the same."""

    text: str
    raw: str | None = None
    style: str = ""


Row = Sequence[Cell]
"""A cell for each column, in their order; what it has beyond them isn't shown."""


def status_cell(status: str) -> Cell:
    return Cell(status, style=STYLES.get(status, ""))


def span_cell(duration_ms: int | None) -> Cell:
    """How long something took; empty while it goes on."""
    return Cell("") if duration_ms is None else Cell(span(duration_ms), str(duration_ms))


def write_table(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """To standard output. Without rows nothing is written, no titles either."""
    if not rows:
        return
    if sys.stdout.isatty():
        draw_table(terminal(), columns, rows)
    else:
        for row in rows:
            click.echo(tabbed([cell for column, cell in zip(columns, row, strict=False) if column.piped]))


def tabbed(row: Row) -> str:
    """Cells as one line for programs."""
    return "\t".join(one_line(cell.text if cell.raw is None else cell.raw) for cell in row)


def one_line(text: str) -> str:
    """The text without line ends, tabs, and what a terminal would obey."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def terminal() -> "Console":
    """Standard output, for its width and colours; with NO_COLOR neither colours nor dim or bold text."""
    from rich.console import Console

    return Console(
        highlight=False, markup=False, emoji=False, color_system=None if os.environ.get("NO_COLOR") else "auto"
    )


def draw_table(console: "Console", columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """For people. A column that says nothing of any row is left out."""
    from rich.text import Text

    drawn = [
        _Drawn.of(column, [row[place] for row in rows])
        for place, column in enumerate(columns)
        if console.width >= column.room and any(row[place].text for row in rows)
    ]
    beside = [
        each for each, width in zip(drawn, _widths(drawn, console.width), strict=True) if not each.folds_to(width)
    ]
    folded = [each for each in drawn if each not in beside]
    widths = _widths(beside, console.width)
    for line in range(len(rows) + 1):
        console.print(_line([(each.head, each.cells[line]) for each in beside], widths), soft_wrap=True)
        for each in folded:
            if line and each.cells[line].text:
                text = cut_to(each.cells[line].text, console.width - GAP, each.head.cut)
                console.print(Text(" " * GAP + text, style=each.cells[line].style), soft_wrap=True)


class _Drawn(NamedTuple):
    """A column that is drawn: its cells, the title first, and how wide the widest is."""

    head: Column
    cells: list[Cell]
    natural: int

    @classmethod
    def of(cls, head: Column, cells: Iterable[Cell]) -> "_Drawn":
        lines = [Cell(head.title, style="dim"), *(cell._replace(text=one_line(cell.text)) for cell in cells)]
        return cls(head, lines, max(_cells_of(cell.text) for cell in lines))

    def folds_to(self, width: int) -> bool:
        """Whether it goes under its rows rather than be so narrow."""
        return self.head.folds and width < min(self.natural, READABLE)


def _widths(drawn: Sequence[_Drawn], room: int) -> list[int]:
    """Beside each other."""
    return share(
        [each.natural for each in drawn], [each.head.cut != "no" for each in drawn], room - GAP * (len(drawn) - 1)
    )


def share(naturals: Sequence[int], cut: Sequence[bool], room: int) -> list[int]:
    """Widths that fit the room: what may be cut shares what the others leave, the short ones in full."""
    left = room - sum(width for width, may in zip(naturals, cut, strict=True) if not may)
    widths = list(naturals)
    flexible = sorted((place for place, may in enumerate(cut) if may), key=lambda place: naturals[place])
    for done, place in enumerate(flexible):
        fair = max(CUT_MIN, left // (len(flexible) - done))
        widths[place] = min(naturals[place], fair)
        left -= widths[place]
    return widths


def cut_to(text: str, width: int, end: Literal["no", "left", "right"]) -> str:
    """The text, with an ellipsis for what goes at that end, if it is longer than so many columns of a terminal."""
    if end == "no" or _cells_of(text) <= width:
        return text
    kept: list[str] = []
    room = width - 1
    for char in reversed(text) if end == "left" else text:
        room -= _cells_of(char)
        if room < 0:
            break
        kept.append(char)
    return "…" + "".join(reversed(kept)) if end == "left" else "".join(kept) + "…"


def _line(cells: Sequence[tuple[Column, Cell]], widths: Sequence[int]) -> "Text":
    from rich.text import Text

    line = Text()
    for (head, cell), width in zip(cells, widths, strict=True):
        text = cut_to(cell.text, width, head.cut)
        line.append(text, style=cell.style)
        line.append(" " * (width - _cells_of(text) + GAP))
    line.rstrip()
    return line


def _cells_of(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
