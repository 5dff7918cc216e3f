"""What a workflow's body asks of other runs, as built-in steps: so it is recorded, and a replay gets the same answers."""

from perdure.api.connect import CONNECTION
from perdure.api.launch import launch
from perdure.api.options import StartOptions
from perdure.api.outcome import result_of
from perdure.api.step import step
from perdure.errors import RunError, RunNotFound
from perdure.model.ids import RunId
from perdure.model.retry import Retry
from perdure.model.status import Status
from perdure.replay.scope import current_attempt

RETRY = Retry(max_retries=20, give_up_on=(RunError,))
"""A World that is away is tried again for minutes; what is wrong with the other run is told at once."""


@step(name="perdure:run.result", retry=RETRY)
async def relay_result(run_id: str) -> str:
    """The result's JSON."""
    fact = await (await CONNECTION.engine()).end(RunId(run_id))
    return bytes(result_of(run_id, fact)).decode()


@step(name="perdure:run.status", retry=RETRY)
async def relay_status(run_id: str) -> Status:
    record = await (await CONNECTION.engine()).world.read_run(RunId(run_id))
    if record is None:
        raise RunNotFound(run_id)
    return record.status


@step(name="perdure:run.cancel", retry=RETRY)
async def relay_cancel(run_id: str, reason: str | None, grace_ms: int | None, by: str | None = None) -> bool:
    return await (await CONNECTION.engine()).cancel(RunId(run_id), reason, grace_ms, by)


@step(name="perdure:start", retry=RETRY)
async def relay_start(
    workflow: str,
    input: str,
    idempotency_key: str | None,
    on_conflict: str,
    attributes: dict[str, str],
    deployment: str | None = None,
) -> str:
    """Start a run under a key that the workflow gave, or for a deployment; the run that asks is its parent."""
    attempt = current_attempt()
    if idempotency_key is None and attempt is not None:
        idempotency_key = attempt.next_start_key()
    options = StartOptions(
        idempotency_key=idempotency_key,
        on_conflict="fail" if on_conflict == "fail" else "return",
        attributes=attributes,
        deployment=deployment,
    )
    engine = await CONNECTION.engine()
    return await launch(engine, workflow, input.encode(), options, attempt.run_id if attempt else None)
