"""Definitions by name."""

from inspect import signature

import pytest

from perdure.engine.registry import Registry
from perdure.errors import DuplicateName, StepNotRegistered, WorkflowNotRegistered
from perdure.model.definition import Definition, StepDefinition, WorkflowDefinition


async def fulfil() -> None: ...


async def other() -> None: ...


def workflow(name: str = "app:fulfil", place: str = "app.py:1", function: object = fulfil) -> WorkflowDefinition:
    return WorkflowDefinition(name=name, function=function, place=place, signature=signature(fulfil))  # type: ignore[arg-type]


def step(name: str = "app:charge", place: str = "app.py:9") -> StepDefinition:
    return StepDefinition(name=name, function=fulfil, place=place, signature=signature(fulfil))


def test_what_was_added_is_found() -> None:
    registry, flow, act = Registry(), workflow(), step()
    registry.add(flow)
    registry.add(act)
    assert registry.workflow("app:fulfil") is flow
    assert registry.step("app:charge") is act
    assert registry.served == {"app:fulfil"}


def test_what_was_not_is_told() -> None:
    registry = Registry()
    registry.add(step())
    with pytest.raises(WorkflowNotRegistered) as caught:
        registry.workflow("app:charge")
    assert str(caught.value) == ("no workflow named 'app:charge' is registered here: import the module that defines it")
    with pytest.raises(StepNotRegistered) as missing:
        registry.step("app:fulfil")
    assert str(missing.value) == (
        "no step named 'app:fulfil' is registered in this worker: import the module that defines it"
    )


def test_workflows_are_listed_in_order() -> None:
    registry = Registry()
    for name in ("c", "a", "b"):
        registry.add(workflow(name))
    assert registry.workflow_names() == ("a", "b", "c")
    assert [flow.name for flow in registry.workflows()] == ["c", "a", "b"]


def test_a_reload_replaces() -> None:
    registry, later = Registry(), workflow(place="app.py:7")
    registry.add(workflow())
    registry.add(later)
    assert registry.workflow("app:fulfil") is later


@pytest.mark.parametrize(
    "second",
    [workflow(place="elsewhere.py:1"), workflow(function=other), step("app:fulfil", "other.py:3")],
    ids=["another file", "another function", "a step"],
)
def test_a_name_has_one_owner(second: Definition) -> None:
    registry = Registry()
    registry.add(workflow())
    with pytest.raises(DuplicateName) as caught:
        registry.add(second)
    assert str(caught.value) == (
        f"the name 'app:fulfil' is defined twice: at app.py:1 and at {second.place}; give one of them name=…"
    )


def test_who_serves_what_changes_with_each_workflow() -> None:
    """The engine looks at identity to see whether to look again."""
    registry = Registry()
    before = registry.served
    registry.add(step())
    assert registry.served is before
    registry.add(workflow())
    assert registry.served is not before
