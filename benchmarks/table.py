"""The table: medians with their spread, ratios, and whether perdure clears its bars. Nothing is measured here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from rich import box
from rich.table import Table

from benchmarks.workload import SYSTEMS, Bar, Metric, Store, Workload

Samples = Mapping[tuple[str, str, str], list[float]]
"""Every repeat's value on one store, by system, workload and the metric's key."""

HEADINGS = (
    "workload",
    "store",
    "figure",
    "unit",
    "floor",
    "perdure",
    "DBOS",
    "÷ floor",
    "÷ DBOS",
    "bar for perdure",
    "",
)
NAMES: Mapping[Store, str] = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
NOT_MEASURED = "–"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line, as texts."""

    cells: tuple[str, ...]
    verdict: str
    """`met`, `MISSED`, `not measured`, `not judged` (quick sizes prove nothing), or empty where there is no bar."""


def rows(measured: Iterable[tuple[Workload, Store]], samples: Mapping[Store, Samples], *, quick: bool) -> list[Row]:
    return [
        row(workload, store, metric, samples[store], quick=quick)
        for workload, store in measured
        for metric in workload.metrics
        if store in metric.stores
    ]


def row(workload: Workload, store: Store, metric: Metric, samples: Samples, *, quick: bool) -> Row:
    size = workload.quick if quick else workload.size
    values = {system: samples.get((system, workload.name, metric.key), []) for system in SYSTEMS}
    cells = (
        f"{workload.name}  {workload.text.format(**size)}",
        NAMES[store],
        metric.text.format(**size),
        metric.unit,
        *(spread(values[system]) for system in SYSTEMS),
        ratio(values["perdure"], values["floor"]),
        ratio(values["perdure"], values["dbos"]),
        ", ".join(bar_text(bar) for bar in metric.bars).format(**size),
    )
    judged = verdict(values["perdure"], metric.bars, samples)
    return Row(cells=cells, verdict="not judged" if quick and judged else judged)


def spread(values: list[float]) -> str:
    """`median (least–most)`; one value alone stands without a spread."""
    if not values:
        return NOT_MEASURED
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))}–{number(max(values))})"


def ratio(values: list[float], others: list[float]) -> str:
    if not values or not others or median(others) == 0:
        return NOT_MEASURED
    return number(median(values) / median(others))


def number(value: float) -> str:
    """Three digits that matter, thousands in groups."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else "0"


def bar_text(bar: Bar) -> str:
    return f"{bar.sign} {number(bar.factor)}" + (f" × {bar.of.text}" if bar.of else "")


def limit(bar: Bar, samples: Samples) -> float | None:
    """The value that the bar asks for; None if what it is a multiple of wasn't measured."""
    if bar.of is None:
        return bar.factor
    others = samples.get((bar.of.system, bar.of.workload, bar.of.key))
    return bar.factor * median(others) if others else None


def verdict(values: list[float], bars: tuple[Bar, ...], samples: Samples) -> str:
    """One missed bar is `MISSED`, whatever else wasn't measured."""
    if not bars:
        return ""
    if not values:
        return "not measured"
    limits = [(bar.sign, limit(bar, samples)) for bar in bars]
    found = median(values)
    if any(asked is not None and (found < asked if sign == "≥" else found > asked) for sign, asked in limits):
        return "MISSED"
    return "not measured" if any(asked is None for _, asked in limits) else "met"


def draw(lines: list[Row]) -> Table:
    table = Table(*HEADINGS, box=box.SIMPLE_HEAD)
    styles = {"met": "green", "MISSED": "bold red"}
    for column in table.columns[4:9]:
        column.justify = "right"
    named, on = "", ""
    for line in lines:
        name, store, *others = line.cells
        shown = ("" if name == named else name, "" if (name, store) == (named, on) else store)
        table.add_row(*shown, *others, line.verdict, style=styles.get(line.verdict))
        named, on = name, store
    return table
