"""One thing in detail: on a terminal labels with values under each other, in a pipe `key<tab>value` lines."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from perdure.cli.table import GAP, Cell, one_line, tabbed, terminal

if TYPE_CHECKING:
    from rich.console import Console

WRAP_MIN = 20


class Part(NamedTuple):
    """`key` is for programs, as in JSON; `label` for people. A cell without text and raw is left out on terminals."""

    key: str
    label: str
    cell: Cell


def write_detail(parts: Sequence[Part]) -> None:
    """To standard output. A text of several lines keeps them on a terminal, indented."""
    if sys.stdout.isatty():
        draw_detail(terminal(), parts)
    else:
        for part in parts:
            click.echo(tabbed([Cell(part.key), part.cell]))


def draw_detail(console: "Console", parts: Sequence[Part]) -> None:
    """For people."""
    from rich.text import Text

    shown = [part for part in parts if part.cell.text]
    width = max(len(part.label) for part in shown)
    for part in shown:
        first, *rest = [one_line(line) for line in part.cell.text.rstrip().splitlines()]
        label = Text(part.label.ljust(width + GAP), style="dim")
        if rest:
            console.print(label)
            for line in (first, *rest):
                console.print(Text("  " + line, style=part.cell.style), soft_wrap=True)
        else:
            first, *rest = Text(first, style=part.cell.style).wrap(console, max(console.width - width - GAP, WRAP_MIN))
            console.print(Text.assemble(label, first), soft_wrap=True)
            for line in rest:
                console.print(Text.assemble(" " * (width + GAP), line), soft_wrap=True)
