"""The sums behind the table, on made-up samples."""

from dataclasses import replace

from benchmarks.table import HEADINGS, Row, draw, number, ratio, row, rows, spread, verdict
from benchmarks.workload import STORES, Bar, Figures, Metric, Trial, Workload, times
from benchmarks.workloads import WORKLOADS

AT_LEAST_HALF_OF_FLOOR = times("≥", 0.5, "floor", "W", "rate", "floor")
AT_MOST_TEN = Bar(sign="≤", factor=10)


def never(trial: Trial) -> Figures:
    raise AssertionError("the table measures nothing")


def workload(*bars: Bar) -> Workload:
    return Workload(
        name="W",
        text="{runs:,} runs",
        metrics=(Metric(key="rate", text="after {runs:,}", unit="runs/s", bars=bars),),
        measure=never,
        size={"runs": 4000},
        quick={"runs": 4},
    )


def only_row(wanted: Workload, samples: dict[tuple[str, str, str], list[float]], *, quick: bool = False) -> Row:
    return row(wanted, "sqlite", wanted.metrics[0], samples, quick=quick)


def test_a_cell_is_the_median_between_the_least_and_the_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2 (1–3)"


def test_one_sample_has_no_spread() -> None:
    assert spread([0.25]) == "0.25"


def test_what_was_not_measured_is_a_dash() -> None:
    assert spread([]) == "–"
    assert ratio([], [1.0]) == "–"
    assert ratio([1.0], []) == "–"


def test_a_ratio_is_of_medians_and_none_to_nothing() -> None:
    assert ratio([1.0, 9.0, 3.0], [2.0]) == "1.5"
    assert ratio([1.0], [0.0]) == "–"


def test_numbers_keep_three_digits_that_matter() -> None:
    assert [number(value) for value in (0.0, 0.01234, 1.234, 99.96, 3434.4, 75000.0)] == [
        "0",
        "0.0123",
        "1.23",
        "100",
        "3,434",
        "75,000",
    ]


def test_a_bar_is_met_at_its_limit_and_missed_beyond_it() -> None:
    samples = {("floor", "W", "rate"): [100.0]}
    assert verdict([50.0], (AT_LEAST_HALF_OF_FLOOR,), samples) == "met"
    assert verdict([49.9], (AT_LEAST_HALF_OF_FLOOR,), samples) == "MISSED"
    assert verdict([10.0], (AT_MOST_TEN,), samples) == "met"
    assert verdict([10.1], (AT_MOST_TEN,), samples) == "MISSED"


def test_the_median_is_judged_not_the_best() -> None:
    assert verdict([1.0, 11.0, 12.0], (AT_MOST_TEN,), {}) == "MISSED"


def test_a_bar_without_its_reference_is_not_measured_but_another_can_still_be_missed() -> None:
    assert verdict([5.0], (AT_LEAST_HALF_OF_FLOOR, AT_MOST_TEN), {}) == "not measured"
    assert verdict([11.0], (AT_LEAST_HALF_OF_FLOOR, AT_MOST_TEN), {}) == "MISSED"


def test_no_bar_no_verdict() -> None:
    assert verdict([5.0], (), {}) == ""


def test_a_row_names_sizes_figures_ratios_and_bars() -> None:
    samples = {("floor", "W", "rate"): [100.0], ("perdure", "W", "rate"): [60.0], ("dbos", "W", "rate"): [6.0]}
    assert only_row(workload(AT_LEAST_HALF_OF_FLOOR, AT_MOST_TEN), samples) == Row(
        cells=(
            "W  4,000 runs",
            "SQLite",
            "after 4,000",
            "runs/s",
            "100",
            "60",
            "6",
            "0.6",
            "10",
            "≥ 0.5 × floor, ≤ 10",
        ),
        verdict="MISSED",
    )


def test_quick_sizes_are_shown_but_not_judged() -> None:
    line = only_row(workload(AT_MOST_TEN), {("perdure", "W", "rate"): [60.0]}, quick=True)
    assert line.cells[0] == "W  4 runs"
    assert line.verdict == "not judged"


def test_each_store_is_compared_with_itself() -> None:
    wanted = workload(AT_LEAST_HALF_OF_FLOOR)
    samples = {
        "sqlite": {("floor", "W", "rate"): [100.0], ("perdure", "W", "rate"): [60.0]},
        "postgres": {("floor", "W", "rate"): [200.0], ("perdure", "W", "rate"): [60.0]},
    }
    lines = rows([(wanted, store) for store in STORES], samples, quick=False)
    assert [(line.cells[1], line.cells[7], line.verdict) for line in lines] == [
        ("SQLite", "0.6", "met"),
        ("PostgreSQL", "0.3", "MISSED"),
    ]


def test_a_figure_that_a_store_has_not_is_no_row() -> None:
    wanted = replace(workload(), metrics=(replace(workload().metrics[0], stores=("postgres",)),))
    assert [
        line.cells[1]
        for line in rows([(wanted, store) for store in STORES], {"sqlite": {}, "postgres": {}}, quick=False)
    ] == ["PostgreSQL"]


def test_the_table_names_a_workload_once_and_each_of_its_stores_once() -> None:
    line = only_row(workload(), {})
    other = replace(line, cells=(line.cells[0], "PostgreSQL", *line.cells[2:]))
    table = draw([line, line, other, other])
    assert [column.header for column in table.columns] == list(HEADINGS)
    assert list(table.columns[0].cells) == ["W  4,000 runs", "", "", ""]
    assert list(table.columns[1].cells) == ["SQLite", "", "PostgreSQL", ""]


def test_bars_refer_to_figures_that_exist_and_are_measured_along() -> None:
    for wanted in WORKLOADS.values():
        for bar in (bar for metric in wanted.metrics for bar in metric.bars if bar.of):
            assert bar.of is not None
            assert bar.of.system in WORKLOADS[bar.of.workload].systems
            assert bar.of.workload in (wanted.name, *wanted.needs)
