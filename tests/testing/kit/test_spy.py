"""Steps in a lab: called, noted, replaced, and everything else as the other registry has it."""

import pytest

from perdure.engine.registry import REGISTRY
from perdure.errors import StepNotRegistered, WorkflowNotRegistered
from perdure.model.ids import RunId, step_id
from perdure.replay.scope import SCOPE, Attempt
from perdure.testing.kit.spy import LabRegistry
from tests.testing.kit.refunds import pay, refund_payment, threaded

pytestmark = pytest.mark.anyio
NAME = "lab:refund_payment"


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(RunId("wrun_1"), "0/step#0", NAME, 2, 0, None)


async def test_an_attempt_is_noted_with_its_arguments(attempt: Attempt) -> None:
    registry = LabRegistry(REGISTRY, {})
    SCOPE.set(attempt)
    assert registry.step("lab:threaded").call({"text": "a"}) == "A"
    [call] = registry.called(threaded)
    assert (call.run_id, call.step_id, call.attempt) == ("wrun_1", step_id(RunId("wrun_1"), "0/step#0"), 2)
    assert call.arguments == {"text": "a"}
    assert registry.called("lab:threaded") == [call] and registry.called(refund_payment) == []


async def test_a_fake_gets_its_arguments_by_position_and_may_be_sync_or_async(attempt: Attempt) -> None:
    registry = LabRegistry(REGISTRY, {})
    SCOPE.set(attempt)

    async def later(number: str) -> str:
        return f"later {number}"

    with registry.replace(refund_payment, lambda number, amount=0: f"{number} {amount}"):
        faked = registry.step(NAME)
        assert faked.is_async and faked.timeout_ms == 30_000 and faked.types == refund_payment.definition.types
        assert await faked.call({"order": "o", "cents": 7}) == "o 7"
        with registry.replace(NAME, later):
            assert await registry.step(NAME).call({"order": "o"}) == "later o"
        assert await registry.step(NAME).call({"order": "o"}) == "o 0"
    assert registry.fakes == {}
    assert len(registry.called(NAME)) == 3
    assert registry.step(NAME) is registry.step(NAME), "types are looked up once"


def test_everything_else_is_the_others() -> None:
    registry = LabRegistry(REGISTRY, {})
    assert registry.served is REGISTRY.served
    assert registry.workflow("lab:pay") is pay.definition
    assert registry.workflow_names() == REGISTRY.workflow_names()
    assert registry.workflows() == REGISTRY.workflows() and registry.steps() == REGISTRY.steps()
    registry.add(pay.definition)
    with pytest.raises(WorkflowNotRegistered):
        registry.workflow("lab:unknown")
    with pytest.raises(StepNotRegistered):
        registry.step("lab:unknown")
