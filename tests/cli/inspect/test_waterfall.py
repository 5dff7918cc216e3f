"""Bars of a run's spans: where they begin and end, which marks they have, what fits."""

import io

from rich.console import Console

from perdure.api.records import moment
from perdure.cli.inspect.waterfall import BAR_MIN, NAME_MAX, Scale, waterfall
from perdure.core.attempt import AttemptStanding
from perdure.inspector.span import Timeline, span_info
from perdure.inspector.timeline import Span, SpanKind
from perdure.model.ids import RunId


def drawn(*spans: Span, width: int = 60, now_ms: int = 1000, colour: bool = False) -> list[str]:
    system = "standard" if colour else None
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=system, highlight=False)
    items = tuple(span_info(RunId("wrun_1"), each) for each in spans)
    timeline = Timeline(items=items, created_at=moment(0), now=moment(now_ms))
    with console.capture() as capture:
        for line in waterfall(console, timeline):
            console.print(line, soft_wrap=True)
    return capture.get().splitlines()


def span(kind: SpanKind, began_at_ms: int, ended_at_ms: int | None, name: str = "app:charge", **others: object) -> Span:
    return Span(
        key="a",
        kind=kind,
        name=name,
        status=str(others.pop("status", "completed")),
        began_at_ms=began_at_ms,
        ended_at_ms=ended_at_ms,
        **others,  # type: ignore[arg-type]
    )


def test_nothing() -> None:
    assert drawn() == []


def test_bars_on_one_scale() -> None:
    """60 columns: a name of 6, gaps of 2, 11 for the time: 39 for the bars."""
    first, second = drawn(span("child", 0, 500, "app:charge"), span("child", 500, 1000, "app:charge"))
    assert first == "charge  " + "━" * 20 + " " * 19 + "  " + "     500 ms"
    assert second == "charge  " + " " * 19 + "━" * 20 + "  " + "     500 ms"


def test_what_goes_on_reaches_to_now() -> None:
    [line] = drawn(span("hook", 0, None, "hook approval:7", marks=(0, 1000)), now_ms=1000)
    assert line == "hook approval:7  ◆" + "─" * 28 + "◆  " + "    1.0 s …"


def test_attempts_and_the_pauses_between() -> None:
    attempts = (
        AttemptStanding(number=1, began_at_ms=0, ended_at_ms=200, status="failed"),
        AttemptStanding(number=2, began_at_ms=500, ended_at_ms=1000, status="completed"),
    )
    [line] = drawn(span("step", 0, 1000, attempts=attempts), width=63)
    assert line == "charge (2 attempts)  " + "▒" * 6 + "·" * 8 + "█" * 15 + "        1.0 s"


def test_an_attempt_that_was_interrupted_is_marked() -> None:
    attempts = (AttemptStanding(number=1, began_at_ms=0, ended_at_ms=1000, status="interrupted"),)
    [line] = drawn(span("step", 0, 1000, attempts=attempts))
    assert set(line[8:47]) == {"▒"}


def test_long_names_are_cut_and_hostile_ones_are_harmless() -> None:
    [line] = drawn(span("step", 0, 1000, "app:" + "x" * 50))
    assert line.startswith("…" + "x" * (NAME_MAX - 1))
    [line] = drawn(span("hook", 0, 1000, "hook \x1b[31m\nred"))
    assert "\x1b" not in line


def test_a_narrow_terminal_keeps_some_room_for_bars() -> None:
    [line] = drawn(span("sleep", 0, 1000, "sleep"), width=10)
    assert line.count("─") == BAR_MIN


def test_colours() -> None:
    [line] = drawn(span("sleep", 0, 1000, "sleep"), colour=True)
    assert "\x1b[32m─" in line


def test_a_scale_without_length() -> None:
    assert Scale(5, 5, 10).column(7) == 0
    assert [Scale(0, 10, 5).column(at_ms) for at_ms in (-1, 0, 4, 10, 99)] == [0, 0, 2, 4, 4]
