"""What people type for a run or a step: its id, or a beginning of it that no other has."""

from collections.abc import AsyncIterator, Sequence

from perdure.api.info import step_of
from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.errors import PerdureError, RunNotFound, UsageError
from perdure.model.event import StepCreated
from perdure.model.ids import RunId, StepId, is_run_id, step_id
from perdure.model.queue import PREFIX
from perdure.world.query import RunFilter, RunRecord
from perdure.world.world import World

SHOWN = 10


class StepNotFound(PerdureError):
    """No step has this id. Field: `step_id`."""

    def __init__(self, step_id: str, where: str, *, malformed: bool = False) -> None:
        self.step_id = step_id
        super().__init__(
            f"{step_id!r} is not a step's id: one looks like step_ and 26 letters and digits"
            if malformed
            else f"there is no step {step_id} in {where}: check the id and the world's URL"
        )


async def run_named(engine: Engine, text: str) -> RunId:
    """The id. A whole one is taken at its word. Raises: RunNotFound, UsageError where several runs begin so."""
    if is_run_id(text):
        return RunId(text)
    if not _begins_an_id(text, "wrun_"):
        raise RunNotFound(text, malformed=True)
    page = await engine.world.list_runs(RunFilter(prefix=text, limit=SHOWN))
    found = [run.run_id for run in page.runs]
    if not found:
        raise RunNotFound(text)
    if len(found) > 1:
        raise _ambiguous(text, "runs", found, more=page.more)
    return found[0]


async def record_named(engine: Engine, text: str) -> RunRecord:
    """The run's row. Raises: as `run_named`."""
    run_id = await run_named(engine, text)
    record = await engine.world.read_run(run_id)
    if record is None:
        raise RunNotFound(run_id)
    return record


async def step_named(engine: Engine, text: str, run: str | None) -> tuple[RunId, StepId]:
    """The step's run and id; looked for in `run`, else in all, the newest first.

    Raises: as `run_named`, StepNotFound.
    """
    if not _begins_an_id(text, "step_"):
        raise StepNotFound(text, "", malformed=True)
    run_id = None if run is None else step_of(await record_named(engine, run))
    found: list[tuple[RunId, StepId]] = []
    async for match in _steps_that_begin(engine.world, text, run_id):
        if match[1] == text:
            return match
        found.append(match)
    if not found:
        raise StepNotFound(text, "this world" if run_id is None else f"run {run_id}")
    if len(found) > 1:
        raise _ambiguous(text, "steps", [step for _, step in found[:SHOWN]], more=len(found) > SHOWN)
    return found[0]


async def _steps_that_begin(world: World, text: str, run_id: RunId | None) -> AsyncIterator[tuple[RunId, StepId]]:
    """An id is derived from its run's, so nothing says which run it is of: each log is read."""
    everywhere = (run.run_id async for run in walk_runs(world, RunFilter(without=PREFIX)))
    for candidate in [run_id] if run_id is not None else [each async for each in everywhere]:
        log = await world.read_log(candidate)
        for row in log.rows if log is not None else ():
            if row.type == StepCreated.type and (made := step_id(candidate, row.key)).startswith(text):
                yield candidate, made


def _begins_an_id(text: str, kind: str) -> bool:
    """A beginning is well formed if it becomes an id with as many characters more as are missing."""
    return text.startswith(kind) and is_run_id("wrun_" + text.removeprefix(kind).ljust(26, "0"))


def _ambiguous(text: str, what: str, ids: Sequence[str], *, more: bool) -> UsageError:
    listed = "".join(f"\n  {each}" for each in ids) + ("\n  …" if more else "")
    return UsageError(f"{text!r} is the beginning of several {what}: write more of the one that you mean{listed}")
