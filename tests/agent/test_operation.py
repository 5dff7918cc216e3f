"""Operations as steps: by reference, one step for each name."""

import pytest

from perdure import Retry, UsageError, start, workflow
from perdure.agent.operation import StepOptions, call_operation, operation_step
from tests.agent.script import called, calls
from tests.agent.test_agent import clean, ran_once
from tests.api.ways import in_every_way

OPTIONS = StepOptions(Retry(max_retries=2, delay=0.01))
OPERATION = operation_step("operations.one", OPTIONS)


@workflow(name="operations:flow")
async def flow(number: int) -> list[int]:
    large = list(range(number))

    async def operation() -> int:
        called()
        return sum(large)

    return [await call_operation("operations.one", OPTIONS, operation) for _ in range(2)]


def test_what_the_body_holds_is_at_hand_and_not_recorded() -> None:
    async def act() -> list[object]:
        run = await start(flow, 1000)
        result = await run.result()
        recorded = sum([len(str(event.data)) async for event in run.events()])
        return [result, recorded < 2000, await ran_once(run), len(calls) >= 2]

    in_every_way(act, flow, OPERATION, gives=[[499500, 499500], True, True, True], before=clean)


def test_a_name_is_tried_in_one_way() -> None:
    assert operation_step("operations.one", StepOptions(Retry(max_retries=2, delay=0.01))) is OPERATION
    with pytest.raises(UsageError, match=r"two agents have steps named 'operations.one', tried in different ways"):
        operation_step("operations.one", StepOptions())
