"""What a workflow or a step knows about itself, and where these verbs don't belong."""

from datetime import UTC
from typing import Any

import pytest

from perdure import (
    NotInStep,
    NotInWorkflow,
    RunFailed,
    get_step_metadata,
    get_workflow_metadata,
    heartbeat,
    start,
    step,
    workflow,
)

pytestmark = pytest.mark.anyio

HERE = __name__
IN_A_STEP = "call it in the function that @step decorates"


@step
async def describes_itself() -> list[Any]:
    found = get_step_metadata()
    return [found.step_id, found.step_name, found.attempt, found.started_at, found.run_id, found.progress]


@step
def describes_itself_in_a_thread() -> list[Any]:
    found = get_step_metadata()
    return [found.step_id, found.step_name]


@workflow
async def describes() -> list[Any]:
    found = get_workflow_metadata()
    return [
        [found.run_id, found.workflow_name, found.started_at],
        await describes_itself(),
        await describes_itself(),
        await describes_itself_in_a_thread(),
    ]


async def test_what_they_know() -> None:
    run = await start(describes)
    mine, first, second, sync = await run.result()
    info = await run.info()
    assert mine == [run.run_id, f"{HERE}:describes", info.started_at]
    assert mine[2].tzinfo is UTC
    steps = [each async for each in run.steps()]
    assert first.pop(3) >= info.started_at
    assert first == [steps[0].step_id, f"{HERE}:describes_itself", 1, run.run_id, None]
    assert second[0] == steps[1].step_id != first[0]
    assert sync == [steps[2].step_id, f"{HERE}:describes_itself_in_a_thread"]


async def test_outside_of_a_run() -> None:
    with pytest.raises(NotInWorkflow) as caught:
        get_workflow_metadata()
    assert str(caught.value) == (
        "get_workflow_metadata was called outside of a workflow: in a step, get_step_metadata() has the run's id"
    )
    with pytest.raises(NotInStep) as not_in_step:
        get_step_metadata()
    assert str(not_in_step.value) == f"get_step_metadata was called outside of a step: {IN_A_STEP}"
    with pytest.raises(NotInStep) as not_in_step:
        await heartbeat()
    assert str(not_in_step.value) == f"heartbeat was called outside of a step: {IN_A_STEP}"
    with pytest.raises(NotInStep):
        await describes_itself()


@step(max_retries=0)
async def thinks_itself_a_workflow() -> None:
    get_workflow_metadata()


@workflow
async def mixes_them_up(which: str) -> None:
    if which == "step":
        await thinks_itself_a_workflow()
    elif which == "heartbeat":
        await heartbeat(1)
    else:
        get_step_metadata()


@pytest.mark.parametrize(("which", "error"), [("step", NotInWorkflow), ("body", NotInStep), ("heartbeat", NotInStep)])
async def test_one_is_not_the_other(which: str, error: type[Exception]) -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(mixes_them_up, which)).result()
    assert type(caught.value.__cause__) is error
