"""Tables: laid out and coloured on a terminal, lines with tabs in a pipe.

On a terminal ids stay whole, and what may be cut shares the room that is left. A pipe gets every column, uncut, times
in ISO 8601 and durations in milliseconds, and no titles.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = 2
WIDE = 110
CUT_MIN = 8
"""What may be cut is never shorter than this, or than it is, even where the terminal is too narrow."""

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
    """`cut`: which end of its texts may go. `wide`: only on terminals of `WIDE` columns and more; `piped`: in pipes."""

    title: str
    cut: Literal["no", "left", "right"] = "no"
    wide: bool = False
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
    """For people."""
    shown = [place for place, column in enumerate(columns) if console.width >= WIDE or not column.wide]
    heads = [columns[place] for place in shown]
    cells = [[row[place]._replace(text=one_line(row[place].text)) for place in shown] for row in rows]
    naturals = [
        max(len(head.title), *(_cells_of(row[place].text) for row in cells)) for place, head in enumerate(heads)
    ]
    widths = share(naturals, [head.cut != "no" for head in heads], console.width - GAP * (len(heads) - 1))
    titles = [Cell(head.title, style="dim") for head in heads]
    for row in (titles, *cells):
        console.print(_line(heads, row, widths), soft_wrap=True)


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


def _line(heads: Sequence[Column], row: Iterable[Cell], widths: Sequence[int]) -> "Text":
    from rich.text import Text

    line = Text()
    last = len(heads) - 1
    for place, (head, cell, width) in enumerate(zip(heads, row, widths, strict=True)):
        text = cut_to(cell.text, width, head.cut)
        line.append(text, style=cell.style)
        if place != last:
            line.append(" " * (width - _cells_of(text) + GAP))
    line.rstrip()
    return line


def _cells_of(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
