"""A run's spans as bars on one scale of time, for terminals.

Each kind has a mark of its own, so that the picture reads without colours: `█` an attempt, `▒` one that failed or was
interrupted, `·` the pause before the next, `─` a sleep or a hook that waits, `┄` a timeout, `◆` a payload, `━` a child.
"""

from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from perdure.cli.human import counted, span
from perdure.cli.table import GAP, STYLES, cut_to, one_line
from perdure.inspector.span import AttemptInfo, SpanInfo, Timeline
from perdure.inspector.timeline import SpanKind

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

NAME_MAX, BAR_MIN, TOOK = 28, 10, 11
LINES: dict[SpanKind, str] = {"step": "·", "sleep": "─", "timeout": "┄", "hook": "─", "child": "━"}
MARK, RUNS, BROKE = "◆", "█", "▒"
ATTEMPT_STYLES = {
    "completed": "green",
    "running": "cyan",
    "failed": "red",
    "interrupted": "yellow",
    "cancelled": "magenta",
}


class Scale(NamedTuple):
    """Which column of so many a moment lies in."""

    from_ms: int
    to_ms: int
    columns: int

    def column(self, at_ms: int) -> int:
        if self.to_ms <= self.from_ms:
            return 0
        part = (at_ms - self.from_ms) / (self.to_ms - self.from_ms)
        return min(max(int(part * self.columns), 0), self.columns - 1)


def waterfall(console: "Console", timeline: Timeline) -> "list[Text]":
    """A line for each span, from the run's start to its end, or till now."""
    from rich.text import Text

    if not timeline.items:
        return []
    now_ms = _ms(timeline.now)
    from_ms = min(_ms(at) for at in (timeline.created_at, *(each.started_at for each in timeline.items)))
    names = [_name(each) for each in timeline.items]
    width = min(max(len(name) for name in names), NAME_MAX)
    room = max(console.width - width - TOOK - 2 * GAP, BAR_MIN)
    ends_ms = max(_end_ms(each, now_ms) for each in timeline.items)
    scale = Scale(from_ms, max(ends_ms, from_ms + 1), room)
    lines: list[Text] = []
    for each, name in zip(timeline.items, names, strict=True):
        line = Text(cut_to(name, width, "left").ljust(width + GAP))
        line.append_text(_bar(each, scale, now_ms))
        line.append(" " * GAP)
        line.append(_took(each, now_ms).rjust(TOOK), style="dim")
        lines.append(line)
    return lines


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _end_ms(each: SpanInfo | AttemptInfo, now_ms: int) -> int:
    """Its end, or now."""
    return now_ms if each.ended_at is None else _ms(each.ended_at)


def _name(each: SpanInfo) -> str:
    name = one_line(each.name).rpartition(":")[2] if each.kind in ("step", "child") else one_line(each.name)
    failed = len(each.attempts) > 1
    return f"{name} ({counted(len(each.attempts), 'attempt')})" if failed else name


def _took(each: SpanInfo, now_ms: int) -> str:
    took = span(max(_end_ms(each, now_ms) - _ms(each.started_at), 0))
    return f"{took} …" if each.ended_at is None else took


def _bar(each: SpanInfo, scale: Scale, now_ms: int) -> "Text":
    from rich.text import Text

    cells, styles = [" "] * scale.columns, [""] * scale.columns
    ended_ms = _end_ms(each, now_ms)

    def draw(from_ms: int, to_ms: int, char: str, style: str) -> None:
        first = scale.column(from_ms)
        for place in range(first, max(scale.column(to_ms), first) + 1):
            cells[place], styles[place] = char, style

    draw(_ms(each.started_at), ended_ms, LINES[each.kind], STYLES.get(each.status, "dim"))
    for attempt in each.attempts:
        draw(_ms(attempt.started_at), _end_ms(attempt, ended_ms), _char(attempt), ATTEMPT_STYLES[attempt.status])
    for at in each.marks:
        draw(_ms(at), _ms(at), MARK, "bold")
    bar = Text()
    for style, places in groupby(range(scale.columns), key=lambda place: styles[place]):
        bar.append("".join(cells[place] for place in places), style=style)
    return bar


def _char(attempt: AttemptInfo) -> str:
    return BROKE if attempt.status in ("failed", "interrupted") else RUNS
