"""Each workload once and at its smallest, on the floor where it has one: that it finds its figures, not what they are."""

from collections.abc import Mapping

import pytest

from benchmarks.workload import Store, Trial
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.start_up import unwanted_modules

SMALLEST: Mapping[str, Mapping[str, int]] = {
    "commit": {"commits": 3},
    "W1": {"steps": 3},
    "W2": {"runs": 3, "steps": 2},
    "W3": {"runs": 3},
    "W4": {"steps": 3, "runs": 1},
    "W5": {"runs": 3},
    "W6": {"runs": 40},
    "W7": {"steps": 3, "long_steps": 6},
    "W8": {"chunks": 5},
    "W9": {"runs": 4, "steps": 2},
    "W10": {"middle": 40, "late": 400},
    "W11": {"chats": 2, "turns": 2},
    "W12": {"runs": 2, "calls": 2},
    "start-up": {"starts": 1},
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.workloads.w6_sleepers.TIDY_UP_S", 0)


@pytest.mark.parametrize(("name", "store"), [(name, store) for name in WORKLOADS for store in WORKLOADS[name].stores])
def test_a_workload_finds_every_figure_of_its_rows_and_of_bars_that_refer_to_it(
    name: str, store: Store, request: pytest.FixtureRequest
) -> None:
    place = request.getfixturevalue(store)
    system = WORKLOADS[name].systems[0]
    figures = WORKLOADS[name].measure(Trial(system=system, place=place, size=SMALLEST[name], warm_up_steps=1))
    metrics = [metric for workload in WORKLOADS.values() for metric in workload.metrics]
    referred_to = {bar.of.key for metric in metrics for bar in metric.bars if bar.of and bar.of.workload == name}
    assert {metric.key for metric in WORKLOADS[name].metrics} | referred_to <= set(figures)


@pytest.mark.parametrize("name", WORKLOADS)
def test_its_two_sizes_and_the_smallest_name_the_same_quantities(name: str) -> None:
    assert set(WORKLOADS[name].size) == set(WORKLOADS[name].quick) == set(SMALLEST[name])


def test_an_unwanted_module_is_found_behind_an_import() -> None:
    assert unwanted_modules("pass") == []
    assert "click" in unwanted_modules("import click")
