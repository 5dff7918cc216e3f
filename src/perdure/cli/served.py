"""Who would run a workflow: what a person is told when a run has to wait for a worker."""

from difflib import get_close_matches

import click

from perdure.engine.engine import Engine
from perdure.world.query import RunRecord


async def tell_if_unserved(engine: Engine, run: RunRecord) -> None:
    """On standard error, that the run waits, and what to do; nothing where a live worker serves it."""
    workers = await engine.world.workers()
    workflow = run.workflow
    if any(worker.serves(workflow, run.pin) for worker in workers):
        return
    if run.pin:
        click.echo(
            f"no live worker of deployment {run.pin} serves {workflow}: the run waits for one; start it, or let other "
            f"workers have the run: `perdure repin {run.run_id} --deployment NAME`",
            err=True,
        )
        return
    sentence = f"no live worker serves {workflow}: the run waits for one; start it with `perdure worker MODULE`"
    near = _near(workflow, frozenset(name for worker in workers if worker.leased for name in worker.workflows))
    if near is not None:
        sentence += f", or did you mean {near}?"
    click.echo(sentence, err=True)


def _near(workflow: str, served: frozenset[str]) -> str | None:
    """Of the served workflows with the same last name the one that is spelt most like it; else one spelt almost so."""
    same = sorted(name for name in served if name.rpartition(":")[2] == workflow.rpartition(":")[2])
    near = get_close_matches(workflow, same, n=1, cutoff=0) or get_close_matches(workflow, sorted(served), n=1)
    return next(iter(near), None)
