"""What is measured for what was asked."""

from benchmarks.__main__ import plan
from benchmarks.workload import SYSTEMS
from benchmarks.workloads import WORKLOADS


def names(wanted: list[str], systems: tuple[str, ...] = SYSTEMS) -> list[tuple[str, str]]:
    return [(system, workload.name) for system, workload in plan(wanted, systems)]


def test_everything_is_measured_by_default_and_nothing_twice() -> None:
    planned = names([])
    assert set(planned) == {(system, name) for name in WORKLOADS for system in WORKLOADS[name].systems}
    assert len(planned) == len(set(planned))


def test_the_floor_that_a_bar_refers_to_is_measured_along() -> None:
    assert names(["W4"]) == [("floor", "W1"), ("floor", "W4"), ("perdure", "W4"), ("dbos", "W4")]
    assert names(["W1", "W4"], ("perdure",)) == [("perdure", "W1"), ("perdure", "W4")]
