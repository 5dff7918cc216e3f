"""Queues by name, and the names of steps in them."""

import pytest

from perdure.model.queue import DEFAULT, PREFIX, is_queue, queue_of, queued_name


@pytest.mark.parametrize("name", [DEFAULT, "gpu", "GPU-2", "eu.west_1", "0", "a" * 64])
def test_a_queue_can_have_this_name(name: str) -> None:
    assert is_queue(name)
    assert queue_of(queued_name(name, "app.steps:embed")) == name


@pytest.mark.parametrize("name", ["", "-gpu", ".gpu", "a/b", "a b", "gpü", "gpu\n", "a:b", "a" * 65])
def test_no_queue_can_have_this_name(name: str) -> None:
    assert not is_queue(name)


@pytest.mark.parametrize("step", ["app:embed", "a/b", "queue:x/y", "line\nline", " "])
def test_a_step_may_have_any_name(step: str) -> None:
    assert queued_name("gpu", step) == f"queue:gpu/{step}"
    assert queued_name("gpu", step).startswith(PREFIX)
    assert queue_of(queued_name("gpu", step)) == "gpu"


@pytest.mark.parametrize(
    "workflow", ["app:fulfil", "queue:fulfil", "queue:gpu", "queue:gpu/", "queue:/x", "my queue:a/b"]
)
def test_other_workflows(workflow: str) -> None:
    assert queue_of(workflow) is None
