"""What is measured for what was asked."""

from benchmarks.__main__ import plan
from benchmarks.workload import STORES, SYSTEMS, Store
from benchmarks.workloads import WORKLOADS


def names(
    wanted: list[str], systems: tuple[str, ...] = SYSTEMS, stores: tuple[Store, ...] = ("sqlite",)
) -> list[tuple[str, str]]:
    return [(system, workload.name) for _, system, workload in plan(wanted, systems, stores)]


def test_everything_is_measured_by_default_and_nothing_twice() -> None:
    planned = [(store, system, workload.name) for store, system, workload in plan([], SYSTEMS, STORES)]
    everything = {
        (store, system, name)
        for name, workload in WORKLOADS.items()
        for store in workload.stores
        for system in workload.systems
    }
    assert set(planned) == everything
    assert len(planned) == len(everything)


def test_the_floor_that_a_bar_refers_to_is_measured_along() -> None:
    assert names(["W4"]) == [("floor", "W1"), ("floor", "W4"), ("perdure", "W4"), ("dbos", "W4")]
    assert names(["W1", "W4"], ("perdure",)) == [("perdure", "W1"), ("perdure", "W4")]


def test_the_floor_is_that_of_the_same_store() -> None:
    planned = [
        (store, system) for store, system, workload in plan(["W3"], SYSTEMS, STORES) if workload.name == "commit"
    ]
    assert planned == [("sqlite", "floor"), ("postgres", "floor")]


def test_systems_take_turns_on_one_store_before_the_next() -> None:
    assert [(store, system) for store, system, _ in plan(["W1"], SYSTEMS, STORES)] == [
        (store, system) for store in STORES for system in SYSTEMS
    ]


def test_what_is_not_measured_on_a_store_is_left_out() -> None:
    assert names(["W9"]) == []
    assert names(["W9"], stores=STORES) == [("floor", "W9"), ("perdure", "W9")]
